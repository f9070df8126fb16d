"""The addresses of definitions and services. Transitions, history and calls are below the objects, in their apps."""

from __future__ import annotations

from django.urls import path

from apps.lifecycle.api.calls import CallbackView, ServicesView, ServiceView
from apps.lifecycle.api.definitions import DefinitionView, LifecyclesView, PublishView, RetireView
from apps.lifecycle.api.migrating import EnrolView, MigrateView

ONE = "api/v1/lifecycles/<uuid:definition_id>"

urlpatterns = [
    path("api/v1/lifecycles", LifecyclesView.as_view(), name="lifecycles"),
    path(ONE, DefinitionView.as_view(), name="lifecycle"),
    path(f"{ONE}/publish", PublishView.as_view(), name="lifecycle-publish"),
    path(f"{ONE}/retire", RetireView.as_view(), name="lifecycle-retire"),
    path(f"{ONE}/migrate", MigrateView.as_view(), name="lifecycle-migrate"),
    path(f"{ONE}/enrol", EnrolView.as_view(), name="lifecycle-enrol"),
    path("api/v1/services", ServicesView.as_view(), name="services"),
    path("api/v1/services/<uuid:pk>", ServiceView.as_view(), name="service"),
    path("api/v1/callbacks/<str:token>", CallbackView.as_view(), name="callback"),
]
