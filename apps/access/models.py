"""People, organisations, roles, assignments and keys, with the constraints that keep them honest.

Passwords are Argon2, keys are a SHA-256 of a 256-bit secret: neither can be read back.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Group
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import F, Q
from django.db.models.functions import Lower, Now

from apps.access.rules import PREFIX_LENGTH
from apps.core.ids import new_id
from apps.core.models import Row


def always() -> DateTimeTZRange:
    """Return the period without beginning or end."""
    return DateTimeTZRange(None, None)


def _once_at_a_time(subject: str) -> ExclusionConstraint:
    return ExclusionConstraint(
        name=f"access_assignment_once_per_{subject}",
        expressions=[
            (subject, RangeOperators.EQUAL),
            ("role", RangeOperators.EQUAL),
            ("organisation", RangeOperators.EQUAL),
            ("during", RangeOperators.OVERLAPS),
        ],
        condition=Q(**{f"{subject}__isnull": False}),
        violation_error_message="This role is assigned there for that time already.",
    )


class Organisation(Row):
    """Who owns things. Organisations form a tree; what a role gives holds for everything below."""

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=80, unique=True)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")
    # From the root down to this one, itself included: "below X" is one index lookup.
    lineage = ArrayField(models.UUIDField(), editable=False)

    class Meta:
        ordering = ("name", "id")
        indexes = (GinIndex(fields=("lineage",), name="access_organisation_lineage"),)
        constraints = (
            models.UniqueConstraint(
                "parent", Lower("name"), name="access_organisation_name_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(lineage__contains=[F("id")]) & (Q(parent__isnull=False) | Q(lineage__len=1)),
                name="access_organisation_lineage_holds_itself",
            ),
        )

    def __str__(self) -> str:
        return self.name


class User(AbstractBaseUser, Row):
    """A person or a service account.

    A service account (``is_service``) is what programs act as: by API keys and OAuth tokens, never by a session, so
    it has no password and cannot use the admin; what an account is, it stays. ``organisation`` is the one that
    administers the account, not what its owner may see: that is said by assignments and grants alone. Django's own
    model permissions are not used.
    """

    username = models.CharField(max_length=150, unique=True, validators=[UnicodeUsernameValidator()])
    email = models.EmailField(blank=True)
    display_name = models.CharField(max_length=150, blank=True)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, null=True, blank=True, related_name="people"
    )
    groups = models.ManyToManyField(Group, blank=True, related_name="user_set", related_query_name="user")
    is_active = models.BooleanField("active", default=True)
    is_staff = models.BooleanField("may use the admin", default=False)
    is_superuser = models.BooleanField("superuser", default=False)
    is_service = models.BooleanField("service account", default=False, db_default=False, editable=False)

    objects = BaseUserManager["User"]()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        ordering = ("username", "id")
        constraints = (
            models.UniqueConstraint(
                Lower("username"), name="access_user_username_once", violation_error_message="This name is taken."
            ),
            models.CheckConstraint(
                condition=Q(is_service=False)
                | Q(is_staff=False, is_superuser=False, password__startswith=UNUSABLE_PASSWORD_PREFIX),
                name="access_user_service_never_signs_in",
                violation_error_message="A service account has no password and is no staff.",
            ),
        )

    def __str__(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        """Return the name that others read."""
        return self.display_name or self.username

    def get_full_name(self) -> str:
        """Return the name for Django's admin."""
        return self.label

    def get_short_name(self) -> str:
        """Return the short name for Django's admin."""
        return self.label

    def has_perm(self, perm: str, obj: models.Model | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Answer Django's own permission question: the doors decide here, so only a superuser passes."""
        return self.is_active and self.is_superuser

    def has_perms(self, perm_list: list[str], obj: models.Model | None = None) -> bool:
        """Answer Django's own permission question for several at once."""
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:  # noqa: ARG002 - Django's signature
        """Answer whether Django's own admin may show an app."""
        return self.is_active and self.is_superuser


class Role(Row):
    """A named set of actions, such as ``assets.view``."""

    name = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    actions = ArrayField(models.CharField(max_length=64), default=list, blank=True)

    class Meta:
        ordering = ("name", "id")
        constraints = (models.UniqueConstraint(Lower("name"), name="access_role_name_once"),)

    def __str__(self) -> str:
        return self.name


class Assignment(Row):
    """A role, in an organisation and all below it, for a user or a group, for a period."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="assignments")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, null=True, blank=True, related_name="assignments")
    role = models.ForeignKey(Role, on_delete=models.PROTECT, related_name="assignments")
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="assignments")
    during = DateTimeRangeField(default=always)

    class Meta:
        ordering = ("-recorded_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=Q(user__isnull=True) ^ Q(group__isnull=True),
                name="access_assignment_user_or_group",
                violation_error_message="An assignment is for a user or for a group, not both.",
            ),
            models.CheckConstraint(condition=Q(during__isempty=False), name="access_assignment_period_not_empty"),
            *(_once_at_a_time(subject) for subject in ("user", "group")),
        )

    def __str__(self) -> str:
        return f"{self.user or self.group}: {self.role} in {self.organisation}"


class Key(models.Model):
    """What API keys and device keys have in common: a name, a hashed secret, an end and where they may be used from."""

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=PREFIX_LENGTH, unique=True, editable=False)
    secret_sha256 = models.BinaryField(max_length=32, editable=False)
    networks = ArrayField(models.CharField(max_length=49), default=list, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True
        ordering = ("-recorded_at", "id")

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    def is_usable(self, at: datetime) -> bool:
        """Say whether the key is neither revoked nor expired at the instant."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)


class ApiKey(Key, Row):
    """Lets a program act for a user, within ``scopes`` and never beyond what the user may."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    scopes = ArrayField(models.CharField(max_length=64))

    class Meta(Key.Meta):
        verbose_name = "API key"
        constraints = (models.CheckConstraint(condition=Q(scopes__len__gt=0), name="access_apikey_has_scopes"),)


class DeviceKey(Key, Row):
    """Lets devices report for the assets of an organisation and those below it, and nothing else."""

    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="device_keys")

    class Meta(Key.Meta):
        pass


class SignInFailure(models.Model):
    """How often a name or an address has failed to sign in lately; too often, and it has to wait."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    subject = models.CharField(max_length=200, unique=True)
    failures = models.PositiveIntegerField(default=0)
    since = models.DateTimeField()

    class Meta:
        ordering = ("-since",)

    def __str__(self) -> str:
        return f"{self.subject}: {self.failures}"


class AccessVersion(models.Model):
    """One row, raised by triggers whenever anything changes that a decision depends on."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    version = models.BigIntegerField(default=0)

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(id=1), name="access_version_is_one_row"),)

    def __str__(self) -> str:
        return str(self.version)


# Django finds models here; the file of its own keeps this one readable.
from apps.access.policies import AttributeDefinition, Policy, UserAttribute  # noqa: E402

__all__ = [
    "AccessVersion",
    "ApiKey",
    "Assignment",
    "AttributeDefinition",
    "DeviceKey",
    "Organisation",
    "Policy",
    "Role",
    "SignInFailure",
    "User",
    "UserAttribute",
    "always",
]


class AccessChange(models.Model):
    """One change of what somebody may do, as the database saw it in its transaction; it stays as it was written.

    ``user_id`` is whom it is about, where it is about one; ``was`` and ``becomes`` are the row without secrets. An
    empty ``actor_label`` is a change that no service made.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now())
    what = models.CharField(max_length=63)
    verb = models.CharField(max_length=7)
    row_id = models.CharField(max_length=36)
    user_id = models.UUIDField(null=True)
    was = models.JSONField(null=True)
    becomes = models.JSONField(null=True)
    actor_id = models.UUIDField(null=True)
    actor_label = models.CharField("by", max_length=200)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=["user_id", "id"], name="access_change_of_user"),)

    def __str__(self) -> str:
        return f"{self.what} {self.row_id} {self.verb}"
