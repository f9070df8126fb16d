"""People and access in the admin, by noun. Keys show their secret once, right after they are made."""

from apps.access.admin import keys, people, roles, sign_in

__all__ = ["keys", "people", "roles", "sign_in"]
