"""How kinds and states look on screen: names and colours, for the map and its legend."""

from __future__ import annotations

from apps.access.queries import visible
from apps.access.types import Actor
from apps.assets.models import AssetKind
from apps.lifecycle.queries import states_of
from apps.operations.models import OperationKind
from apps.zones.models import ZoneKind

# Ten hues that stay apart on a light and on a dark map, and for most colour-blind readers; given out in the order of
# the kinds' slugs, so that a kind keeps its colour on every screen.
KIND_COLOURS = (
    "#2f8fd0", "#e0842e", "#3fa66b", "#a86bd1", "#c8544f", "#c2a21f", "#3fb0b5", "#d065a5", "#8a9aa3", "#7b78e0",
)  # fmt: skip


def asset_kind_styles(actor: Actor) -> list[dict[str, str]]:
    """Return slug, name and colour of every kind of asset, by slug."""
    kinds = visible(AssetKind.objects.order_by("slug"), actor, "asset-kinds.view")
    return [
        {"slug": kind.slug, "name": kind.name, "colour": KIND_COLOURS[index % len(KIND_COLOURS)]}
        for index, kind in enumerate(kinds)
    ]


def zone_kind_styles(actor: Actor) -> list[dict[str, str]]:
    """Return slug, name and colour of every kind of zone, by slug."""
    kinds = visible(ZoneKind.objects.order_by("slug"), actor, "zone-kinds.view")
    return [{"slug": kind.slug, "name": kind.name, "colour": kind.colour} for kind in kinds]


def operation_kind_styles(actor: Actor) -> list[dict[str, str]]:
    """Return slug, name and colour of every kind of operation, by slug."""
    kinds = visible(OperationKind.objects.order_by("slug"), actor, "operation-kinds.view")
    return [{"slug": kind.slug, "name": kind.name, "colour": kind.colour} for kind in kinds]


def state_styles(noun: str) -> dict[str, dict[str, str]]:
    """Return label and tone of every state that a thing of a noun can be in, by name."""
    return {name: {"label": state.label, "tone": state.tone.value} for name, state in states_of(noun).items()}
