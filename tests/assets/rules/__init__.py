"""Tests of what assets decides, without a database."""
