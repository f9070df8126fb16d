"""Every URL of ``web``. One line per application; the ASGI process answers the hot ingest paths itself."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerView

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("admin/", admin.site.urls),
    path("sign-in/", include("apps.access.urls")),
    # What is asked for most comes first: Django compares an address with one pattern after another.
    path("", include("apps.assets.api.urls")),
    path("", include("apps.tracking.api.urls")),
    path("", include("apps.zones.api.urls")),
    path("", include("apps.operations.api.urls")),
    path("", include("apps.incidents.api.urls")),
    path("", include("apps.lifecycle.api.urls")),
    path("", include("apps.core.api.urls")),
    path("", include("apps.live.api.urls")),
    path("", include("apps.events.api.urls")),
    path("", include("apps.filters.api.urls")),
    path("", include("apps.access.api.urls")),
    path("api/v1/openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="openapi"), name="api-docs"),
]

handler400 = "apps.core.api.problems.handler400"
handler403 = "apps.core.api.problems.handler403"
handler404 = "apps.core.api.problems.handler404"
handler500 = "apps.core.api.problems.handler500"
