"""The page on this computer: for people without a terminal. It calls the pipeline as the command does."""
