"""A desk over HTTP, as small as a service can be that a saga may rely on: idempotent by key, and undone by key.

``POST /bookings`` books for the ``visit`` in its body under the ``Idempotency-Key``; ``DELETE /bookings/<key>`` undoes
it, and whatever may still arrive under that key; ``DELETE /visits/<visit>`` ends what a visit has booked. A desk that
answers later says 202, and posts the outcome to ``Watchfloor-Callback`` until somebody has heard it.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from apps.console.demo.desks.faults import Fault, Faults
from apps.console.demo.desks.store import BOOKED, CANCELLED, Booking, Store

SLOW_SECONDS: Final = 0.7
HANG_SECONDS: Final = 60.0
ANSWER_EVERY_SECONDS: Final = 0.2
HEARD: Final = frozenset({204, 404})


class Desk(ThreadingHTTPServer):
    """One desk: its store, its faults, and whether it answers later."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, store: Path, *, answers_later: bool) -> None:
        self.store = Store(store)
        self.faults = Faults()
        self.answers_later = answers_later
        super().__init__(("127.0.0.1", port), _Handler)
        threading.Thread(target=self._answer_for_ever, daemon=True).start()

    def _answer_for_ever(self) -> None:
        """Answer what was accepted, again and again until it is heard: whoever dies goes on where it was."""
        while True:
            time.sleep(ANSWER_EVERY_SECONDS)
            for booking in self.store.unanswered():
                self.store.confirm(booking.key)
                if _tell(booking):
                    self.store.answered(booking.key)


def main() -> None:
    """Serve one desk until told to stop."""
    parser = argparse.ArgumentParser(description="A service of the demonstration.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--later", action="store_true", help="accept at once, and answer by callback")
    options = parser.parse_args()
    Desk(options.port, options.store, answers_later=options.later).serve_forever()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Desk

    def do_GET(self) -> None:
        """Show what is booked, or which faults there are."""
        if self.path == "/faults":
            self._answer(200, {"faults": self.server.faults.text})
        else:
            self._answer(
                200, {"bookings": [{"key": each.key, "visit": each.visit} for each in self.server.store.active()]}
            )

    def do_PUT(self) -> None:
        """Switch faults."""
        try:
            self.server.faults = Faults(str(self._body().get("faults", "")))
        except ValueError as error:
            self._answer(422, {"detail": str(error)})
        else:
            self._answer(204)

    def do_POST(self) -> None:
        """Book, with whatever goes wrong."""
        body, key = self._body(), self.headers.get("Idempotency-Key", "")
        if not key or not body.get("visit"):
            self._answer(422, {"detail": "An Idempotency-Key and a visit are needed."})
            return
        fault = self.server.faults.draw()
        if fault is None or not self._goes_wrong_before(fault):
            self._book(key, str(body["visit"]), fault)

    def do_DELETE(self) -> None:
        """Undo a booking, or end what a visit has booked."""
        what, _, name = self.path.strip("/").partition("/")
        if self.server.faults.draw() in (Fault.ERROR, Fault.ERROR_AFTER):
            self._answer(500)
        elif what == "bookings":
            self.server.store.cancel(name)
            self._answer(204)
        else:
            self.server.store.release(name)
            self._answer(204)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _goes_wrong_before(self, fault: Fault) -> bool:
        if fault is Fault.DIE:
            os._exit(1)
        if fault in (Fault.SLOW, Fault.HANG):
            time.sleep(SLOW_SECONDS if fault is Fault.SLOW else HANG_SECONDS)
        if fault in (Fault.REFUSE, Fault.ERROR):
            self._answer(409 if fault is Fault.REFUSE else 500)
        return fault in (Fault.REFUSE, Fault.ERROR)

    def _book(self, key: str, visit: str, fault: Fault | None) -> None:
        later = self.headers.get("Watchfloor-Callback") if self.server.answers_later else None
        booking, is_new = self.server.store.book(key, visit, callback=later)
        if fault is Fault.DIE_AFTER:
            os._exit(1)
        if fault is Fault.HANG_AFTER:
            time.sleep(HANG_SECONDS)
        if fault is Fault.ERROR_AFTER:
            self._answer(500)
            return
        self._answer(_status(booking, is_new=is_new), {"reference": booking.key, "state": booking.state})
        if fault is Fault.ANSWER_AND_DIE:
            os._exit(1)

    def _body(self) -> dict[str, Any]:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(content or b"{}")
        return body if isinstance(body, dict) else {}

    def _answer(self, status: int, body: dict[str, Any] | None = None) -> None:
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _status(booking: Booking, *, is_new: bool) -> int:
    if booking.state == CANCELLED:
        return 409
    if booking.state != BOOKED:
        return 202
    return 201 if is_new else 200


def _tell(booking: Booking) -> bool:
    """Post the outcome of a booking; say whether somebody heard it, or will never want to."""
    body = json.dumps({"outcome": "succeeded", "answer": {"reference": booking.key}}).encode()
    request = urllib.request.Request(  # noqa: S310  an address that whoever booked gave
        str(booking.callback), data=body, headers={"Content-Type": "application/json"}, method="POST"
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=3) as answer:
            return answer.status in HEARD
    except urllib.error.HTTPError as error:
        return error.code in HEARD
    except OSError:
        return False
