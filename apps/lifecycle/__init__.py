"""Lifecycles as versioned data: what state a thing is in, what may happen to it, and when the clock acts."""
