"""Files handed over to workers on any number of machines, through a ledger that all of them share."""
