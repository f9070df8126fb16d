"""`clock` and `worker`."""
