"""Every write of access: authorise, lock, check, write. Nobody hands out more than they hold.

Changes need no event: triggers raise the access version with them (``docs/decisions/0002``).
"""

from __future__ import annotations

from apps.access.services.attributes import (
    clear_attribute,
    define_attribute,
    delete_attribute,
    describe_attribute,
    set_attribute,
)
from apps.access.services.dry_run import draft_policy
from apps.access.services.grants import grant_access, revoke_access
from apps.access.services.identities import is_subject, link_identity, sign_in_identity, unlink_identity
from apps.access.services.keys import (
    create_api_key,
    create_device_key,
    note_key_use,
    revoke_api_key,
    revoke_device_key,
)
from apps.access.services.oauth import (
    change_oauth_client,
    create_oauth_client,
    delete_oauth_client,
    forget_expired_tokens,
    renew_oauth_secret,
)
from apps.access.services.organisations import change_organisation, create_organisation, delete_organisation
from apps.access.services.people import (
    change_user,
    create_group,
    create_user,
    delete_group,
    set_group_members,
    set_password,
    set_user_groups,
)
from apps.access.services.policies import PolicyChanges, change_policy, create_policy, delete_policy
from apps.access.services.roles import assign_role, change_role, create_role, delete_role, end_assignment
from apps.access.services.second_factor import reset_second_factor, spend_code
from apps.access.services.sign_in import begin_sign_in, forget_sign_in_failures, note_sign_in

__all__ = [
    "PolicyChanges",
    "assign_role",
    "begin_sign_in",
    "change_oauth_client",
    "change_organisation",
    "change_policy",
    "change_role",
    "change_user",
    "clear_attribute",
    "create_api_key",
    "create_device_key",
    "create_group",
    "create_oauth_client",
    "create_organisation",
    "create_policy",
    "create_role",
    "create_user",
    "define_attribute",
    "delete_attribute",
    "delete_group",
    "delete_oauth_client",
    "delete_organisation",
    "delete_policy",
    "delete_role",
    "describe_attribute",
    "draft_policy",
    "end_assignment",
    "forget_expired_tokens",
    "forget_sign_in_failures",
    "grant_access",
    "is_subject",
    "link_identity",
    "note_key_use",
    "note_sign_in",
    "renew_oauth_secret",
    "reset_second_factor",
    "revoke_access",
    "revoke_api_key",
    "revoke_device_key",
    "set_attribute",
    "set_group_members",
    "set_password",
    "set_user_groups",
    "sign_in_identity",
    "spend_code",
    "unlink_identity",
]
