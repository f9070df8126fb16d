"""Zones, their kinds and kept versions, and the answer to "which zones in force contain these fixes"."""
