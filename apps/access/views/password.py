"""Signing in with a name and a password, the first step; a second factor may follow."""

from __future__ import annotations

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from allauth.account.utils import get_next_redirect_url
from django.contrib.auth import logout
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from apps.access.models import User
from apps.access.queries import is_enrolled, lacks_second_factor
from apps.access.staff import SignInForm


class PasswordSignIn(LoginView):
    """The form of the admin's login page; Django's own view would let in without the second factor."""

    authentication_form = SignInForm

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Go on with whoever this is."""
        user = form.get_user()
        assert isinstance(user, User)  # noqa: S101 - the form is valid
        return go_on(self.request, user, method="password", to=self.get_success_url())


def go_on(request: HttpRequest, user: User, *, method: str, to: str) -> HttpResponse:
    """Sign the user in, or first ask for their second factor; then they are sent to the address."""
    if request.user.is_authenticated:
        logout(request)  # what another account's session has shown does not count for this one
    record_authentication(request, user, method, reauthenticated=True)
    response: HttpResponse = perform_login(request, Login(user=user, redirect_url=to))
    return response


def next_step(request: HttpRequest) -> str:
    """Return where somebody who is signed in goes from the login page: on, or to their second factor."""
    wanted = get_next_redirect_url(request) or reverse("admin:index")
    if not lacks_second_factor(request):
        return str(wanted)
    assert isinstance(request.user, User)  # noqa: S101 - who lacks a factor is somebody
    step = "mfa_reauthenticate" if is_enrolled(request.user.pk) else "mfa_activate_totp"
    return f"{reverse(step)}?{urlencode({'next': wanted})}"
