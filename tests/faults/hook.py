"""A receiver of webhooks in a process of its own: it writes down what it got, then answers; killed, it forgets nothing.

``python -m tests.faults.hook PORT FILE SECONDS`` takes up to so many seconds for an answer.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock


def main(port: int, path: Path, slowest_s: float) -> None:
    """Serve until killed."""
    lock, log = Lock(), path.open("a", encoding="utf-8")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                log.write(f"{event['subject']} {int(event['sequence'])}\n")
                log.flush()
                os.fsync(log.fileno())
            time.sleep(random.uniform(0.0, slowest_s))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        allow_reuse_address = True
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *args: object) -> None:
            """Say nothing of a sender that was killed."""

    Server(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
