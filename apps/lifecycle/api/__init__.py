"""Transitions as a sub-resource: the building block that every noun with a lifecycle serves."""
