"""The commands of the edge."""
