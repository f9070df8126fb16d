"""A ``web`` process as in production, and somebody who asks it over kept connections."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"
START_SECONDS = 30.0
CHECKOUT = Path(__file__).resolve().parents[2]


class Web:
    """One server process, and the token with which it is asked."""

    def __init__(self, port: int, pid: int, token: str) -> None:
        self.port, self.pid, self.token = port, pid, token
        self._connections = threading.local()

    def get(self, path: str) -> bytes:
        """Return the body of an answer; each thread keeps a connection of its own."""
        kept: http.client.HTTPConnection | None = getattr(self._connections, "own", None)
        if kept is None:
            kept = self._connections.own = http.client.HTTPConnection(HOST, self.port, timeout=30)
        kept.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
        answer = kept.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}: {body[:500]!r}")
        return body

    def rate(self, path: str, *, clients: int, seconds: float) -> float:
        """Return how many answers a second so many clients get, each asking again when it has its answer."""
        counts, end = [0] * clients, time.perf_counter() + seconds

        def ask(client: int) -> None:
            while time.perf_counter() < end:
                self.get(path)
                counts[client] += 1

        begun = time.perf_counter()
        threads = [threading.Thread(target=ask, args=(client,)) for client in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / (time.perf_counter() - begun)

    def processor_s(self) -> float:
        """Return how many seconds of a processor the server and its children have used."""
        return sum(_processor_s(pid) for pid in [self.pid, *_children(self.pid)])


@contextmanager
def web(token: str) -> Iterator[Web]:
    """Run the server that production runs, with the empty view beside Watchfloor's own."""
    port = _free_port()
    granian = str(Path(sys.executable).parent / "granian")
    command = [granian, "--interface", "wsgi", "--host", HOST, "--port", str(port), "--no-ws", "--log-level", "warning"]
    process = subprocess.Popen([*command, "benchmarks._pages.wsgi:application"], cwd=CHECKOUT)
    try:
        _wait_for(port)
        yield Web(port, process.pid, token)
    finally:
        process.terminate()
        process.wait(15)


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    direct = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [one for child in direct for one in [child, *_children(child)]]


def _free_port() -> int:
    """Return a port below the range that clients take theirs from."""
    for port in range(21_000, 29_000):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) != 0:
                return port
    raise SystemExit("No free port.")


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"Nothing listens on port {port}.")
