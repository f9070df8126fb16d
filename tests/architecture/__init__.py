"""Tests that hold the shape of the code, not its behaviour."""
