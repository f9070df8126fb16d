"""Faults with real processes: something is killed in the middle, then what is missing and what is double is counted."""
