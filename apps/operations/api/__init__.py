"""The REST face of operations."""
