"""How programs and people sign in, in the admin: for superusers only."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest
from oauth2_provider.models import AccessToken, Application, Grant, IDToken, RefreshToken
from unfold.widgets import UnfoldBooleanSwitchWidget

from apps.access import services
from apps.access.models import User
from apps.access.queries.holdings import is_all_powerful
from apps.access.staff import GuardedAdmin, actor_of_staff
from apps.core import clock

# The libraries register pages that write past our services. What is not shown below is used up within the hour
# (tokens), or never used here (the other grants, providers kept in the database, addresses to be confirmed).
for unused in (Application, AccessToken, Grant, IDToken, RefreshToken):
    admin.site.unregister(unused)
for unused in (EmailAddress, SocialAccount, SocialApp, SocialToken, Authenticator):
    admin.site.unregister(unused)


class SuperuserAdmin(GuardedAdmin):
    """A library's table that belongs to no organisation: superusers keep it, through our services."""

    verbs = frozenset({"view", "add", "change", "delete"})

    def _may(self, request: HttpRequest, verb: str, row: models.Model | None) -> bool:
        return verb in self.verbs and is_all_powerful(actor_of_staff(request))


class OauthClientForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """An OAuth client: a name, and the service account that it stands for."""

    new_secret = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Make a new secret and show it once. The old one, and all tokens that it gave out, end now.",
    )

    class Meta:
        model = Application
        fields = ("name", "user")
        labels = {"user": "Service account"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in set(self.fields) & {"name", "user"}:
            self.fields[name].required = True


@admin.register(Application)
class OauthClientAdmin(SuperuserAdmin):
    """OAuth clients; the secret is shown once, right after it was made."""

    form = OauthClientForm
    list_display = ("name", "client_id", "user", "created")
    list_select_related = ("user",)
    search_fields = ("name", "client_id", "user__username")
    readonly_fields = ("client_id", "created")

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        """Return what is asked, and what is shown of a client that exists."""
        return ("name", "user", "client_id", "created", "new_secret") if obj else ("name", "user")

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Return the choice of an account: service accounts only."""
        kwargs["queryset"] = User.objects.filter(is_service=True)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_through(self, request: HttpRequest, row: models.Model, form: ModelForm[Any], change: bool) -> models.Model:
        """Make or change the client; a new one's secret is shown."""
        actor, at, given = actor_of_staff(request), clock.now(), form.cleaned_data
        if change:
            client = services.change_oauth_client(
                row.pk, name=given["name"], account_id=given["user"].pk, actor=actor, at=at
            )
            secret = services.renew_oauth_secret(row.pk, actor=actor, at=at) if given["new_secret"] else None
        else:
            client, secret = services.create_oauth_client(
                name=given["name"], account_id=given["user"].pk, actor=actor, at=at
            )
        if secret:
            self._show(request, client, secret)
        saved: models.Model = client
        return saved

    def delete_through(self, request: HttpRequest, row: models.Model) -> None:
        """Delete the client and its tokens."""
        services.delete_oauth_client(row.pk, actor=actor_of_staff(request), at=clock.now())

    def _show(self, request: HttpRequest, client: Application, secret: str) -> None:
        told = f"Client: {client.client_id}. Secret: {secret}"
        messages.warning(request, f"Copy these now, the secret is not shown again. {told}")


class LinkForm(ModelForm):  # type: ignore[type-arg]  # Django has no generic forms at run time
    """A link: who somebody is to the identity provider, and who they are here."""

    class Meta:
        model = SocialAccount
        fields = ("user", "uid")
        labels = {"uid": "Subject"}
        help_texts = {
            "uid": "What the provider calls the person in the claim `sub`: an id, never a name or an address."
        }


@admin.register(SocialAccount)
class LinkAdmin(SuperuserAdmin):
    """Links between an identity provider's people and ours; made by hand for whom no rule links."""

    verbs = frozenset({"view", "add", "delete"})
    form = LinkForm
    list_display = ("user", "provider", "uid", "last_login")
    list_select_related = ("user",)
    search_fields = ("user__username", "uid")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say whether there is a provider to link to, and a superuser to do it."""
        return settings.WATCHFLOOR.identity_provider is not None and super().has_add_permission(request)

    def get_fields(self, request: HttpRequest, obj: models.Model | None = None) -> tuple[str, ...]:
        """Return what is asked, or what is shown."""
        return ("user", "provider", "uid", "date_joined", "last_login") if obj else ("user", "uid")

    def save_through(self, request: HttpRequest, row: models.Model, form: ModelForm[Any], change: bool) -> models.Model:
        """Make the link, to the provider that is configured."""
        given, provider = form.cleaned_data, settings.WATCHFLOOR.identity_provider
        saved: models.Model = services.link_identity(
            given["user"].pk,
            issuer=provider.issuer if provider else "",
            subject=given["uid"],
            actor=actor_of_staff(request),
            at=clock.now(),
        )
        return saved

    def delete_through(self, request: HttpRequest, row: models.Model) -> None:
        """Take the link away."""
        services.unlink_identity(row.pk, actor=actor_of_staff(request), at=clock.now())


@admin.register(Authenticator)
class SecondFactorAdmin(SuperuserAdmin):
    """Who has a second factor. Deleting one resets it: the way back for who has lost their phone."""

    verbs = frozenset({"view", "delete"})
    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__username", "user__display_name")
    fields = ("user", "type", "created_at", "last_used_at")

    def delete_through(self, request: HttpRequest, row: Any) -> None:
        """Take all factors of the user away: recovery codes without an app would let nobody in."""
        services.reset_second_factor(row.user_id, actor=actor_of_staff(request), at=clock.now())
