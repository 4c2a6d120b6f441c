"""The device service's counters in Prometheus's text format, over plain HTTP on loopback.

Every process has its own; what stands by shows that it does not lead. Nothing is changed by asking.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shared.exposition import MEDIA_TYPE, Measured, counter, gauge, render

HOST = "127.0.0.1"
PATH = "/metrics"
REQUEST_S_MAX = 10

EVENTS = counter(
    "devices_events", "What the device service did, and what it passed over, by event.", "event"
)
ANSWERS = counter(
    "devices_answers",
    "What provisioning was answered, by the answer or the code of the refusal.",
    "answer",
)
LEADING = gauge("devices_leading", "1 while this process is the one that answers.")
QUEUED = gauge("devices_queued", "Requests that wait to be answered.")

METRICS = (EVENTS, ANSWERS, LEADING, QUEUED)
"""Every metric, in the order it is written; the reference is made from this."""


def measure(
    events: Mapping[str, int], answers: Mapping[str, int], *, is_leading: bool, queued: int
) -> bytes:
    """Write the counters down."""
    return render(
        METRICS,
        [
            *(Measured(EVENTS, count, (name,)) for name, count in sorted(events.items())),
            *(Measured(ANSWERS, count, (name,)) for name, count in sorted(answers.items())),
            Measured(LEADING, is_leading),
            Measured(QUEUED, queued),
        ],
    )


@contextmanager
def serving(port: int, read: Callable[[], bytes]) -> Iterator[int]:
    """Serve what `read` gives while the block lasts; port 0 serves nothing. Yields the port."""
    if not port:
        yield 0
        return

    class Handler(BaseHTTPRequestHandler):
        """Answers one path."""

        timeout = REQUEST_S_MAX

        def do_GET(self) -> None:
            """Answer a scrape."""
            content = read() if self.path == PATH else b""
            self.send_response(200 if self.path == PATH else 404)
            self.send_header("Content-Type", MEDIA_TYPE)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_words: object) -> None:
            """Say nothing: a scrape every few seconds is no news."""

    server = ThreadingHTTPServer((HOST, port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def copy_of(counts: "Counter[str]") -> dict[str, int]:
    """Copy counters that another thread may add to meanwhile."""
    return {name: counts[name] for name in list(counts)}
