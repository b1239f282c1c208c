"""What gets a person going: the key, a profile, one question to the shop, and a diagnosis."""
