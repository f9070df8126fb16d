"""Addresses of the queryables."""

from __future__ import annotations

from django.urls import path

from apps.filters.api.views import QueryablesIndexView, QueryablesView

urlpatterns = [
    path("api/v1/queryables", QueryablesIndexView.as_view(), name="queryables-index"),
    path("api/v1/queryables/<slug:noun>", QueryablesView.as_view(), name="queryables"),
]
