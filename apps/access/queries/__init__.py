"""The doors: every surface asks here and nowhere else who may see or do what.

``authorize`` decides about one object, ``visible`` about rows in SQL, ``predicate`` about objects in Python.
All three read one ``Standing``, so that they cannot disagree. Nothing here writes.
"""

from __future__ import annotations

from apps.access.queries.clauses import condition_errors
from apps.access.queries.doors import (
    allowed_actions,
    authorize,
    authorize_image,
    authorize_in,
    decides,
    judged_as_published,
    owed_for,
    parts_of,
    permits,
    predicate,
    published_by_id,
    readable_windows,
    shows,
    subject_of,
    visible,
    visible_row,
)
from apps.access.queries.grants import Grant, find_grant, find_holder, grantable_object, grants_of
from apps.access.queries.hiding import hidden_fields, is_limited, kept_back, owed_by_id, veiled_body, visible_in_full
from apps.access.queries.holdings import held_actions, holds, holds_at_root, is_all_powerful, outranks
from apps.access.queries.people import actor_of_user, api_keys_of, find_user, sign_in_blocked_until, validity_of
from apps.access.queries.scopes import scope
from apps.access.queries.second_factor import ELSEWHERE, has_second_factor, is_enrolled, lacks_second_factor
from apps.access.queries.standing import VERSION_SQL, access_version
from apps.access.queries.tokens import access_token_of, account_of, actor_of_token, device_actor_of_token
from apps.access.queries.tree import find_organisation, find_organisation_by_slug, lineages_of

__all__ = [
    "ELSEWHERE",
    "VERSION_SQL",
    "Grant",
    "access_token_of",
    "access_version",
    "account_of",
    "actor_of_token",
    "actor_of_user",
    "allowed_actions",
    "api_keys_of",
    "authorize",
    "authorize_image",
    "authorize_in",
    "condition_errors",
    "decides",
    "device_actor_of_token",
    "find_grant",
    "find_holder",
    "find_organisation",
    "find_organisation_by_slug",
    "find_user",
    "grantable_object",
    "grants_of",
    "has_second_factor",
    "held_actions",
    "hidden_fields",
    "holds",
    "holds_at_root",
    "is_all_powerful",
    "is_enrolled",
    "is_limited",
    "judged_as_published",
    "kept_back",
    "lacks_second_factor",
    "lineages_of",
    "outranks",
    "owed_by_id",
    "owed_for",
    "parts_of",
    "permits",
    "predicate",
    "published_by_id",
    "readable_windows",
    "scope",
    "shows",
    "sign_in_blocked_until",
    "subject_of",
    "validity_of",
    "veiled_body",
    "visible",
    "visible_in_full",
    "visible_row",
]
