"""Positions, presence and findings: where things are, where they were, and what that means."""
