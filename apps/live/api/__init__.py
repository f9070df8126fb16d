"""The feed over HTTP: tickets."""
