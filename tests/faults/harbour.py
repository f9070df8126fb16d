"""The demonstration's harbour on a floor of its own, for whoever breaks things."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tests.faults.floor import DESKS, Floor

SECURITY_ZONE = """
SELECT zone.id, ST_X(ST_PointOnSurface(area)), ST_Y(ST_PointOnSurface(area))
FROM zones_zone AS zone JOIN zones_zonekind AS kind ON kind.id = zone.kind_id
JOIN access_organisation AS owner ON owner.id = zone.organisation_id
WHERE kind.slug = 'security_zone' AND owner.slug = 'new-york-harbor-watch' ORDER BY zone.name LIMIT 1
"""
HARBOUR_VESSELS = """
SELECT identifier.value FROM assets_identifier AS identifier
JOIN assets_asset AS asset ON asset.id = identifier.asset_id
JOIN access_organisation AS owner ON owner.id = asset.organisation_id
JOIN access_organisation AS above ON above.id = ANY(owner.lineage)
WHERE identifier.scheme = 'mmsi' AND above.slug = 'new-york-harbor-watch' ORDER BY identifier.value
"""


@dataclass(slots=True)
class Harbour:
    """The harbour. Each test takes vessels that no other test uses."""

    floor: Floor
    key: str
    zone_id: str
    inside: tuple[float, float]
    vessels: Iterator[str] = field(repr=False)

    def take(self, count: int) -> list[str]:
        """Return vessels that nobody has moved yet."""
        taken = list(islice(self.vessels, count))
        assert len(taken) == count, "the harbour has no more vessels"
        return taken


@contextmanager
def laid_out_harbour() -> Iterator[Harbour]:
    """Lay the harbour out, with PostgreSQL and Redis up and no process of Watchfloor; nothing of it stays."""
    home = Path(tempfile.mkdtemp(prefix="wf-", dir="/tmp"))
    home.chmod(0o755)
    floor = Floor(home)
    try:
        floor.up()
        desks = [word for name in DESKS for word in (f"--{name}", floor.url(name, ""))]
        key = json.loads(floor.manage("load_demo", *desks).splitlines()[-1])["key"]
        [(zone_id, lon, lat)] = floor.rows(SECURITY_ZONE)
        vessels = iter([mmsi for (mmsi,) in floor.rows(HARBOUR_VESSELS)])
        yield Harbour(floor=floor, key=key, zone_id=str(zone_id), inside=(lon, lat), vessels=vessels)
    finally:
        floor.down()
        shutil.rmtree(home, ignore_errors=True)
