"""Pure decisions about operations: shapes, heights, times, who meets whom, who gives way, and what would be free."""
