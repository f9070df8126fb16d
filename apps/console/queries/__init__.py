"""What the console's pages show. Reads, never writes; every row and every number for the person who looks."""

from __future__ import annotations

from apps.console.queries.dashboard import Dashboard, dashboard_of, visible_stays
from apps.console.queries.machinery import Halted, Section, halted
from apps.console.queries.styles import asset_kind_styles, operation_kind_styles, state_styles, zone_kind_styles
from apps.console.queries.system import SystemFigures, system_figures

__all__ = [
    "Dashboard",
    "Halted",
    "Section",
    "SystemFigures",
    "asset_kind_styles",
    "dashboard_of",
    "halted",
    "operation_kind_styles",
    "state_styles",
    "system_figures",
    "visible_stays",
    "zone_kind_styles",
]
