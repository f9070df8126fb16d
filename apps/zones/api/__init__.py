"""The REST face of zones."""
