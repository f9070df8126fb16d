"""The feed's pure decisions: no Django, no clock, no sockets, no database."""
