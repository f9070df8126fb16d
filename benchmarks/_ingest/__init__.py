"""Parts of the ingest benchmark: its world, the servers, and a client that costs as little as possible."""
