"""The pages of signing in: a password, a second factor, an identity provider."""

from apps.access.views.oidc import sign_in_elsewhere, sign_out_elsewhere
from apps.access.views.password import PasswordSignIn, next_step

__all__ = ["PasswordSignIn", "next_step", "sign_in_elsewhere", "sign_out_elsewhere"]
