"""The REST face of tracking, and the device protocols for whoever comes to ``web``."""
