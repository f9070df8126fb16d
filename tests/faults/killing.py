"""Everything that takes part in a booking, killed at random instants while vessels ask, intrude and are told of."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.faults.floor import DESKS, Floor, wait_for
from tests.faults.harbour import Harbour
from tests.faults.intrusions import Intrusions
from tests.faults.receiving import Hook, hasten, listening
from tests.faults.visits import FAULTS, Visits

RUNNING: Final = ("web", "live", "worker", "clock", *DESKS)
VICTIMS: Final = ("worker", "clock", "relay", "receiver", *DESKS)
# The relay runs in the clock.
PROCESS: Final = {"relay": "clock"}
TYPES: Final = ("watchfloor.asset.*", "watchfloor.finding.*", "watchfloor.incident.*")
LONGEST_RUN_S, LONGEST_DEATH_S, LONGEST_CROSSING_S = 3.0, 0.4, 0.15
CROSSING: Final = 6
# So that deaths come between a webhook and its answer, too.
SLOWEST_S: Final = 0.3


@dataclass(slots=True)
class Killing:
    """A harbour at work, and who in it was killed how often."""

    harbour: Harbour
    visits: Visits
    intrusions: Intrusions
    hook: Hook
    seed: int
    killed: Counter[str] = field(default_factory=Counter)
    chance: random.Random = field(init=False)
    _victims: Iterator[str] = field(init=False)
    _near: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make chance repeatable."""
        self.chance = random.Random(self.seed)
        self._victims = self._drawn()

    @property
    def floor(self) -> Floor:
        """Where it happens."""
        return self.harbour.floor

    def disturb(self, kills: int, *, visits: int) -> None:
        """Kill somebody in the middle of sagas so many times; so many vessels ask before each."""
        for _ in range(kills):
            self.visits.revive()
            asking = self.visits.ask(visits)
            self._near = [*self._near, *(each.mmsi for each in asking)][-CROSSING:]
            with self.intrusions.crossing(self._near):
                pass
            time.sleep(self.chance.uniform(0.0, LONGEST_RUN_S))
            if not self.visits.is_going_on():
                self.visits.ask(1)
            self._kill(next(self._victims))
            assert self.intrusions.forgotten() == []
            hasten(self.floor)

    def settle(self, *, seconds: float) -> None:
        """Let nothing go wrong any more, and wait until nobody owes anything."""
        self.visits.settle(seconds=seconds)
        wait_for(self.intrusions.are_escalated, f"the escalations\n{self.floor.log('clock')}", seconds=seconds)
        self.hook.wait_for_all(seconds=seconds)

    def wrong(self) -> dict[str, object]:
        """Return everything that is not as it must be."""
        return {**self.visits.wrong(), **self.intrusions.wrong(), **self.hook.wrong()}

    def _drawn(self) -> Iterator[str]:
        """Yield victims by chance, none more often than another."""
        while True:
            yield from self.chance.sample(VICTIMS, len(VICTIMS))

    def _kill(self, victim: str) -> None:
        """Kill somebody, and start them again; the relay while it has something to number."""
        if victim == "relay":
            with self.intrusions.crossing(self._near):
                time.sleep(self.chance.uniform(0.0, LONGEST_CROSSING_S))
                self._end(victim)
        else:
            self._end(victim)
        self.killed[victim] += 1
        time.sleep(self.chance.uniform(0.0, LONGEST_DEATH_S))
        self._begin(victim)

    def _end(self, victim: str) -> None:
        if victim == "receiver":
            self.hook.kill()
        else:
            self.floor.kill(PROCESS.get(victim, victim))

    def _begin(self, victim: str) -> None:
        if victim == "receiver":
            self.hook.start()
        else:
            self.visits.start(PROCESS.get(victim, victim))


@contextmanager
def killing(harbour: Harbour, *, visitors: int, seed: int) -> Iterator[Killing]:
    """Yield a harbour at work, with services that go wrong."""
    visits = Visits(harbour.floor)
    visits.bring(visitors)
    with listening(harbour.floor, TYPES, slowest_s=SLOWEST_S) as hook:
        for name in RUNNING:
            harbour.floor.start(name)
        visits.let_fail(FAULTS)
        yield Killing(harbour, visits, Intrusions(harbour), hook, seed)
