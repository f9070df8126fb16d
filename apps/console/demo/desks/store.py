"""What a desk has booked, in a file of its own that survives whoever is killed."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS booking (
    key TEXT PRIMARY KEY, visit TEXT NOT NULL, state TEXT NOT NULL, callback TEXT, asked INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID
"""
BOOKED, PENDING, CANCELLED, RELEASED = "booked", "pending", "cancelled", "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """One booking; ``callback`` is where its answer is still owed."""

    key: str
    visit: str
    state: str
    callback: str | None


class Store:
    """Bookings by idempotency key. A key that was cancelled stays so, even if it is asked for only afterwards."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(_TABLE)

    def book(self, key: str, visit: str, *, callback: str | None) -> tuple[Booking, bool]:
        """Return the booking of a key, and whether it is new; one whose answer is owed is pending until then."""
        with self._lock:
            state = BOOKED if callback is None else PENDING
            made = self._connection.execute(
                "INSERT INTO booking (key, visit, state, callback) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (key, visit, state, callback),
            ).rowcount
            if not made:
                self._connection.execute("UPDATE booking SET asked = asked + 1 WHERE key = ?", (key,))
            return self._find(key), bool(made)

    def cancel(self, key: str) -> None:
        """Undo the booking of a key, whether it was made, will be made, or never is."""
        with self._lock:
            self._connection.execute(
                "INSERT INTO booking (key, visit, state) VALUES (?, '', ?)"
                " ON CONFLICT DO UPDATE SET state = excluded.state, callback = NULL",
                (key, CANCELLED),
            )

    def release(self, visit: str) -> None:
        """End what a visit has booked."""
        with self._lock:
            self._connection.execute(
                "UPDATE booking SET state = ? WHERE visit = ? AND state = ?", (RELEASED, visit, BOOKED)
            )

    def confirm(self, key: str) -> None:
        """Make a pending booking a booking; its answer is owed still."""
        with self._lock:
            self._connection.execute("UPDATE booking SET state = ? WHERE key = ? AND state = ?", (BOOKED, key, PENDING))

    def answered(self, key: str) -> None:
        """Owe no answer any more."""
        with self._lock:
            self._connection.execute("UPDATE booking SET callback = NULL WHERE key = ?", (key,))

    def unanswered(self) -> list[Booking]:
        """Return what is still owed an answer."""
        return self._where("callback IS NOT NULL AND state IN ('booked', 'pending')")

    def active(self) -> list[Booking]:
        """Return what is booked, or about to be."""
        return self._where("state IN ('booked', 'pending')")

    def _find(self, key: str) -> Booking:
        row = self._connection.execute("SELECT key, visit, state, callback FROM booking WHERE key = ?", (key,))
        key, visit, state, callback = row.fetchone()
        return Booking(key=key, visit=visit, state=state, callback=callback)

    def _where(self, condition: str) -> list[Booking]:
        with self._lock:
            rows = self._connection.execute(f"SELECT key, visit, state, callback FROM booking WHERE {condition}")  # noqa: S608  a constant of this file
            return [
                Booking(key=key, visit=visit, state=state, callback=callback) for key, visit, state, callback in rows
            ]
