"""The feed: pure rules here and below, real sockets in the files that say so."""
