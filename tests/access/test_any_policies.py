"""Policies that nobody thought of: whatever is made up, the forms of the decision agree."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from apps.access import services
from apps.access.models import Organisation, User
from apps.access.queries import actor_of_user, predicate
from apps.access.types import SYSTEM
from apps.assets.models import Asset, AssetKind
from apps.core.types import TimeWindow
from tests.access.seeing import seen
from tests.factories.access import (
    assign,
    describe,
    make_attribute,
    make_group,
    make_organisation,
    make_policy,
    make_user,
)
from tests.factories.assets import make_asset, make_asset_kind
from tests.factories.core import NOON, after

PERIODS = (None, TimeWindow(end=after(days=-1)), TimeWindow(start=after(days=-1)))
CONDITIONS = (
    "",
    "attributes.n > 1",
    "attributes.n = ${user.n}",
    "NOT (attributes.n = 2)",
    "kind = 'vessel' OR attributes.n < 2",
    "attributes.n / (attributes.n - 1) > 1",
    "name LIKE 'a%'",
    "is_active",
    "organisation_id = ${user.organisation_id}",
    "attributes.n IS NULL",
)


class TestForAnyPoliciesThatWeCanMakeUp(HypothesisTestCase):
    """SQL, row and published feature agree, whoever asks; nothing is shown without a right."""

    @settings(
        max_examples=25,
        phases=(Phase.explicit, Phase.generate),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(data=st.data())
    def test_the_forms_agree(self, data: Any) -> None:
        port = make_organisation()
        organisations = [port, make_organisation(parent=port), make_organisation()]
        somewhere = st.sampled_from(organisations)
        user = make_user(is_superuser=data.draw(st.integers(0, 9)) == 0, organisation=data.draw(somewhere))
        group = make_group(*([user] if data.draw(st.booleans()) else []))
        make_attribute("n", "number")
        if data.draw(st.booleans()):
            describe(user, "n", data.draw(st.integers(0, 3)))
        for _ in range(data.draw(st.integers(0, 2))):
            assign(user, ["assets.view"], data.draw(somewhere), during=data.draw(st.sampled_from(PERIODS)))
        assets = [self._asset(data, data.draw(somewhere)) for _ in range(4)]
        if data.draw(st.booleans()):
            services.grant_access(assets[0], "assets.view", to=group, actor=SYSTEM, at=NOON)
        for _ in range(data.draw(st.integers(1, 4))):
            self._policy(data, data.draw(st.sampled_from([None, *organisations])), user, group)

        names = seen(user)

        reach = predicate(actor_of_user(user), "assets.view")
        if not reach.policies.permits:
            assert names <= {each.name for each in assets if reach.holds(each.pk, each.organisation_id)}

    def _asset(self, data: Any, organisation: Organisation) -> Asset:
        attributes = data.draw(st.sampled_from([{}, {"n": 1}, {"n": 2}, {"n": 3.5}, {"n": "2"}, {"n": None}]))
        name = f"{data.draw(st.sampled_from('aB'))}{make_user().pk}"
        slug = data.draw(st.sampled_from(["vessel", "drone"]))
        kind = AssetKind.objects.filter(slug=slug).first() or make_asset_kind(slug)
        return make_asset(name, organisation=organisation, attributes=attributes, kind=kind)

    def _policy(self, data: Any, organisation: Organisation | None, user: User, group: Any) -> None:
        effect = data.draw(st.sampled_from(["permit", "require", "deny"]))
        who = data.draw(st.sampled_from([{}, {"users": [user]}, {"groups": [group]}]))
        make_policy(
            effect,
            [data.draw(st.sampled_from(["assets.view", "assets.*"]))],
            data.draw(st.sampled_from(CONDITIONS)),
            organisation=organisation,
            mandatory=effect == "deny" and data.draw(st.booleans()),
            **who,
        )
