"""What ingest keeps in memory of zones, assets, access and running operations, and under which versions it is true.

Nothing is asked before a batch is stored. The statement that stores it reads the versions as well; if one has
moved, the batch is rolled back, everything kept is forgotten, and the batch is taken in again. So what is kept is
never more than a shortcut, and a batch costs one round trip.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection

from apps.access.queries import VERSION_SQL as ACCESS_VERSION_SQL
from apps.access.queries import access_version, predicate, published_by_id
from apps.access.types import Actor, Channel, Predicate
from apps.assets.queries import VERSION_SQL as ASSETS_VERSION_SQL
from apps.assets.queries import asset_refs, asset_set_version, assets_by_identifier
from apps.assets.types import AssetRef
from apps.core.types import AssetId, Feature
from apps.operations.queries.running import VERSION_SQL as RUNNING_VERSION_SQL
from apps.operations.queries.running import RunningOperations, running_operations
from apps.tracking.services.sources import open_source
from apps.zones.queries import VERSION_SQL as ZONES_VERSION_SQL
from apps.zones.queries import zone_index
from apps.zones.rules.index import ZoneIndex

REPORT: Final = "assets.report"
MOST_NAMES: Final = 200_000
MOST_ACTORS: Final = 20_000
VERSIONS_SQL: Final = ", ".join(
    f"coalesce(({sql}), 0)" for sql in (ZONES_VERSION_SQL, ASSETS_VERSION_SQL, ACCESS_VERSION_SQL, RUNNING_VERSION_SQL)
)


class Versions(NamedTuple):
    """The versions of everything that is kept."""

    zones: int
    assets: int
    access: int
    running: int


class Sender:
    """What an actor may report for, and the assets for which that was found; policies are asked anew each time."""

    __slots__ = ("_welcome", "allowed")

    def __init__(self, allowed: Predicate) -> None:
        self.allowed = allowed
        self._welcome: dict[str | AssetRef, AssetRef] = {}

    def welcome(self) -> dict[str | AssetRef, AssetRef]:
        """Return the assets in service that it may report for, by what it calls them; whoever asks adds to it."""
        if self.allowed.policies or len(self._welcome) > MOST_NAMES:
            self._welcome = {}
        return self._welcome


class Known:
    """What was true at one state of the versions; shared by the threads of a process, and only ever added to."""

    def __init__(self, versions: Versions, index: ZoneIndex, running: RunningOperations) -> None:
        self.versions = versions
        self.index = index
        self.running = running
        self._assets: dict[str, AssetRef | None] = {}
        self._unheard: list[AssetId] = []
        self._senders: dict[Actor, Sender] = {}
        self._things: dict[UUID, Feature] = {}
        self._sources: dict[str, int] = {}

    def assets(self, names: Collection[str]) -> dict[str, AssetRef | None]:
        """Return the assets by the names that senders use for them, ``None`` for nobody's; names must be asked here."""
        kept = self._assets
        missing = [name for name in names if name not in kept]
        if missing and len(kept) + len(missing) > MOST_NAMES:
            kept = self._assets = {}
            missing = list(names)
        if missing:
            found = _look_up(missing)
            kept.update(found)
            self._unheard += [asset.id for asset in found.values() if asset is not None]
        return kept

    def take_unheard(self) -> list[AssetId]:
        """Return, once, the assets that were looked up: this process does not know whether they have presences."""
        taken, self._unheard = self._unheard, []
        return taken

    def source_id(self, slug: str) -> int:
        """Return the number of a source, which it has for ever; raises ``Invalid`` for one that nobody registered."""
        source_id = self._sources.get(slug)
        if source_id is None:
            source_id = open_source(slug)
            if not connection.in_atomic_block:  # what can be rolled back is not kept
                self._sources[slug] = source_id
        return source_id

    def sender(self, actor: Actor, at: datetime) -> Sender:
        """Return what an actor may report for."""
        kept = self._senders.get(actor)
        if kept is not None and kept.allowed.is_current(self.versions.access, at):
            return kept
        if len(self._senders) >= MOST_ACTORS:
            self._senders = {}
        fresh = Sender(predicate(replace(actor, channel=Channel.INGEST), REPORT))
        self._senders[actor] = fresh
        return fresh

    def judged(self, allowed: Predicate, asset_ids: Iterable[UUID]) -> Mapping[UUID, Feature]:
        """Return assets as policies judge them; nothing, at no cost, where no policy counts for what is reported.

        They are true of the version of the assets, like everything here. Where time has a say, the scope is asked for
        anew each second, and decides by its own clock.
        """
        if not allowed.policies:
            return {}
        kept = self._things
        missing = {asset_id for asset_id in asset_ids if asset_id not in kept}
        if missing and len(kept) + len(missing) > MOST_NAMES:
            kept = self._things = {}
        if missing:
            kept.update(published_by_id("assets", missing))
        return kept


def known() -> Known:
    """Return what this process keeps, read afresh if it keeps nothing."""
    return _keeper.known or forget_known()


def forget_known() -> Known:
    """Read the versions, and then what they are versions of; return the new state.

    Versions first: what changes in between is then found to be newer, not taken for older.
    """
    assets, access = asset_set_version(), access_version()
    index, running = zone_index(), running_operations()
    versions = Versions(zones=index.version, assets=assets, access=access, running=running.version)
    _keeper.known = Known(versions, index, running)
    return _keeper.known


def _look_up(names: Iterable[str]) -> dict[str, AssetRef | None]:
    """Return what each name stands for: an identifier ``scheme:value``, or an asset's id; at most two statements."""
    ids: dict[str, UUID] = {}
    pairs: dict[str, tuple[str, str]] = {}
    found: dict[str, AssetRef | None] = {}
    for name in names:
        found[name] = None
        scheme, colon, value = name.partition(":")
        if colon and "\0" not in name:
            pairs[name] = (scheme, value)
        elif (asset_id := _uuid(name)) is not None:
            ids[name] = asset_id
    by_pair = assets_by_identifier(pairs.values()) if pairs else {}
    by_id = asset_refs(ids.values()) if ids else {}
    found |= {name: by_pair.get(pair) for name, pair in pairs.items()}
    return found | {name: by_id.get(AssetId(asset_id)) for name, asset_id in ids.items()}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


class _Keeper:
    """Holds what the process keeps. Two threads that read afresh at once both read the truth; the last one stays."""

    def __init__(self) -> None:
        self.known: Known | None = None


_keeper = _Keeper()
