"""The event log over REST."""
