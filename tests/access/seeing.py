"""What somebody sees, asked in every form of the decision."""

from __future__ import annotations

from typing import Any

from apps.access.models import User
from apps.access.queries import actor_of_user, permits, predicate, shows, visible
from apps.assets.models import Asset
from apps.assets.published import asset_feature


def seen(user: User, action: str = "assets.view", **actor: Any) -> set[str]:
    """Return the names of the assets that somebody sees, asked in all three forms."""
    who = actor_of_user(user)
    by_sql = {each.name for each in visible(Asset.objects.all(), who, action)}
    reach = predicate(who, action)
    by_row = {each.name for each in Asset.objects.all() if permits(who, action, each)}
    by_feature = {each.name for each in Asset.objects.all() if shows(reach, "assets", asset_feature(each))}
    assert by_sql == by_row == by_feature
    return by_sql
