"""Settings: ``base`` for all; ``dev``, ``test`` and ``prod`` say only what differs."""
