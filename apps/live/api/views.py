"""POST /api/v1/feed-tickets, and the AsyncAPI document."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.access.api.authentication import SessionActorAuthentication, actor_of
from apps.core import clock
from apps.live.description import asyncapi_document
from apps.live.services import issue_ticket


class FeedTicketSerializer(serializers.Serializer[object]):
    """A ticket as its owner gets it, once."""

    ticket = serializers.CharField(help_text="Open `/ws/feed?ticket=…` with it, once, before it expires.")
    expires_at = serializers.DateTimeField()


class FeedTickets(APIView):
    """Tickets for clients that can send neither a cookie nor a header with a WebSocket."""

    @extend_schema(
        operation_id="feed_tickets_create",
        summary="Get a ticket for the feed",
        request=None,
        responses={201: FeedTicketSerializer},
        tags=["feed"],
    )
    def post(self, request: Request) -> Response:
        """Give out a ticket that opens one socket, once, within 30 seconds."""
        is_by_session = isinstance(request.successful_authenticator, SessionActorAuthentication)
        session_key = request._request.session.session_key if is_by_session else None  # noqa: SLF001 - DRF's own name
        issued = issue_ticket(actor=actor_of(request), at=clock.now(), session_key=session_key or "")
        body = FeedTicketSerializer(issued).data
        return Response(body, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class AsyncApi(APIView):
    """What the feed, the stream of events and webhooks say, for machines."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="asyncapi", responses=OpenApiTypes.OBJECT, tags=["feed"], auth=[])
    def get(self, request: Request) -> Response:
        """Read the AsyncAPI 3.0 document."""
        return Response(asyncapi_document(), headers={"Cache-Control": "public, max-age=300"})
