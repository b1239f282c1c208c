"""One verb a module: send, check, preview, rereport; and what passes between the two readings of a file."""
