"""Incidents and rules over REST."""
