"""`forget_events` and `begin_epoch`."""
