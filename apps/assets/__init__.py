"""Asset kinds, assets, their identifiers and their devices: what can be tracked and who owns it."""
