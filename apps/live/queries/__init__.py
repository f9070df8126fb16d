"""What the hub reads from PostgreSQL: who may see what, new rows of the log, snapshots. Called in threads."""

from __future__ import annotations

from apps.events.queries import is_numbered, newest_unnumbered
from apps.live.queries.log import Replay, Wake, end_of_log, log_row, look, published, read_replay, rows_at
from apps.live.queries.people import SignIn, ended_sessions, fallen, reaches
from apps.live.queries.pictures import Asker, Snapshot, SnapshotTooLarge, read_snapshots
from apps.live.queries.views import is_wanted, read_filter

__all__ = [
    "Asker",
    "Replay",
    "SignIn",
    "Snapshot",
    "SnapshotTooLarge",
    "Wake",
    "end_of_log",
    "ended_sessions",
    "fallen",
    "is_numbered",
    "is_wanted",
    "log_row",
    "look",
    "newest_unnumbered",
    "published",
    "reaches",
    "read_filter",
    "read_replay",
    "read_snapshots",
    "rows_at",
]
