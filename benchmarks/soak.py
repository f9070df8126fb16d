"""Everything up for a while, with traffic, screens, people, and a random process killed every few seconds.

On servers of its own, which end with it. Afterwards nothing may be missing and nothing double: fixes, findings,
evidence, transitions, numbers of events, frames; and in the calm last third no process may go on growing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))  # the floor starts servers as ./dev does

from benchmarks._soak.run import Size, soak
from tests.faults.harbour import laid_out_harbour


def main() -> int:
    """Soak, print what was counted as one JSON object, and fail when anything is wrong."""
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=round(time.time()), help="the same accidents in the same order")
    parser.add_argument("--screens", type=int, default=3)
    options = parser.parse_args()
    with laid_out_harbour() as harbour:
        size = Size(seconds=options.minutes * 60, screens=options.screens, seed=options.seed)
        counted = soak(harbour, size)
    fixes = counted["fixes"]
    report = {
        "name": "soak",
        "figure": fixes["sent"],
        "unit": "fixes",
        "limit": fixes["sent"],
        "ratio": round((fixes["sent"] - fixes["missing"]) / max(fixes["sent"], 1), 6),
        "minutes": options.minutes,
        "seed": options.seed,
        **counted,
        "checked": "every fix, finding, piece of evidence, transition, number and frame: there, and once",
    }
    for failure in counted["failures"]:
        print(f"WRONG: {failure}", file=sys.stderr)
    print(json.dumps(report))
    return 1 if counted["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
