"""What is already done: decided purely, from the history of each field and what a file asks of it."""
