"""``load_demo`` and ``replay_demo``."""
