"""Columns put into the person's own workbook, every other byte as it was."""
