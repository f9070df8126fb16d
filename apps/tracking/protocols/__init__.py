"""The wire forms in which positions come, each parsed from bytes into reports. Pure: no Django, no clock."""
