"""The feed: what a person may see, told over WebSocket as it happens (docs/feed.md)."""
