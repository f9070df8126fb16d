"""Parts of the pages benchmark: the server, with an empty view beside its own, and who asks it."""
