"""Reading definitions, checking them, deciding moves, drawing them. Pure: no database, no clock."""
