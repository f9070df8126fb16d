"""Every URL of ``web``. One line per application; the ASGI process answers the hot ingest paths itself."""

from __future__ import annotations

from importlib.util import find_spec

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerView

_apps = ["access", "events", "lifecycle", "assets", "zones", "incidents", "tracking", "live"]
urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/", admin.site.urls),
    *[
        path("", include(f"apps.{name}.api.urls"))
        for name in ["core", *_apps]
        if find_spec(f"apps.{name}") and find_spec(f"apps.{name}.api.urls")
    ],
    path("api/v1/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="openapi"), name="api-docs"),
]

handler400 = "apps.core.api.problems.handler400"
handler403 = "apps.core.api.problems.handler403"
handler404 = "apps.core.api.problems.handler404"
handler500 = "apps.core.api.problems.handler500"
