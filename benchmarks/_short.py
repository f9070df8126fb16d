"""The short form of a benchmark: the same questions of less, in under a minute on two cores."""

from __future__ import annotations

import argparse
from typing import Any


def read_options(parser: argparse.ArgumentParser, **short: Any) -> argparse.Namespace:
    """Return the options; with ``--short``, those that were not given are as ``short`` says."""
    parser.add_argument("--short", action="store_true", help="in under a minute: " + ", ".join(map(str, short)))
    if parser.parse_known_args()[0].short:
        parser.set_defaults(**short)
    return parser.parse_args()
