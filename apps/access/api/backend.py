"""Signing in with a name and a password: Argon2, and a limit on attempts that several processes share."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from apps.access.api.addresses import client_address
from apps.access.models import User
from apps.access.queries import find_user
from apps.access.services import begin_sign_in, note_sign_in
from apps.core import clock


class PasswordBackend(BaseBackend):
    """Checks passwords and nothing else: what a user may do is asked at the doors."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_extra: object
    ) -> User | None:
        """Return the user when the password is right and there were not too many attempts before."""
        if not username or password is None or "\x00" in username:
            return None
        address = client_address(request) if request is not None else ""
        if request is not None and not begin_sign_in(username, address, at=clock.now()):
            return None
        user = User.objects.filter(username__iexact=username).first()
        if user is None:
            # As slow as a wrong password, so that the time does not tell which names exist.
            User().set_password(password)
            return None
        if not user.check_password(password) or not user.is_active or user.is_service:
            return None
        note_sign_in(username, address)
        return user

    def get_user(self, user_id: UUID) -> User | None:
        """Return the user of a session, as long as they are active; a service account has none."""
        user = find_user(user_id)
        return None if user is None or user.is_service else user
