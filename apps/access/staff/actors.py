"""Who works in the admin, which rows they see there, and what they do to several of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from django.contrib import messages
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html

from apps.access.queries import actor_of_user, visible
from apps.access.registry import judge, protected_model
from apps.access.types import ANONYMOUS, Actor, Channel
from apps.core import clock
from apps.core.types import WatchfloorError


def actor_of_staff(request: HttpRequest) -> Actor:
    """Return the actor that the signed-in member of staff is."""
    actor = actor_of_user(request.user)
    return actor if actor == ANONYMOUS else replace(actor, channel=Channel.ADMIN)


def in_short(noun: str, key: object) -> str:
    """Return an object in a table: its noun and the end of its id, which tells those of one moment apart."""
    return format_html('<span style="white-space: nowrap" title="{}/{}">{} …{}</span>', noun, key, noun, str(key)[-8:])


def do_to_each(request: HttpRequest, rows: models.QuerySet[Any], service: Callable[..., object], told: str) -> None:
    """Call a service for each row; say how many it did (``{}`` in ``told``), and why it refused the others."""
    done, actor = 0, actor_of_staff(request)
    for pk in rows.values_list("pk", flat=True):
        try:
            service(pk, actor=actor, at=clock.now())
            done += 1
        except WatchfloorError as error:
            messages.error(request, error.message)
    if done:
        messages.success(request, told.format(done))


def narrow(queryset: models.QuerySet[Any], actor: Actor) -> models.QuerySet[Any]:
    """Return the rows that the actor may see.

    Django's own tables, which nobody protects, stay as they are; for one of ours it raises ``LookupError``.
    """
    model = cast("type[models.Model]", queryset.model)
    try:
        entry = protected_model(model)
    except LookupError:
        if model.__module__.startswith("apps."):
            raise
        return queryset
    return visible(queryset, actor, f"{judge(entry).noun}.view")
