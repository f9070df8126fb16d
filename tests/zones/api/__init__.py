"""Tests of zones over REST."""
