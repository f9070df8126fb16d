"""The addresses of definitions. Transitions and history are below the objects, in the apps that own these."""

from __future__ import annotations

from django.urls import path

from apps.lifecycle.api.definitions import DefinitionView, LifecyclesView, PublishView, RetireView

ONE = "api/v1/lifecycles/<uuid:definition_id>"

urlpatterns = [
    path("api/v1/lifecycles", LifecyclesView.as_view(), name="lifecycles"),
    path(ONE, DefinitionView.as_view(), name="lifecycle"),
    path(f"{ONE}/publish", PublishView.as_view(), name="lifecycle-publish"),
    path(f"{ONE}/retire", RetireView.as_view(), name="lifecycle-retire"),
]
