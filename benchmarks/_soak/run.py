"""One soak on a harbour that is laid out: a stormy part with accidents, a calm part without, then the count."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from benchmarks._soak.accidents import PROCESSES, Accidents, Vitals, growth, vitals
from benchmarks._soak.judging import (
    OVERDUE_TIMERS,
    errors_logged,
    logged,
    untold,
    wrong_findings,
    wrong_fixes,
    wrong_incidents,
    wrong_log,
    wrong_screens,
)
from benchmarks._soak.screens import Screen
from benchmarks._soak.traffic import Officer, Sailor
from tests.faults.counting import head_of_all
from tests.faults.floor import Floor, wait_for
from tests.faults.harbour import Harbour

PATIENCE_S = 120.0
STORMY_SHARE = 0.7
# What a process that has settled may still grow by in the calm part: caches fill, and figures are rough.
MOST_GROWTH_KIB_PER_MIN, MOST_GROWTH_KIB = 8_192, 49_152
MOST_NEW_FILES, MOST_NEW_CONNECTIONS = 16, 8
# Who has settled grows by less in a second, of whatever it is.
SETTLED = 4_096
OFFICER = """
from apps.access import services
from apps.access.models import User
from apps.access.types import SYSTEM
from apps.core.clock import now
user = services.create_user(username='soak', password=None, organisation_id=None, is_staff=False, is_superuser=True,
                            actor=SYSTEM, at=now())
actions = ['incidents.' + verb for verb in ('view', 'acknowledge', 'resolve', 'close')]
actions += ['assets.view', 'assets.track', 'zones.view']
print(services.create_api_key(user_id=user.pk, name='soak', scopes=actions, actor=SYSTEM, at=now())[1])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much of everything, and for how long; the storm goes on until ``victims`` of the processes were struck."""

    seconds: float
    victims: int = 0
    sailors: int = 4
    vessels: int = 8
    screens: int = 3
    seed: int = 1
    pause_s: tuple[float, float] = (3.0, 10.0)


def soak(harbour: Harbour, size: Size) -> dict[str, Any]:
    """Return what was done and counted; ``failures`` says what is wrong."""
    floor = harbour.floor
    already_logged = logged(floor)
    key = floor.manage("shell", "--verbosity", "0", "-c", OFFICER).split()[-1]
    for name in PROCESSES:
        floor.start(name)
    sailors = [
        Sailor(floor, harbour.key, vessels=harbour.take(size.vessels), inside=harbour.inside, seed=size.seed + number)
        for number in range(size.sailors)
    ]
    officer = Officer(floor, key, seed=size.seed)
    screens = [Screen(floor, key) for _ in range(size.screens)]
    accidents = Accidents(floor, seed=size.seed, pause_s=size.pause_s)
    for thread in (*screens, *sailors, officer, accidents):
        thread.start()
    time.sleep(size.seconds * STORMY_SHARE)
    wait_for(lambda: len(accidents.killed) >= size.victims or not accidents.is_alive(), "accidents")
    _end(accidents)
    wait_for(lambda: floor.value(OVERDUE_TIMERS) == 0, "the clock to have caught up")
    before, begun = _settled(floor), time.monotonic()
    time.sleep(size.seconds * (1 - STORMY_SHARE))
    grown, calm_s = growth(before, vitals(floor)), time.monotonic() - begun
    _end(*sailors, officer)
    head = head_of_all(floor)
    deadline = time.monotonic() + PATIENCE_S
    while untold(floor, screens, head) and time.monotonic() < deadline:
        time.sleep(0.3)
    _end(*screens)
    counted = {
        "fixes": wrong_fixes(floor, sailors),
        "findings": wrong_findings(floor, sailors, harbour.zone_id),
        "incidents": wrong_incidents(floor, harbour.zone_id),
        "log": wrong_log(floor),
        "screens": wrong_screens(floor, screens, head),
    }
    threads: tuple[Sailor | Officer | Screen | Accidents, ...] = (*sailors, officer, *screens, accidents)
    said = [fault for thread in threads for fault in thread.wrong]
    missed = [f"untold: {event}" for event in untold(floor, screens, head)]
    errors = [f"logged: {line}" for line in errors_logged(floor, since=already_logged)]
    failures = [*_faults(counted), *said, *errors, *_growth_faults(grown, calm_s), *missed]
    failures += [] if officer.moved and screens[0].frames else ["nobody moved an incident, or saw anything"]
    return {
        **counted,
        "accidents": dict(accidents.killed),
        "refused": sum(sum(sender.refused.values()) for sender in (*sailors, officer)),
        "moved_by_hand": officer.moved,
        "sockets": sum(screen.sockets for screen in screens),
        "frames": sum(screen.frames for screen in screens),
        "gaps_told": sum(screen.gaps for screen in screens),
        "calm_s": round(calm_s, 1),
        "growth_when_calm": grown,
        "failures": failures[:50],
    }


def _settled(floor: Floor) -> Vitals:
    """Return how the processes are doing when all have begun: who was struck last may still be reading its code."""
    deadline = time.monotonic() + PATIENCE_S
    now = vitals(floor)
    while time.monotonic() < deadline:
        before = now
        time.sleep(1.0)
        now = vitals(floor)
        if all(max(grown.values()) < SETTLED for grown in growth(before, now).values()):
            break
    return now


def _end(*threads: Sailor | Officer | Screen | Accidents) -> None:
    for thread in threads:
        thread.done.set()
    for thread in threads:
        thread.join(180)


def _faults(counted: dict[str, dict[str, int]]) -> list[str]:
    fine = {"sent", "expected", "events", "told"}
    return [
        f"{noun}: {number} {what}"
        for noun, figures in counted.items()
        for what, number in figures.items()
        if what not in fine and number
    ]


def _growth_faults(grown: dict[str, dict[str, int]], calm_s: float) -> list[str]:
    most_kib = max(MOST_GROWTH_KIB, MOST_GROWTH_KIB_PER_MIN * calm_s / 60)
    most = {"kib": most_kib, "files": MOST_NEW_FILES, "connections": MOST_NEW_CONNECTIONS}
    return [
        f"{name} grew by {number} {what} in {calm_s:.0f} calm seconds"
        for name, figures in grown.items()
        for what, number in figures.items()
        if number > most[what]
    ]
