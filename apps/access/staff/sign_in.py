"""The admin's login form."""

from __future__ import annotations

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm

from apps.access.api.addresses import client_address
from apps.access.queries import sign_in_blocked_until
from apps.core import clock


class SignInForm(AuthenticationForm, AdminAuthenticationForm):  # type: ignore[misc]  # unfold is untyped
    """It says when somebody has to wait after too many attempts."""

    def get_invalid_login_error(self) -> ValidationError:
        """Return what to say: wrong, or wait."""
        address = client_address(self.request) if self.request else ""
        until = sign_in_blocked_until(self.cleaned_data.get("username") or "", address, clock.now())
        if until is None:
            error: ValidationError = super().get_invalid_login_error()
            return error
        minutes = max(1, round((until - clock.now()).total_seconds() / 60))
        return ValidationError(f"Too many attempts. Try again in {minutes} min.", code="throttled")
