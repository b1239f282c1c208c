"""Taking back what a run wrote: the orders of an undo, on the machine that sends every order."""
