""".ods: what LibreOffice shows."""
