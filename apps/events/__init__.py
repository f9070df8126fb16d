"""The one ordered log of everything that happened: outbox, audit trail and feed at once."""
