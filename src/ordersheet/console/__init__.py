"""What a terminal or a log shows while something runs."""
