""".xlsx and .xlsm: the sheet read as a stream."""
