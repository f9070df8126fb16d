"""CQL2, once: read, checked against what a noun lets be asked, compiled to SQL and to Python."""
