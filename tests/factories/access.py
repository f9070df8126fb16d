"""People, organisations and rights, made through the services that make them everywhere.

The cast: Alice owns, Bob belongs, Charlie is a stranger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

from django.contrib.auth.models import Group
from django.test import Client
from oauth2_provider.models import AccessToken, set_token_value

from apps.access import services
from apps.access.models import Assignment, AttributeDefinition, Organisation, Policy, Role, User
from apps.access.queries import actor_of_user
from apps.access.registry import all_actions
from apps.access.rules import new_access_token
from apps.access.types import SYSTEM, Actor
from apps.core import clock
from apps.core.types import TimeWindow
from tests.factories.core import NOON

PASSWORD = "correct horse battery"

_number = count(1)


def make_organisation(name: str = "", *, parent: Organisation | None = None) -> Organisation:
    """Return an organisation, with a name of its own unless one is given."""
    name = name or f"Organisation {next(_number)}"
    slug = f"{name.lower().replace(' ', '-')}-{next(_number)}"
    return services.create_organisation(
        name=name, slug=slug, parent_id=parent.pk if parent else None, actor=SYSTEM, at=NOON
    )


def make_user(
    username: str = "",
    *,
    organisation: Organisation | None = None,
    is_staff: bool = False,
    is_superuser: bool = False,
    password: str | None = PASSWORD,
) -> User:
    """Return a user who can sign in with ``PASSWORD``."""
    return services.create_user(
        username=username or f"user-{next(_number)}",
        password=password,
        organisation_id=organisation.pk if organisation else None,
        is_staff=is_staff,
        is_superuser=is_superuser,
        actor=SYSTEM,
        at=NOON,
    )


def make_group(*members: User, name: str = "") -> Group:
    """Return a group of these users."""
    group = services.create_group(name=name or f"group-{next(_number)}", actor=SYSTEM, at=NOON)
    return services.set_group_members(group.pk, [member.pk for member in members], actor=SYSTEM, at=NOON)


def make_role(*actions: str, name: str = "") -> Role:
    """Return a role of these actions."""
    return services.create_role(name=name or f"Role {next(_number)}", actions=actions, actor=SYSTEM, at=NOON)


def assign(
    to: User | Group, actions: Iterable[str] | Role, organisation: Organisation, *, during: TimeWindow | None = None
) -> Assignment:
    """Give a user or a group a role, or a new role of these actions, in an organisation."""
    role = actions if isinstance(actions, Role) else make_role(*actions)
    return services.assign_role(
        role_id=role.pk,
        organisation_id=organisation.pk,
        user_id=to.pk if isinstance(to, User) else None,
        group_id=to.pk if isinstance(to, Group) else None,
        during=during or TimeWindow(),
        actor=SYSTEM,
        at=NOON,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """An organisation and three people around it.

    Alice holds every action there, Bob only those that view, Charlie holds every action somewhere else.
    """

    harbour: Organisation
    elsewhere: Organisation
    alice: User
    bob: User
    charlie: User

    def actor(self, name: str) -> Actor:
        """Return one of the three as an actor."""
        user: User = getattr(self, name)
        return actor_of_user(user)


def make_cast() -> Cast:
    """Return the cast, with all actions that are registered."""
    harbour, elsewhere = make_organisation("Harbour"), make_organisation("Elsewhere")
    cast = Cast(
        harbour=harbour,
        elsewhere=elsewhere,
        alice=make_user("alice", organisation=harbour, is_staff=True),
        bob=make_user("bob", organisation=harbour, is_staff=True),
        charlie=make_user("charlie", organisation=elsewhere, is_staff=True),
    )
    everything = make_role(*sorted(all_actions()), name="Everything")
    viewing = make_role(*sorted(each for each in all_actions() if each.endswith((".view", ".track"))), name="Viewing")
    assign(cast.alice, everything, harbour)
    assign(cast.bob, viewing, harbour)
    assign(cast.charlie, everything, elsewhere)
    return cast


def signed_in(user: User) -> Client:
    """Return a test client with the user's session."""
    client = Client()
    client.force_login(user)
    return client


def with_key(user: User, *scopes: str) -> dict[str, str]:
    """Return the header of a new API key of the user."""
    _, token = services.create_api_key(
        user_id=user.pk, name="test", scopes=scopes or sorted(all_actions()), actor=SYSTEM, at=NOON
    )
    return {"authorization": f"Bearer {token}"}


def make_policy(
    effect: str,
    actions: Iterable[str],
    condition: str = "",
    *,
    organisation: Organisation | None = None,
    users: Iterable[User] = (),
    groups: Iterable[Group] = (),
    **changes: Any,
) -> Policy:
    """Return a policy over an organisation, or everything; for everybody unless users or groups are named."""
    user_ids, group_ids = [user.pk for user in users], [group.pk for group in groups]
    filled: Any = {
        "name": f"Policy {next(_number)}",
        "effect": effect,
        "actions": list(actions),
        "condition": condition,
        "everybody": not (user_ids or group_ids),
        "user_ids": user_ids,
        "group_ids": group_ids,
        **changes,
    }
    return services.create_policy(
        filled, organisation_id=organisation.pk if organisation else None, actor=SYSTEM, at=NOON
    )


def make_attribute(name: str, type_: str) -> AttributeDefinition:
    """Return an attribute that users may have."""
    found = AttributeDefinition.objects.filter(name=name).first()
    return found or services.define_attribute(name=name, type=type_, actor=SYSTEM, at=NOON)


def describe(user: User, name: str, value: object) -> None:
    """Give a user an attribute."""
    services.set_attribute(user.pk, name, value, actor=SYSTEM, at=NOON)


def give_access_token(account: User, *scopes: str, seconds: float = 60) -> tuple[AccessToken, str]:
    """Return an OAuth token as ``/oauth/token`` gives it out, of a new client of the account; it ends by itself."""
    client, _ = services.create_oauth_client(name="program", account_id=account.pk, actor=SYSTEM, at=NOON)
    text = new_access_token()
    row = AccessToken(application=client, scope=" ".join(scopes), expires=clock.now() + timedelta(seconds=seconds))
    set_token_value(row, text)
    row.save()
    return row, text
