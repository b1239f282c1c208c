"""What an answer, or its absence, means: pure decisions."""
