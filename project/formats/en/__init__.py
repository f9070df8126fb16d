"""How instants are written where people read them: day before month, 24 hours, to the second, in UTC."""
