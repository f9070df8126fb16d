"""People and access in the admin, by noun. Keys show their secret once, right after they are made."""

from apps.access.admin import changes, keys, people, policies, roles, sign_in

__all__ = ["changes", "keys", "people", "policies", "roles", "sign_in"]
