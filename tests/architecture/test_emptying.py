"""What tests commit is gone before the next, what the migrations wrote is there, and no token is given out again."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from apps.access.registry import all_actions
from apps.events.queries import head
from apps.lifecycle.models import DefinitionVersion
from tests.emptying import PRODUCED, restore
from tests.flows.world import make_world

pytestmark = pytest.mark.django_db(transaction=True)


def contents() -> dict[str, str]:
    """Return a digest of every table of ours, less the tokens."""
    names = set(connection.introspection.table_names()) - {*PRODUCED, "events_epoch", "spatial_ref_sys"}
    with connection.cursor() as cursor:
        digests = {}
        for name in sorted(names):
            cursor.execute(f'SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM "{name}" AS t')
            digests[name] = cursor.fetchone()[0]
    return digests


def tokens() -> list[int]:
    """Return the numbers by which caches know whether they are true."""
    with connection.cursor() as cursor:
        found = []
        for name in ("access_accessversion", "assets_assetset", "incidents_ruleset", "zones_zoneset"):
            cursor.execute(f"SELECT version FROM {name}")
            found.append(cursor.fetchone()[0])
    return found


def test_one_of_everything_is_gone_and_no_cache_is_deceived() -> None:
    before, log = contents(), head().epoch
    make_world(frozenset(all_actions()))
    filled = contents()
    assert len([name for name in filled if filled[name] != before[name]]) > 15
    used = tokens()
    restore()
    assert contents() == before
    assert all(now > then for now, then in zip(tokens(), used, strict=True))
    assert (head().offset, head().epoch == log) == (0, False)


def test_what_the_migrations_wrote_is_put_back() -> None:
    before = contents()
    Permission.objects.all().delete()
    ContentType.objects.filter(app_label="assets", model="asset").update(model="nothing")
    DefinitionVersion.objects.create(key="tests", number=1, noun="incidents", title="x", document="x")
    assert contents() != before
    restore()
    assert contents() == before
