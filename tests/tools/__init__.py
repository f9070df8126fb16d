"""The set-up's own tools."""
