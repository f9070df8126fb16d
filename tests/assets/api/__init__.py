"""Tests of assets over REST."""
