"""The demonstration loads through the services, once, and shows its people different things."""

from __future__ import annotations

import json
from collections import Counter
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.access.models import ApiKey, User
from apps.access.queries import actor_of_user, visible
from apps.access.types import SYSTEM
from apps.assets.models import Asset
from apps.console.demo import cast
from apps.console.demo.load import load
from apps.incidents.models import Rule
from apps.operations.models import Approval, Operation
from apps.operations.queries import judge, volumes_held
from apps.operations.services import move_operation
from apps.operations.types import Decision, Reason, Verdict
from apps.zones.models import Zone
from tests.factories.core import NOON, after

pytestmark = pytest.mark.django_db


def _seen_by(username: str) -> tuple[int, int, int, int]:
    actor = actor_of_user(User.objects.get(username=username))
    return (
        visible(Asset.objects.all(), actor, "assets.track").count(),
        visible(Zone.objects.all(), actor, "zones.view").count(),
        visible(Rule.objects.all(), actor, "rules.view").count(),
        visible(Operation.objects.all(), actor, "operations.view").count(),
    )


def test_each_login_sees_something_else():
    load(at=NOON)
    assert {name: _seen_by(name) for name in ("admin", "officer", "planner", "partner")} == {
        "admin": (295, 19, 5, 7),
        "officer": (99, 11, 5, 3),
        "planner": (0, 11, 5, 2),
        "partner": (2, 2, 0, 0),
    }
    _two_plans_wait_for_a_word_and_one_is_refused()


def _two_plans_wait_for_a_word_and_one_is_refused() -> None:
    states = Counter(Operation.objects.values_list("state", flat=True))
    assert states == {"approved": 4, "in_review": 2, "draft": 1}
    asked = Approval.objects.filter(organisation__slug=cast.HARBOUR, decision=Decision.OPEN).order_by("reason")
    assert list(asked.values_list("operation__title", "reason", "rule_name")) == [
        ("Seawall inspection, Governors Island", Reason.NOT_COMPARABLE, ""),
        ("Tow into the Kill Van Kull", Reason.RULE, "Tows in the Kill Van Kull"),
    ]
    draft = Operation.objects.select_related("kind").get(state="draft")
    judgement = judge(volumes_held(draft.pk), standing=draft.standing, organisation_id=draft.organisation_id)
    found = [(each.other.title, each.verdict) for each in judgement.operations]
    assert found == [("Dredging of the Bay Ridge flats", Verdict.REFUSED)]


def test_loading_again_makes_a_new_key_and_plans_again_what_is_over():
    first = load(at=NOON)
    short = Operation.objects.get(title="Bridge inspection, east tower")
    for transition in ("activate", "end"):
        short = move_operation(short, transition, actor=SYSTEM, at=after(30))
    second = load(at=after(60))
    assert (first.made, second.made) == (295 + 19 + 5 + 7, 1)
    assert Operation.objects.filter(title=short.title).count() == 2
    assert first.key != second.key
    assert list(ApiKey.objects.order_by("recorded_at").values_list("revoked_at", flat=True)) == [after(60), None]


def test_what_somebody_has_changed_stays_changed():
    load(at=NOON)
    User.objects.filter(username="officer").update(display_name="Renamed")
    load(at=after(60))
    assert User.objects.get(username="officer").display_name == "Renamed"


def test_the_replay_may_report_and_look_and_nothing_else():
    load(at=NOON)
    key = ApiKey.objects.get()
    assert key.user.username == "replay"
    assert not key.user.has_usable_password()
    assert sorted(key.scopes) == sorted(cast.ROLES["Replay"])


def test_production_is_left_alone_unless_forced():
    with pytest.raises(CommandError, match="--force"):
        call_command("load_demo")
    assert not User.objects.exists()


def test_the_last_line_is_for_programs():
    out = StringIO()
    call_command("load_demo", force=True, stdout=out)
    told = json.loads(out.getvalue().splitlines()[-1])
    assert [login["username"] for login in told["logins"]] == ["admin", "officer", "planner", "partner"]
    assert told["key"].startswith("wf_")
    assert visible(Asset.objects.all(), SYSTEM, "assets.view").count() == 295
