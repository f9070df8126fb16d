"""Access over REST, a module per noun."""
