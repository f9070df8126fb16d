"""The staff's place of work: the admin site, the dashboard, the live map, the demonstration."""
