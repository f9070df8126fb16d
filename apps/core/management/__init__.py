"""Commands of the processes that stand beside `web` and `live`."""
