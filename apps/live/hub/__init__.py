"""The hub: one per process, between the log and the sockets.

It reads every new event once, decides once per audience, encodes once per name of a subscription, and hands the
same text to every socket. ``hub_of_this_loop`` is the door.
"""

from __future__ import annotations

from apps.live.hub.hub import Hub, announce_restart, hub_of_this_loop

__all__ = ["Hub", "announce_restart", "hub_of_this_loop"]
