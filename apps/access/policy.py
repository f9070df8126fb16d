"""What access itself protects, and by which rules."""

from __future__ import annotations

from django.contrib.auth.models import Group

from apps.access.models import ApiKey, Assignment, DeviceKey, Organisation, Role, User
from apps.access.registry import register
from apps.access.types import Protected

WRITE = ("view", "add", "change", "delete")


def register_nouns() -> None:
    """Register people, organisations, roles, assignments and keys."""
    register(Protected(noun="organisations", model=Organisation, actions=WRITE, organisation="pk"))
    register(Protected(noun="users", model=User, actions=WRITE, owner="pk", owner_actions=("view",)))
    register(Protected(noun="roles", model=Role, actions=WRITE, organisation=None))
    register(Protected(noun="groups", model=Group, actions=("view",), organisation=None))
    register(Protected(noun="assignments", model=Assignment, actions=("view", "add", "delete")))
    register(
        Protected(
            noun="api-keys",
            model=ApiKey,
            actions=("view", "add", "delete"),
            organisation="user__organisation_id",
            owner="user_id",
            owner_actions=("view", "delete"),
        )
    )
    register(Protected(noun="device-keys", model=DeviceKey, actions=("view", "add", "delete")))
