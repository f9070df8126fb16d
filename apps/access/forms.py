"""The forms of signing in: codes of a second factor, counted before they are judged like passwords."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import ReauthenticateForm
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as ReauthenticateByCodeForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from apps.access.api.addresses import client_address
from apps.access.models import User
from apps.access.queries import sign_in_blocked_until
from apps.access.services import begin_sign_in, note_sign_in, spend_code
from apps.core import clock

CODE_WIDGET = {"autocomplete": "one-time-code", "autofocus": True, "maxlength": 20}


class _Counted:
    """Mixed into a form that judges codes; ``user`` and ``fields`` are the form's."""

    user: User
    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"] = forms.CharField(
            label="Code", max_length=20, widget=UnfoldAdminTextInputWidget(attrs=CODE_WIDGET)
        )

    def clean_code(self) -> str:
        """Return the code if it is right, was not used before, and there were not too many attempts."""
        # A name of their own, so that a right password does not forgive wrong codes; no user can be called that.
        name, address, at = f"second factor of {self.user.pk}", client_address(context.request), clock.now()
        if not begin_sign_in(name, address, at=at):
            raise ValidationError(_wait(name, address), code="throttled")
        code = str(super().clean_code())  # type: ignore[misc]  # the form that this is mixed into
        spent_by: Authenticator | None = getattr(self, "authenticator", None)
        is_totp = spent_by is not None and spent_by.type == Authenticator.Type.TOTP
        if spent_by is not None and is_totp and not spend_code(spent_by.pk, code, at=at):
            raise ValidationError("This code was used already. Wait for the next one.", code="used")
        note_sign_in(name, address)
        return code


class CodeForm(_Counted, AuthenticateForm):  # type: ignore[misc]  # allauth is untyped
    """The code that completes a sign-in: of the app, or a recovery code."""


class CodeAgainForm(_Counted, ReauthenticateByCodeForm):  # type: ignore[misc]  # allauth is untyped
    """A code, again, before something that matters."""


class FirstCodeForm(_Counted, ActivateTOTPForm):  # type: ignore[misc]  # allauth is untyped
    """The first code of an app, which shows that it has the secret."""


class PasswordAgainForm(ReauthenticateForm):  # type: ignore[misc]  # allauth is untyped
    """The password, again, before something that matters; our sign-in judges and counts it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"] = forms.CharField(
            label="Password",
            strip=False,
            max_length=1000,
            widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password", "autofocus": True}),
        )


def _wait(name: str, address: str) -> str:
    now = clock.now()
    until = sign_in_blocked_until(name, address, now) or now
    return f"Too many attempts. Try again in {max(1, round((until - now).total_seconds() / 60))} min."
