"""Tests of apps.lifecycle."""
