"""The other end of the webhooks benchmark."""
