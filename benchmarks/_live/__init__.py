"""Parts of the feed's benchmark: the servers, and a client that costs as little as possible."""
