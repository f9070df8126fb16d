"""Who an identity provider's people are here: the link between its subject and our user, made once and then kept.

The provider's word has been verified before it comes here (``apps.access.api.oidc``). A name or an address never opens
an account that somebody uses: by a claim only such accounts are linked that wait for it, with no password and no link.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from apps.access.models import User
from apps.access.queries.holdings import is_all_powerful
from apps.access.rules import provider_key
from apps.access.services.checks import require
from apps.access.services.people import create_user
from apps.access.services.recording import recorded
from apps.access.types import SYSTEM, Actor, Identity, IdentityProvider
from apps.core.locks import lock
from apps.core.types import Conflict, FieldError, Invalid, NotAllowed, NotFound

LONGEST_SUBJECT = 191


@transaction.atomic
def sign_in_identity(identity: Identity, provider: IdentityProvider, *, at: datetime) -> User:
    """Return the user that an identity is, brought to what its claims say of staff and groups.

    By its link; else linked to the account that waits for it, or made, as the provider's rules say. Raises
    ``NotAllowed`` for everybody else, and for an account that is switched off.
    """
    _one_at_a_time(identity)
    user = _linked(identity) or _linked_anew(identity, provider, at) or _made(identity, provider, at)
    if not user.is_active or user.is_service:
        raise NotAllowed("This account is switched off.", code="switched_off")
    _follow(user, identity, provider, at)
    return user


@recorded
def link_identity(user_id: UUID, *, issuer: str, subject: str, actor: Actor, at: datetime) -> SocialAccount:
    """Return a new link by which a subject of a provider signs in as the user; superusers make them by hand."""
    require(is_all_powerful(actor), "Only a superuser links people.")
    user = lock(User.objects.all(), user_id)
    if not is_subject(subject) or user.is_service:
        error = FieldError(pointer="/uid", code="no_subject", detail="It needs a subject, and a person to link it to.")
        raise Invalid("This cannot be linked.", errors=[error])
    identity = Identity(issuer=issuer, subject=subject, claims={})
    _one_at_a_time(identity)
    if _linked(identity) is not None:
        raise Conflict("This subject is linked already.", code="taken")
    return _link(user, identity)


@recorded
def unlink_identity(link_id: int, *, actor: Actor, at: datetime) -> None:
    """Take a link away: the subject does not sign in as the user any more."""
    require(is_all_powerful(actor), "Only a superuser unlinks people.")
    deleted, _ = SocialAccount.objects.filter(pk=link_id).delete()
    if not deleted:
        raise NotFound("There is no such link.")


def is_subject(text: object) -> bool:
    """Say whether this can be a subject: OpenID Connect has at most 255 ASCII characters, the table a few less."""
    return isinstance(text, str) and 0 < len(text) <= LONGEST_SUBJECT and text.isascii() and text.isprintable()


def _one_at_a_time(identity: Identity) -> None:
    """Let two first sign-ins of one subject make one link."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{identity.issuer} {identity.subject}"]
        )


def _linked(identity: Identity) -> User | None:
    links = SocialAccount.objects.filter(provider=provider_key(identity.issuer), uid=identity.subject)
    link = links.select_related("user").first()
    return link.user if link else None


def _linked_anew(identity: Identity, provider: IdentityProvider, at: datetime) -> User | None:
    """Return the account that waits for this identity, linked from now on.

    Raises ``NotAllowed`` when the claim names an account that does not wait: making a second one beside it would
    confuse everybody.
    """
    named = _named(identity, provider.link_claim)
    if not named:
        return None
    if len(named) > 1 or not _waits(named[0]):
        raise NotAllowed("The account of this name is not open to be linked; a superuser can link it.", code="not_open")
    _link(named[0], identity)
    return named[0]


def _named(identity: Identity, claim: str) -> list[User]:
    """Return the users that the claim names: by e-mail only if it is verified, by any other claim as the user name."""
    value = identity.verified_email if claim == "email" else identity.text(claim)
    if not claim or not value:
        return []
    field = "email" if claim == "email" else "username"
    # The database compares capitals, and the capital of a dotless i is that of any i.
    alike = User.objects.select_for_update().filter(**{f"{field}__iexact": value}).order_by("pk")
    return [user for user in alike if getattr(user, field).casefold() == value.casefold()]


def _waits(user: User) -> bool:
    """Say whether nobody uses the account yet, and nobody could be robbed of it."""
    is_open = user.is_active and not (user.is_superuser or user.is_service or user.has_usable_password())
    return is_open and not SocialAccount.objects.filter(user=user).exists()


def _link(user: User, identity: Identity) -> SocialAccount:
    return SocialAccount.objects.create(user=user, provider=provider_key(identity.issuer), uid=identity.subject)


def _made(identity: Identity, provider: IdentityProvider, at: datetime) -> User:
    if not provider.creates_unknown:
        raise NotAllowed("Nobody here is known by this account; ask for one.", code="unknown_person")
    user = create_user(
        username=_free_name(identity),
        display_name=identity.text("name")[:150],
        email=identity.verified_email,
        actor=SYSTEM,
        at=at,
    )
    _link(user, identity)
    return user


def _free_name(identity: Identity) -> str:
    """Return the name that the provider knows the person by, or one of our own making when that is taken or no name."""
    preferred = User.normalize_username(identity.text("preferred_username"))[:150]
    try:
        User(username=preferred).clean_fields(exclude={"password", "lineage"})
        is_free = not User.objects.filter(username__iexact=preferred).exists()
    except ValidationError:
        is_free = False
    digest = hashlib.sha256(f"{identity.issuer} {identity.subject}".encode()).hexdigest()
    return preferred if is_free else f"person-{digest[:12]}"


def _follow(user: User, identity: Identity, provider: IdentityProvider, at: datetime) -> None:
    """Bring staff and groups to what the claims say, as far as the operator mapped them; nothing else is touched."""
    theirs = identity.texts(provider.groups_claim)
    is_staff = bool(theirs & provider.staff_groups)
    if provider.staff_groups and not user.is_superuser and user.is_staff != is_staff:
        user.is_staff = is_staff
        user.mark_changed(at)
        user.save(update_fields=["is_staff", "version", "changed_at"])
    managed = {ours for _, ours in provider.group_map}
    wanted = {ours for name, ours in provider.group_map if name in theirs}
    held = set(user.groups.filter(name__in=managed).values_list("name", flat=True))
    if held - wanted:
        user.groups.remove(*Group.objects.filter(name__in=held - wanted))
    if wanted - held:
        user.groups.add(*Group.objects.filter(name__in=wanted - held))
