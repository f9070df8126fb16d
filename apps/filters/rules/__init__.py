"""What a filter means: reading, checking, writing and deciding. Pure."""
