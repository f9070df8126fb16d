"""Webhooks, and receivers for them: real servers on this machine that keep what they get."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from apps.access.models import User
from apps.access.types import SYSTEM
from apps.core import clock
from apps.events import services
from apps.events.models import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request that a receiver got."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The event that it carries."""
        return dict(json.loads(self.body))


Answer = tuple[int, dict[str, str], bytes]


@dataclass(slots=True)
class Receiver:
    """A server; ``answer`` says what it answers to a request, 204 unless told otherwise."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answer: Callable[[Received], Answer] = field(default=lambda _: (204, {}, b""))
    connections: set[Any] = field(default_factory=set)

    def by_subject(self) -> dict[str, list[str]]:
        """Return the sequences that came, by subject, in the order in which they came."""
        found = defaultdict(list)
        for each in self.received:
            found[each.event["subject"]].append(each.event["sequence"])
        return dict(found)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Yield a receiver that listens on this machine."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got = Received(path=self.path, headers={k.lower(): v for k, v in self.headers.items()}, body=body)
            receiver.connections.add(self.client_address)
            receiver.received.append(got)
            status, headers, answer = receiver.answer(got)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            with suppress(BrokenPipeError):  # who sent it waits no longer
                self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # a connection that finds the queue full is tried again a second later

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="receiver")
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    yield receiver
    server.shutdown()
    thread.join()
    server.server_close()


def make_webhook(user: User, url: str = "https://receiver.example/hook", **given: Any) -> tuple[Endpoint, str]:
    """Return an endpoint of a user and its secret."""
    filled = {"name": "Receiver", "url": url, **given}
    return services.create_endpoint(filled, user_id=user.pk, actor=SYSTEM, at=clock.now())
