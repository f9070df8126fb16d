"""``manage.py replay --as alice``: the log as somebody may see it, as NDJSON; or once more to a webhook."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.access.models import User
from apps.access.queries import actor_of_user
from apps.access.types import SYSTEM
from apps.core import clock
from apps.core.types import WatchfloorError
from apps.events import queries, services
from apps.events.services.owing import MOST_REPLAYED
from apps.events.types import Cursor

PAGE = 500
SCAN = 5_000


class Command(BaseCommand):
    """The log, once more."""

    help = "Write the events after a cursor or an instant as NDJSON, as a user may see them; or owe them to a webhook."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take whose eyes, from where, and where to."""
        to = parser.add_mutually_exclusive_group(required=True)
        to.add_argument("--as", dest="user", help="The user name with whose eyes the log is read.")
        to.add_argument("--to", type=UUID, help="The id of the webhook that it is owed to, with its owner's eyes.")
        begin = parser.add_mutually_exclusive_group()
        begin.add_argument("--after", help="A cursor; the oldest event there is without it.")
        begin.add_argument("--since", help="An instant, as in 2026-07-01T12:00:00Z: what was recorded from then on.")
        parser.add_argument("--type", default="", help="Types, with commas in between; a webhook has its own.")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Replay up to where the log ends now."""
        try:
            after = _begin(options["after"], options["since"])
            if options["to"] is not None:
                self._owe(options["to"], after)
            else:
                self._write(options["user"], after, options["type"])
        except WatchfloorError as error:
            raise CommandError(error.message) from error

    def _write(self, username: str, cursor: Cursor, types: str) -> None:
        user = User.objects.filter(username=username, is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user {username}.")
        actor, end = actor_of_user(user), queries.head()
        matching = queries.of_types(types.split(",")) if types else None
        while cursor.offset < end.offset:
            page = queries.visible_page(actor, after=cursor, limit=PAGE, scan=SCAN, matching=matching)
            for event in page.items:
                self.stdout.write(orjson.dumps(event).decode())
            if page.cursor == cursor:
                return  # what comes next may be told only later
            cursor = page.cursor

    def _owe(self, endpoint_id: UUID, cursor: Cursor) -> None:
        end, total = queries.head(), 0
        while cursor.offset < end.offset:
            until = Cursor(epoch=end.epoch, offset=min(cursor.offset + MOST_REPLAYED, end.offset))
            total += services.replay_range(endpoint_id, after=cursor, until=until, actor=SYSTEM, at=clock.now())
            cursor = until
        self.stdout.write(f"{total} deliveries are owed.")


def _begin(after: str | None, since: str | None) -> Cursor:
    if after is not None:
        return Cursor.parse(after)
    earliest = queries.earliest()
    if since is None:
        return earliest
    try:
        at = datetime.fromisoformat(since)
    except ValueError:
        raise CommandError("An instant is like 2026-07-01T12:00:00Z.") from None
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return Cursor(epoch=earliest.epoch, offset=queries.offset_before(aware))
