"""The demonstration: real traffic of one hour, who watches it, and the replay of it."""
