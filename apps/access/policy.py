"""What access itself protects, and by which rules."""

from __future__ import annotations

from django.contrib.auth.models import Group

from apps.access.models import (
    ApiKey,
    Assignment,
    AttributeDefinition,
    DeviceKey,
    Organisation,
    Policy,
    Role,
    User,
    UserAttribute,
)
from apps.access.registry import register
from apps.access.types import Protected

WRITE = ("view", "add", "change", "delete")


def register_nouns() -> None:
    """Register people, organisations, roles, assignments and keys."""
    register(Protected(noun="organisations", model=Organisation, actions=WRITE, organisation="pk"))
    register(Protected(noun="users", model=User, actions=(*WRITE, "describe"), owner="pk", owner_actions=("view",)))
    register(Protected(noun="roles", model=Role, actions=WRITE, organisation=None))
    register(Protected(noun="policies", model=Policy, actions=WRITE))
    register(Protected(noun="user-attributes", model=AttributeDefinition, actions=WRITE, organisation=None))
    register(
        Protected(
            noun="attributes",
            model=UserAttribute,
            organisation="user__organisation_id",
            judged_as="users",
            object_path="user_id",
        )
    )
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
