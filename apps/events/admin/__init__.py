"""The log and the webhooks in the admin."""

from __future__ import annotations

from apps.events.admin.log import EventAdmin
from apps.events.admin.webhooks import DeliveryAdmin, EndpointAdmin

__all__ = ["DeliveryAdmin", "EndpointAdmin", "EventAdmin"]
