"""The pages of the second factor: shown at a sign-in, set up, taken away. allauth's views in our dress."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.views import ReauthenticateView
from allauth.mfa.base.views import AuthenticateView, IndexView
from allauth.mfa.base.views import ReauthenticateView as ReauthenticateByCodeView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode

from apps.access.forms import PasswordAgainForm
from apps.access.queries import lacks_second_factor
from apps.access.services import spend_code
from apps.access.views.pages import Page, Places
from apps.core import clock


class Authenticate(Page, AuthenticateView):  # type: ignore[misc]  # allauth is untyped
    """The second step of a sign-in."""

    lead = "Type the code of your authenticator app, or a recovery code."
    button = "Sign in"
    places = (("Sign in as somebody else", "admin:login"),)


class AuthenticateAgain(Page, ReauthenticateByCodeView):  # type: ignore[misc]  # allauth is untyped
    """A code, before something that matters."""

    lead = "Type a code of your authenticator app, or a recovery code."


class PasswordAgain(Page, ReauthenticateView):  # type: ignore[misc]  # allauth is untyped
    """The password, before something that matters."""

    lead = "Type your password again."
    form_class = PasswordAgainForm

    def get_form_class(self) -> type[PasswordAgainForm]:
        """Return our form."""
        return PasswordAgainForm


class _Complete:
    """Mixed into the pages that who lacks a second factor may not reach."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Send to the second factor first."""
        if not request.user.is_authenticated or lacks_second_factor(request):
            return HttpResponseRedirect(f"{reverse('admin:login')}?{urlencode({'next': request.path})}")
        response: HttpResponse = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]  # the page's
        return response


class Factors(_Complete, Page, IndexView):  # type: ignore[misc]  # allauth is untyped
    """What second factor somebody has."""

    lead = "Your second factor."
    template_name = "access/factors.html"

    def places_beside(self, context: dict[str, Any]) -> Places:
        """Return what may be done."""
        if "totp" not in context["authenticators"]:
            return (("Set up an authenticator app", "mfa_activate_totp"), ("Back", "admin:index"))
        return (
            ("See the recovery codes", "mfa_view_recovery_codes"),
            ("Make new recovery codes", "mfa_generate_recovery_codes"),
            ("Take the authenticator app away", "mfa_deactivate_totp"),
            ("Back", "admin:index"),
        )


@method_decorator(login_required, name="dispatch")
class Activate(Page, ActivateTOTPView):  # type: ignore[misc]  # allauth is untyped
    """Sets up an authenticator app; the one page that who lacks a second factor may reach."""

    template_name = "access/activate.html"
    button = "Set it up"

    @property
    def lead(self) -> str:  # type: ignore[override]  # said to each as it concerns them
        """Return what this is for."""
        needed = lacks_second_factor(self.request)
        return "You need a second factor to go on." if needed else "Set up an authenticator app."

    def form_valid(self, form: Any) -> HttpResponse:
        """Keep the app; whoever has just shown its code has shown the second factor for this session."""
        response: HttpResponse = super().form_valid(form)
        made = Authenticator.objects.get(user=self.request.user, type=Authenticator.Type.TOTP)
        spend_code(made.pk, form.cleaned_data["code"], at=clock.now())
        record_authentication(self.request, self.request.user, "mfa", id=made.pk, type=made.type)
        return response


class Deactivate(_Complete, Page, DeactivateTOTPView):  # type: ignore[misc]  # allauth is untyped
    """Takes the authenticator app away."""

    lead = "Take the authenticator app away?"
    button = "Take it away"
    places = (("Keep it", "mfa_index"),)


class RecoveryCodes(_Complete, Page, ViewRecoveryCodesView):  # type: ignore[misc]  # allauth is untyped
    """Shows the recovery codes."""

    lead = "Your recovery codes."
    template_name = "access/recovery_codes.html"
    places = (
        ("I have kept them", "admin:index"),
        ("Make new ones", "mfa_generate_recovery_codes"),
    )


class NewRecoveryCodes(_Complete, Page, GenerateRecoveryCodesView):  # type: ignore[misc]  # allauth is untyped
    """Makes new recovery codes, which end the old ones."""

    lead = "New recovery codes end the old ones."
    button = "Make new ones"
    places = (("Keep the old ones", "mfa_index"),)
