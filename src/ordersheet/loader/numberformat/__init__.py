"""Numbers as their formats show them, by an allow-list."""
