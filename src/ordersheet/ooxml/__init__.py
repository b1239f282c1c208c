"""The Office Open XML package: the zip, its XML, and cell references; for reading and for giving back."""
