"""CSV: encoding, dialect, and records as the person sees them."""
