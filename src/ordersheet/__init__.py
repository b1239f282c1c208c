"""ordersheet: a spreadsheet of orders in, the same spreadsheet with `ok` or `no` beside every row out."""
