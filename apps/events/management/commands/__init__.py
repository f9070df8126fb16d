"""`forget_events`, `begin_epoch` and `replay`."""
