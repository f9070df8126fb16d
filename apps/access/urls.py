"""The addresses of signing in. allauth finds them by these names."""

from __future__ import annotations

from django.urls import path, reverse_lazy
from django.views.generic import RedirectView

from apps.access.views import oidc, second_factor

_login = RedirectView.as_view(url=reverse_lazy("admin:login"), query_string=True)

urlpatterns = [
    path("", _login, name="account_login"),
    path("switched-off/", _login, name="account_inactive"),
    path("password/", second_factor.PasswordAgain.as_view(), name="account_reauthenticate"),
    path("second-factor/", second_factor.Factors.as_view(), name="mfa_index"),
    path("second-factor/code/", second_factor.Authenticate.as_view(), name="mfa_authenticate"),
    path("second-factor/code-again/", second_factor.AuthenticateAgain.as_view(), name="mfa_reauthenticate"),
    path("second-factor/set-up/", second_factor.Activate.as_view(), name="mfa_activate_totp"),
    path("second-factor/take-away/", second_factor.Deactivate.as_view(), name="mfa_deactivate_totp"),
    path("second-factor/recovery-codes/", second_factor.RecoveryCodes.as_view(), name="mfa_view_recovery_codes"),
    path(
        "second-factor/recovery-codes/new/",
        second_factor.NewRecoveryCodes.as_view(),
        name="mfa_generate_recovery_codes",
    ),
    path("oidc/", oidc.begin, name="openid_connect_login"),
    path("oidc/callback/", oidc.come_back, name="openid_connect_callback"),
]
