"""The REST face of assets."""
