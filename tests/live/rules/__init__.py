"""The pure rules of the feed."""
