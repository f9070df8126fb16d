"""Watchfloor's applications: each deep, each with one small door."""
