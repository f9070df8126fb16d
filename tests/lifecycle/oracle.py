"""What a definition makes of an object, worked out in memory, one thing after the other: the engine must agree with it.

It knows nothing of tables, transactions, batches or claims. Filters are those of ``test_law``: of a severity.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Made = tuple[str, str, datetime]


@dataclass(kw_only=True)
class Expected:
    """One object: where it is, what the clock owes it, and every move that it has made (name, cause, instant)."""

    document: dict[str, Any]
    since: datetime
    severity: int
    state: str = ""
    owed: dict[str, datetime] = field(default_factory=dict)
    made: list[Made] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin."""
        self._enter("begin", "hand", self.document["initial"], self.since)

    @property
    def moves(self) -> dict[str, Any]:
        """Return the moves out of the state that it is in."""
        return {name: move for name, move in self.document["transitions"].items() if self.state in move["from"]}

    def push(self, name: str, at: datetime) -> bool:
        """Let somebody try a move by hand; say whether it is possible."""
        move = self.moves.get(name, {})
        if "action" not in move or self.severity == move.get("unless"):
            return False
        self._move(name, "hand", at)
        return True

    def hear(self, then: datetime, number: int | None, severity: int | None, *, at: datetime) -> None:
        """Hear of an event: when it was, the number that it told, and the severity that it says the object had."""
        self._let_clock(self.owed, until=min(then, at), goes_on=True)
        if then >= self.since:
            self._hear(then, number, severity)

    def let_clock(self, names: Iterable[str], at: datetime, *, may_move: bool = True) -> None:
        """Let the clock make the first of these moves that it owes, and forget those that have lapsed.

        Unless it ``may_move``, somebody stands in its way: then it forgets only.
        """
        owed = {name: self.owed[name] for name in names}
        if may_move:
            self._let_clock(owed, until=at)
        for name in owed if not may_move else ():
            if self._has_lapsed(name) and owed[name] <= at:
                del self.owed[name]

    def _hear(self, then: datetime, number: int | None, severity: int | None) -> None:
        able = {}
        for name, move in self.moves.items():
            if number is not None and move.get("number") == number:
                able[name] = "event"
            elif severity is not None and "when" in move:
                self._judge(name, move, then, severity, able)
        if able:
            name = max(able, key=lambda each: self.moves[each]["priority"])
            self._move(name, able[name], then)

    def _judge(self, name: str, move: dict[str, Any], then: datetime, severity: int, able: dict[str, str]) -> None:
        if "lasting" not in move:
            able |= {name: "condition"} if severity == move["when"] else {}
        elif severity == move["when"]:
            self.owed.setdefault(name, max(then, self.since) + move["lasting"])
        else:
            self.owed.pop(name, None)

    def _let_clock(self, owed: dict[str, datetime], *, until: datetime, goes_on: bool = False) -> None:
        moves = self.moves
        for name in sorted(owed, key=lambda each: (owed[each], -moves[each]["priority"])):
            if owed[name] > until:
                return
            if self._has_lapsed(name):
                if not goes_on:
                    del self.owed[name]
                continue
            self._move(name, "condition" if "when" in moves[name] else "timer", owed[name])
            if goes_on:
                self._let_clock(self.owed, until=until, goes_on=True)
            return

    def _has_lapsed(self, name: str) -> bool:
        return bool(self.moves[name].get("when", self.severity) != self.severity)

    def _move(self, name: str, cause: str, then: datetime) -> None:
        self._enter(name, cause, self.moves[name]["to"], max(then, self.since))

    def _enter(self, name: str, cause: str, state: str, then: datetime) -> None:
        self.state, self.since = state, then
        self.made.append((name, cause, then))
        self.owed = {each: then + move["after"] for each, move in self.moves.items() if "after" in move}


def minutes(number: int) -> timedelta:
    """Return so many minutes."""
    return timedelta(minutes=number)
