"""Bringing objects to a version over REST, from another or from none: tried dry first, then done."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.access.queries import visible_row
from apps.core import clock
from apps.core.api.idempotency import idempotent
from apps.core.api.parameters import read_flag, require_known
from apps.core.api.views import NounView, read_body
from apps.lifecycle import services
from apps.lifecycle.api.definitions import VIEW
from apps.lifecycle.models import DefinitionVersion
from apps.lifecycle.types import TimersThen

# What one request brings over, about a dozen seconds of work; who has more asks again.
MOST: Final = 10_000
DRY_RUN: Final = OpenApiParameter("dry_run", OpenApiTypes.BOOL, description="Say what would be done, and do nothing.")


class MigrationSerializer(serializers.Serializer[Any]):
    """Where the objects of a version shall go."""

    to_version = serializers.IntegerField(
        min_value=1, max_value=32_767, help_text="Another published number of its key."
    )
    states = serializers.DictField(
        child=serializers.CharField(max_length=40),
        default=dict,
        help_text="New state by old one; a state of the same name leads to itself.",
    )
    timers = serializers.ChoiceField(
        choices=[each.value for each in TimersThen],
        default=TimersThen.RECOMPUTE.value,
        help_text="What becomes of running timers: counted from when the state was entered, from now, or kept.",
    )


class RefusedStateSerializer(serializers.Serializer[Any]):
    """A state that leads nowhere, and how many objects are in it."""

    state = serializers.CharField()
    objects = serializers.IntegerField()
    reason = serializers.CharField()


class MigrationReportSerializer(serializers.Serializer[Any]):
    """What a migration did, or would do."""

    is_dry_run = serializers.BooleanField()
    maps = serializers.IntegerField(help_text="How many objects led somewhere before.")
    by_state = serializers.DictField(
        child=serializers.IntegerField(), help_text="Those by the state that they were in; empty is none."
    )
    refused = RefusedStateSerializer(many=True)
    moved = serializers.IntegerField(help_text=f"How many were brought over; at most about {MOST:,} by one request.")
    failed = serializers.IntegerField(help_text="How many could not be.")
    left = serializers.IntegerField(help_text="How many that lead somewhere are where they were: ask again for them.")


class MigrateView(NounView):
    """The objects that follow one version."""

    @extend_schema(parameters=[DRY_RUN], request=MigrationSerializer, responses=MigrationReportSerializer)
    @idempotent
    def post(self, request: Request, definition_id: UUID) -> Response:
        """Bring the objects of this version to another, or say what would become of them: of those you may change."""
        require_known(request, {"dry_run"})
        row = visible_row(DefinitionVersion.objects.all(), definition_id, actor_of(request), VIEW)
        body = read_body(request, MigrationSerializer)
        plan = services.MigrationPlan(
            key=row.key,
            from_version=row.number,
            to_version=body["to_version"],
            states=body["states"],
            timers=TimersThen(body["timers"]),
        )
        return _done(request, plan)


class EnrolView(NounView):
    """The objects that follow no lifecycle though their kind names that of one version."""

    @extend_schema(parameters=[DRY_RUN], request=None, responses=MigrationReportSerializer)
    @idempotent
    def post(self, request: Request, definition_id: UUID) -> Response:
        """Let them begin this version, or say how many would: of those you may change."""
        require_known(request, {"dry_run"})
        row = visible_row(DefinitionVersion.objects.all(), definition_id, actor_of(request), VIEW)
        return _done(request, services.MigrationPlan(key=row.key, from_version=None, to_version=row.number))


def _done(request: Request, plan: services.MigrationPlan) -> Response:
    """Carry a plan out, a part of it, unless it is tried dry; say what became of it."""
    actor = actor_of(request)
    tried = services.try_migration(plan, actor=actor)
    is_dry_run = bool(read_flag(request, "dry_run"))
    done = None if is_dry_run else services.migrate(plan, actor=actor, at=clock.now(), most=MOST)
    return Response(
        {
            "is_dry_run": is_dry_run,
            "maps": tried.maps,
            "by_state": tried.by_state,
            "refused": [
                {"state": state, "objects": number, "reason": why} for state, (number, why) in tried.refused.items()
            ],
            "moved": done.moved if done else 0,
            "failed": len(done.failed) if done else 0,
            "left": done.left if done else tried.maps,
        }
    )
