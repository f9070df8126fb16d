"""Tests of operations over REST."""
