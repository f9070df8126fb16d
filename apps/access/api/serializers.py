"""What people and access look like in JSON: one shape to read, one to write, per noun."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.core.api.fields import InstantField

Shape = serializers.Serializer[Any]


class RowSerializer(Shape):
    """What every row shows of itself."""

    id = serializers.UUIDField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    recorded_at = serializers.DateTimeField(read_only=True)
    changed_at = serializers.DateTimeField(read_only=True)


class OrganisationSerializer(RowSerializer):
    """An organisation, with its place in the tree."""

    name = serializers.CharField()
    slug = serializers.CharField()
    parent_id = serializers.UUIDField(allow_null=True)
    lineage = serializers.ListField(child=serializers.UUIDField(), help_text="From the top down to this one.")


class OrganisationWriteSerializer(Shape):
    """What is said to make or change an organisation."""

    name = serializers.CharField(max_length=200)
    slug = serializers.SlugField(max_length=80)
    parent_id = serializers.UUIDField(allow_null=True, required=False)


class UserSerializer(RowSerializer):
    """A user."""

    username = serializers.CharField()
    display_name = serializers.CharField()
    email = serializers.CharField()
    organisation_id = serializers.UUIDField(allow_null=True)
    is_active = serializers.BooleanField()
    is_staff = serializers.BooleanField()
    is_superuser = serializers.BooleanField()
    is_service = serializers.BooleanField(help_text="A program's account: acts by keys and tokens, never signs in.")


class UserWriteSerializer(Shape):
    """What may be changed of a user."""

    username = serializers.CharField(max_length=150)
    display_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    email = serializers.EmailField(required=False, allow_blank=True)
    organisation_id = serializers.UUIDField(allow_null=True, required=False)
    is_staff = serializers.BooleanField(required=False)
    is_superuser = serializers.BooleanField(required=False)


class UserCreateSerializer(UserWriteSerializer):
    """What is said to make a user; without a password nobody can sign in as them."""

    password = serializers.CharField(required=False, write_only=True, trim_whitespace=False, max_length=1000)
    is_service = serializers.BooleanField(
        required=False, help_text="Make a service account, without a password and without the admin; for good."
    )


class UserChangeSerializer(UserWriteSerializer):
    """What may be changed of a user."""

    is_active = serializers.BooleanField(required=False)


class MeSerializer(UserSerializer):
    """Who is signed in, and what they hold."""

    actions = serializers.ListField(child=serializers.CharField(), help_text="Held by role somewhere.")
    scopes = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="What the key or token is confined to; null for a session.",
    )
    signed_in_by = serializers.ChoiceField(choices=["session", "api_key", "oauth_token"])
    second_factor = serializers.ChoiceField(
        choices=["none", "enrolled", "shown"],
        help_text="Whether the account has a second factor, and whether this session has shown one.",
    )


class RoleSerializer(RowSerializer):
    """A named set of actions."""

    name = serializers.CharField()
    description = serializers.CharField()
    actions = serializers.ListField(child=serializers.CharField())


class RoleWriteSerializer(Shape):
    """What is said to make or change a role."""

    name = serializers.CharField(max_length=100)
    description = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    actions = serializers.ListField(child=serializers.CharField(max_length=64), max_length=500)


class AssignmentSerializer(RowSerializer):
    """A role in an organisation and all below it, for a user or a group, from ``begins_at`` to before ``ends_at``."""

    user_id = serializers.UUIDField(allow_null=True)
    group_id = serializers.IntegerField(allow_null=True)
    role_id = serializers.UUIDField()
    organisation_id = serializers.UUIDField()
    begins_at = serializers.DateTimeField(source="during.lower", allow_null=True)
    ends_at = serializers.DateTimeField(source="during.upper", allow_null=True)


class AssignmentWriteSerializer(Shape):
    """What is said to assign a role; name a user or a group."""

    user_id = serializers.UUIDField(required=False, allow_null=True)
    group_id = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=2**31 - 1)
    role_id = serializers.UUIDField()
    organisation_id = serializers.UUIDField()
    begins_at = InstantField(required=False, allow_null=True)
    ends_at = InstantField(required=False, allow_null=True)


class GrantSerializer(Shape):
    """One action on one object for one user or group."""

    id = serializers.CharField()
    noun = serializers.CharField()
    object_id = serializers.UUIDField()
    action = serializers.CharField()
    user_id = serializers.UUIDField(allow_null=True)
    group_id = serializers.IntegerField(allow_null=True)
    to = serializers.CharField()
    begins_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)


class GrantWriteSerializer(Shape):
    """What is said to share an object; name a user or a group. From ``begins_at`` to before ``ends_at``, or always."""

    noun = serializers.CharField(max_length=64)
    object_id = serializers.UUIDField()
    action = serializers.CharField(max_length=64)
    user_id = serializers.UUIDField(required=False, allow_null=True)
    group_id = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=2**31 - 1)
    begins_at = InstantField(required=False, allow_null=True)
    ends_at = InstantField(required=False, allow_null=True)


class GrantsSerializer(Shape):
    """All grants of an object."""

    items = GrantSerializer(many=True)


class KeySerializer(RowSerializer):
    """A key without its secret, which nobody can read."""

    name = serializers.CharField()
    prefix = serializers.CharField()
    networks = serializers.ListField(child=serializers.CharField())
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)


class ApiKeySerializer(KeySerializer):
    """An API key."""

    user_id = serializers.UUIDField()
    scopes = serializers.ListField(child=serializers.CharField())


class DeviceKeySerializer(KeySerializer):
    """A device key."""

    organisation_id = serializers.UUIDField()


class NewApiKeySerializer(ApiKeySerializer):
    """A new API key: the only time that its secret is told."""

    token = serializers.CharField(help_text="Send it as `Authorization: Bearer ...`. It is not shown again.")


class NewDeviceKeySerializer(DeviceKeySerializer):
    """A new device key: the only time that its secret is told."""

    token = serializers.CharField(help_text="Send it as `Authorization: Bearer ...`. It is not shown again.")


class KeyWriteSerializer(Shape):
    """What is said to make a key of either kind."""

    name = serializers.CharField(max_length=100)
    networks = serializers.ListField(child=serializers.CharField(max_length=49), required=False, max_length=50)
    expires_at = InstantField(required=False, allow_null=True)


class ApiKeyWriteSerializer(KeyWriteSerializer):
    """What is said to make an API key; for oneself unless a user is named."""

    user_id = serializers.UUIDField(required=False)
    scopes = serializers.ListField(child=serializers.CharField(max_length=64), max_length=500)


class DeviceKeyWriteSerializer(KeyWriteSerializer):
    """What is said to make a device key."""

    organisation_id = serializers.UUIDField()
