"""Two services of others, for the demonstration: a harbour's berths, and its pilots. Real servers, with real faults."""
