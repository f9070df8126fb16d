"""What goes wrong on purpose, and how the processes are doing meanwhile."""

from __future__ import annotations

import random
import threading
from collections import Counter
from pathlib import Path

from tests.faults.floor import Floor, children

PROCESSES = ("web", "live", "worker", "clock")
VICTIMS = (*PROCESSES, "redis")
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'watchfloor'"
Vitals = dict[str, dict[str, int]]


class Accidents(threading.Thread):
    """Kills something every few seconds and brings it back a little later."""

    def __init__(self, floor: Floor, *, seed: int, pause_s: tuple[float, float]) -> None:
        super().__init__(daemon=True)
        self.floor, self.pause_s = floor, pause_s
        self.chance = random.Random(seed)
        self.done = threading.Event()
        self.killed: Counter[str] = Counter()
        self.wrong: list[str] = []

    def run(self) -> None:
        """Go on until told to stop; everything is up again at the end."""
        order: list[str] = []
        while not self.done.wait(self.chance.uniform(*self.pause_s)):
            # Everybody's turn comes, in an order that nobody knows.
            order = order or self.chance.sample(VICTIMS, len(VICTIMS))
            try:
                self._strike(order.pop())
            except Exception as error:  # noqa: BLE001 - a thread tells what ended it
                self.wrong.append(f"could not be brought back: {error!r}")
                return

    def _strike(self, victim: str) -> None:
        self.killed[victim] += 1
        away_s = self.chance.uniform(0.0, 1.5)
        if victim == "redis":
            self.floor.kill_redis()
            self.done.wait(away_s)
            self.floor.start_redis()
        else:
            self.floor.kill(victim)
            self.done.wait(away_s)
            self.floor.start(victim)


def vitals(floor: Floor) -> Vitals:
    """Return memory (KiB) and open files of each process, its children included, and the database's connections."""
    found: Vitals = {}
    for name in PROCESSES:
        pids = [floor.processes[name].pid, *children(floor.processes[name].pid)]
        found[name] = {"kib": sum(map(_resident_kib, pids)), "files": sum(map(_open_files, pids))}
    return found | {"postgresql": {"connections": floor.value(CONNECTIONS)}}


def growth(before: Vitals, after: Vitals) -> Vitals:
    """Return by how much each figure has grown."""
    return {name: {each: after[name][each] - was for each, was in figures.items()} for name, figures in before.items()}


def _resident_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)


def _open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))
