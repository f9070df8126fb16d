"""`describe_events`."""
