"""The addresses of ``web``, and the empty view."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class EmptyView(APIView):
    """What Django REST framework costs by itself: nobody is asked for, and nothing is read."""

    authentication_classes = ()
    permission_classes = ()

    def get(self, _: Request) -> Response:
        """Answer."""
        return Response({"empty": True})


urlpatterns = [path("empty", EmptyView.as_view()), path("", include("project.urls"))]
