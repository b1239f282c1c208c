"""Reading many orders with few requests: pages where orders lie densely, single reads elsewhere."""
