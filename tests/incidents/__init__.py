"""Tests of apps.incidents."""
