"""Parts of the soak: traffic, screens, people and accidents on a floor of its own, and the count at the end."""
