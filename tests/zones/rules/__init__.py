"""Tests of what zones decides, without a database."""
