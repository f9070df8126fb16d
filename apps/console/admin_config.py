"""Makes our admin site the one that ``@admin.register`` means, everywhere."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class WatchfloorAdminConfig(AdminConfig):
    """Django's admin with Watchfloor's site as the default one."""

    default_site = "apps.console.site.WatchfloorAdminSite"
    default = False
