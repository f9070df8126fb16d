"""Plain typed functions that make rows for tests."""
