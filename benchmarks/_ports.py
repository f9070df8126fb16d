"""Ports of this machine for the servers that benchmarks start."""

from __future__ import annotations

import socket
import time


def free_port() -> int:
    """Return a port below the ephemeral range, so that no client socket sits on it."""
    for port in range(21_000, 29_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise SystemExit("No free port.")


def wait_for(port: int) -> None:
    """Wait until something listens."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"Nothing listens on port {port}.")
