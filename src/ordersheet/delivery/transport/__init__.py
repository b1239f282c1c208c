"""How one request travels: the only room that touches the network."""
