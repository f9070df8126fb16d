"""Figures of the feed for Prometheus, per process."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

SOCKETS: Final = Gauge("watchfloor_feed_sockets", "Open sockets")
STREAMS: Final = Gauge("watchfloor_event_streams", "Open streams of server-sent events")
SUBSCRIPTIONS: Final = Gauge("watchfloor_feed_subscriptions", "Subscriptions of open sockets")
AUDIENCES: Final = Gauge("watchfloor_feed_audiences", "Distinct audiences: decisions per event")
QUEUED: Final = Gauge("watchfloor_feed_queued_frames", "Frames that wait for slow sockets")
DELIVERIES: Final = Counter("watchfloor_feed_deliveries_total", "Frames of events handed to sockets")
GAPS: Final = Counter("watchfloor_feed_gaps_total", "Subscriptions that went blind", ["reason"])
CLOSES: Final = Counter("watchfloor_feed_closes_total", "Sockets ended by the server", ["code"])
LAG: Final = Histogram(
    "watchfloor_feed_lag_seconds",
    "From the recording of an event to its hand-over to the sockets",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
UNACKNOWLEDGED: Final = Histogram(
    "watchfloor_feed_unacknowledged_events",
    "How far a client was behind the log when it acknowledged",
    buckets=(0, 1, 10, 100, 1_000, 10_000),
)
