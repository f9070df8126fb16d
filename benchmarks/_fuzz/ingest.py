"""What devices might send, well formed or not, by both doors: never a 5xx, never a word of somebody else's asset."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db import transaction
from hypothesis import strategies as st

from benchmarks._fuzz.rest import OUTSIDERS
from benchmarks._fuzz.schemas import INSTANTS, junk, odd_numbers, odd_texts
from tests.factories.access import with_key
from tests.flows.world import MARK, World
from tests.tracking.api.doors import front, web

NAMES = ("asset", "fixed_at", "lon", "lat", "altitude_m", "altitude_datum", "speed_mps", "course_deg", "attributes")
OSMAND = ("id", "lat", "lon", "timestamp", "speed", "bearing", "altitude", "hdop", "accuracy", "batt", "location")
OWNTRACKS = ("_type", "tid", "lat", "lon", "tst", "vel", "cog", "alt", "acc", "topic")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One request of a device."""

    door: str
    who: str
    method: str
    path: str
    query: str
    body: bytes
    content_type: str


class Devices:
    """Everybody who may report, each with a key, and what they send."""

    def __init__(self, world: World) -> None:
        self.keys = {name: with_key(getattr(world, name)) for name in ("alice", "bob", "charlie", "dana")}
        self.keys["nobody"] = {}
        self.statuses: Counter[int] = Counter()
        known = st.sampled_from([str(world.parts["asset"]), "mmsi:1", f"mmsi:{MARK.lower()}-1", f"{MARK}-device"])
        numbers = st.floats(-180, 180) | odd_numbers
        value = known | numbers | st.sampled_from(INSTANTS) | odd_texts | junk
        self._value = value
        self._report = _dictionaries(NAMES, value) | st.fixed_dictionaries(
            {"asset": known, "fixed_at": st.sampled_from(INSTANTS), "lon": numbers, "lat": numbers}
        )

    def sendings(self) -> st.SearchStrategy[Sending]:
        """Return requests as a strategy."""
        return st.one_of(self._positions(), self._osmand(), self._owntracks())

    def fault(self, sending: Sending) -> str | None:
        """Send it and return what is wrong with the answer."""
        headers = {**self.keys[sending.who], "content-type": sending.content_type}
        door = front if sending.door == "front" else web
        with transaction.atomic():
            reply = door(sending.method, sending.path, sending.body, query=sending.query, **headers)
            transaction.set_rollback(True)
        self.statuses[reply.status] += 1
        text = reply.body.decode(errors="replace")
        if reply.status >= 500:
            return f"{reply.status}: {text[:400]}"
        told = (
            MARK.lower() in text.lower()
            and MARK.lower().encode() not in (sending.body + sending.query.encode()).lower()
        )
        return f"{sending.who} was told {text[:400]}" if sending.who in OUTSIDERS and told else None

    def _positions(self) -> st.SearchStrategy[Sending]:
        point = st.fixed_dictionaries({"type": st.just("Point"), "coordinates": st.lists(self._value, max_size=3)})
        feature = st.fixed_dictionaries(
            {"type": st.just("Feature"), "geometry": point | junk, "properties": self._report | junk}
        )
        collection = st.fixed_dictionaries(
            {"type": st.just("FeatureCollection"), "features": st.lists(feature | junk, max_size=3)}
        )
        array = st.lists(self._report | junk, max_size=4)
        lines = array.map(lambda items: b"\n".join(map(_bytes, items)))
        bodies = (
            st.tuples(array.map(_bytes), st.just("application/json"))
            | st.tuples(lines, st.just("application/x-ndjson"))
            | st.tuples(collection.map(_bytes), st.just("application/geo+json"))
            | st.tuples(st.binary(max_size=60) | junk.map(_bytes), st.sampled_from(["application/json", "x", ""]))
        )
        return self._sent("POST", "/api/v1/positions", st.just(""), bodies)

    def _osmand(self) -> st.SearchStrategy[Sending]:
        texts = _dictionaries(OSMAND, self._value.map(str)).map(lambda pairs: urlencode(pairs, errors="replace"))
        forms = st.tuples(texts.map(str.encode), st.just("application/x-www-form-urlencoded"))
        coordinates = _dictionaries(("latitude", "longitude", "speed", "heading", "altitude", "accuracy"), self._value)
        location = _dictionaries(("timestamp", "battery", "extras"), self._value).flatmap(
            lambda said: coordinates.map(lambda coords: {**said, "coords": coords})
        )
        modern = st.fixed_dictionaries({"device_id": self._value, "location": location | junk})
        bodies = forms | st.tuples((modern | junk).map(_bytes), st.just("application/json"))
        return st.one_of(
            self._sent("GET", "/ingest/osmand", texts, st.just((b"", "text/plain"))),
            self._sent("POST", "/ingest/osmand/any/path", texts, bodies),
        )

    def _owntracks(self) -> st.SearchStrategy[Sending]:
        said = _dictionaries(OWNTRACKS, self._value | st.sampled_from(["location", "waypoint"])) | junk
        return self._sent(
            "POST", "/ingest/owntracks", st.just("") | odd_texts.map(lambda text: urlencode({"u": text, "d": "x"})),
            st.tuples(said.map(_bytes), st.just("application/json")),
        )  # fmt: skip

    def _sent(
        self,
        method: str,
        path: str,
        query: st.SearchStrategy[str],
        bodies: st.SearchStrategy[tuple[bytes, str]],
    ) -> st.SearchStrategy[Sending]:
        return st.builds(
            lambda door, who, asked, body: Sending(
                door=door, who=who, method=method, path=path, query=asked, body=body[0], content_type=body[1]
            ),
            st.sampled_from(["front", "web"]),
            st.sampled_from(list(self.keys)),
            query,
            bodies,
        )


def _dictionaries(names: tuple[str, ...], value: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, value))


def _bytes(value: Any) -> bytes:
    return json.dumps(value).encode(errors="replace")
