"""The one table of the feed: tickets for clients that can send neither cookie nor header."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.core.ids import new_id


class FeedTicket(models.Model):
    """Lets whoever holds its secret open one socket, once, within 30 seconds, as the one who asked for it.

    Only a SHA-256 of the 256-bit secret is stored. A ticket asked for with an API key or an OAuth token dies with it,
    is confined to its ``scopes``, and good only from where the key is; one that was asked for in a browser's session
    (``session_key``) lives by that.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    secret_sha256 = models.BinaryField(max_length=32, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    api_key = models.ForeignKey("access.ApiKey", on_delete=models.CASCADE, null=True, related_name="+")
    oauth_token = models.ForeignKey(
        "oauth2_provider.AccessToken", on_delete=models.CASCADE, null=True, related_name="+"
    )
    scopes = ArrayField(models.CharField(max_length=64), null=True)
    session_key = models.CharField(max_length=40, blank=True, editable=False)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = (models.Index(fields=("expires_at",), name="live_ticket_expiry"),)

    def __str__(self) -> str:
        return f"{self.user_id} until {self.expires_at:%H:%M:%S}"
