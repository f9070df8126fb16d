"""Signing in with a real identity provider, a process of its own."""
