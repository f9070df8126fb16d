"""How a server process looks for garbage: rarely, and never among what it loaded at its start."""

from __future__ import annotations

import gc

# A page of 10,000 rows makes some 50,000 objects at once and drops them together; at the usual 700 the collector would
# walk through all of Django seventy times meanwhile, for half of the page's time.
NEW_OBJECTS = 50_000


def settle() -> None:
    """Keep everything that is loaded by now out of the collector's way; called once, when a server is ready."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 10, 10)
