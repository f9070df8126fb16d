"""Pure decisions: no Django, no clock, no settings, no I/O."""
