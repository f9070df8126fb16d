"""``POST /api/v1/access/explain`` and ``/api/v1/access/who``: questions, which change nothing."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.access.api.authentication import actor_of
from apps.access.api.explaining import (
    DryRunChangesSerializer,
    DryRunSerializer,
    ExplanationSerializer,
    HoldersSerializer,
    QuestionSerializer,
    WhoSerializer,
    dry_run_body,
    explanation_body,
    holders_body,
)
from apps.access.api.views.policies import changes_of
from apps.access.models import Policy
from apps.access.queries import visible_row
from apps.access.queries.dry_run import effects_of
from apps.access.queries.explaining import Question, explain
from apps.access.queries.holders import who
from apps.access.services import draft_policy
from apps.access.types import Channel
from apps.core import clock
from apps.core.api.parameters import require_known
from apps.core.api.views import NounView, read_body
from apps.core.ids import new_id


class Explain(NounView):
    """May somebody do something to an object, and why."""

    @extend_schema(operation_id="explain_access", request=QuestionSerializer, responses=ExplanationSerializer)
    def post(self, request: Request) -> Response:
        """Explain a decision about yourself, or about somebody whom you administer."""
        require_known(request, ())
        body = read_body(request, QuestionSerializer)
        question = Question(
            action=body["action"],
            noun=body["noun"],
            object_id=body["object_id"],
            user_id=body.get("user_id"),
            channel=Channel(body["channel"]) if "channel" in body else None,
            instant=body.get("at"),
        )
        return Response(explanation_body(explain(question, asker=actor_of(request), at=clock.now())))


class Who(NounView):
    """Who may do something to an object."""

    @extend_schema(operation_id="who_has_access", request=WhoSerializer, responses=HoldersSerializer)
    def post(self, request: Request) -> Response:
        """List who may do something to an object that you may share, or whose owner's roles you see."""
        require_known(request, ())
        body = read_body(request, WhoSerializer)
        found = who(
            body["action"],
            body["noun"],
            body["object_id"],
            asker=actor_of(request),
            at=clock.now(),
            channel=Channel(body["channel"]) if "channel" in body else None,
            after=body.get("after"),
            limit=body["limit"],
        )
        return Response(holders_body(found))


class PolicyDryRun(NounView):
    """What a policy would change, before it is saved."""

    @extend_schema(operation_id="dry_run_policy", request=DryRunChangesSerializer, responses=DryRunSerializer)
    def post(self, request: Request) -> Response:
        """Count what would appear and disappear, and for whom, if a policy were saved; nothing is."""
        require_known(request, ())
        actor, at = actor_of(request), clock.now()
        body = read_body(request, DryRunChangesSerializer)
        channel, policy_id = Channel(body.pop("channel", Channel.REST)), body.pop("id", None)
        organisation_id = body.pop("organisation_id", None)
        kept = None if policy_id is None else visible_row(Policy.objects.all(), policy_id, actor, "policies.view")
        draft = draft_policy(
            changes_of(body, kept) if kept else {"name": f"Draft {new_id()}", **changes_of(body)},
            policy_id=policy_id,
            organisation_id=organisation_id,
            actor=actor,
            at=at,
        )
        return Response(dry_run_body(effects_of(draft, asker=actor, at=at, channel=channel)))
