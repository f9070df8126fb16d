"""How the applications are put together: settings, URLs, entry points, queues."""
