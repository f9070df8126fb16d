"""A link from the page of an object to who may do what to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action

from apps.access.registry import protected_model

if TYPE_CHECKING:
    from django.db.models import Model


class WhoMaySee:
    """Mixed into the admin of a noun that is shared one by one."""

    if TYPE_CHECKING:
        model: type[Model]

    actions_detail = ("who_may_see",)

    @action(description="Who can see it", url_path="who-may-see", icon="visibility")  # type: ignore[untyped-decorator]  # unfold
    def who_may_see(self, request: HttpRequest, object_id: str) -> HttpResponse:  # noqa: ARG002 - unfold's signature
        """Go to who may do what to the object, and why."""
        noun = protected_model(self.model).noun
        return HttpResponseRedirect(reverse("admin:access_of_object", args=[noun, object_id]))
