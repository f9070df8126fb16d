"""Filters over REST: the parameters that every list takes, and what may be asked about each noun."""
