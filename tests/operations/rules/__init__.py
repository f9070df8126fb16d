"""Tests of what operations decides, without a database."""
