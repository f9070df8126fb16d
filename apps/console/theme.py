"""What django-unfold needs to know to look like Watchfloor: names, marks, colours. Read by the settings.

Imported before any app is loaded, so it names its callables as dotted paths and touches no model.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static


def _mark(_: HttpRequest) -> str:
    return static("console/mark.svg")


def _harbour(_: HttpRequest) -> str:
    return static("console/harbour.svg")


def _stylesheet(_: HttpRequest) -> str:
    return static("console/console.css")


# Neutral greys with a little of the sea in them, and one accent. Severities and states have their own colours in
# ``console.css``: an accent that also meant "danger" would teach people to ignore it.
BASE = {
    "50": "oklch(98.4% .003 230)",
    "100": "oklch(96.4% .005 230)",
    "200": "oklch(92.3% .008 230)",
    "300": "oklch(86.8% .013 230)",
    "400": "oklch(70.5% .022 232)",
    "500": "oklch(55.0% .027 234)",
    "600": "oklch(44.2% .029 236)",
    "700": "oklch(36.6% .031 238)",
    "800": "oklch(26.8% .031 240)",
    "900": "oklch(20.2% .030 242)",
    "950": "oklch(14.2% .026 244)",
}
PRIMARY = {
    "50": "oklch(97.3% .018 208)",
    "100": "oklch(94.2% .038 208)",
    "200": "oklch(88.4% .070 209)",
    "300": "oklch(81.0% .105 211)",
    "400": "oklch(74.0% .125 214)",
    "500": "oklch(66.0% .124 218)",
    "600": "oklch(55.5% .112 222)",
    "700": "oklch(47.5% .097 225)",
    "800": "oklch(40.5% .080 227)",
    "900": "oklch(35.0% .066 229)",
    "950": "oklch(27.0% .052 231)",
}
FONT = {
    "subtle-light": "var(--color-base-500)",
    "subtle-dark": "var(--color-base-400)",
    "default-light": "var(--color-base-600)",
    "default-dark": "var(--color-base-300)",
    "important-light": "var(--color-base-900)",
    "important-dark": "var(--color-base-100)",
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Watchfloor",
    "SITE_HEADER": "Watchfloor",
    "SITE_SUBHEADER": "What moves, and where",
    "SITE_URL": None,
    "SITE_ICON": _mark,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _mark}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "COLORS": {"base": BASE, "primary": PRIMARY, "font": FONT},
    "STYLES": [_stylesheet],
    "LOGIN": {"image": _harbour, "form": "apps.access.staff.SignInForm"},
    "COMMAND": {"search_models": True, "show_history": False},
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": "apps.console.navigation.navigation",
    },
}
