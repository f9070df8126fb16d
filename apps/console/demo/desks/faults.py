"""What may be wrong with a desk: switched on over HTTP (``PUT /faults``) or by ``DESK_FAULTS``."""

from __future__ import annotations

import enum
import os
import random
from dataclasses import dataclass, field


class Fault(enum.StrEnum):
    """One way to go wrong. Those that end in ``after`` have booked by then, and nobody is told."""

    REFUSE = "refuse"
    ERROR = "error"
    ERROR_AFTER = "error-after"
    SLOW = "slow"
    HANG = "hang"
    HANG_AFTER = "hang-after"
    DIE = "die"
    DIE_AFTER = "die-after"
    ANSWER_AND_DIE = "answer-and-die"


@dataclass(slots=True)
class Faults:
    """Which faults there are, and how often one of them happens: ``refuse``, or ``error,slow,hang:0.3``."""

    text: str = field(default_factory=lambda: os.environ.get("DESK_FAULTS", ""))

    def __post_init__(self) -> None:
        """Refuse what cannot be read."""
        self._read()

    def draw(self) -> Fault | None:
        """Return the fault of one request, if it has one."""
        kinds, share = self._read()
        return random.choice(kinds) if kinds and random.random() < share else None  # noqa: S311  no secret

    def _read(self) -> tuple[list[Fault], float]:
        names, _, share = self.text.partition(":")
        return [Fault(name) for name in names.split(",") if name], float(share or 1)
