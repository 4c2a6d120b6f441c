"""The device service's counters in Prometheus's text format, over plain HTTP on loopback.

Every process has its own; what stands by shows that it does not lead. Nothing is changed by asking.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"
PATH = "/metrics"
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REQUEST_S_MAX = 10

EVENTS = "hearthlink_devices_events_total"
ANSWERS = "hearthlink_devices_answers_total"
LEADING = "hearthlink_devices_leading"
QUEUED = "hearthlink_devices_queued"

HELP = {
    EVENTS: "What the device service did, and what it passed over, by event.",
    ANSWERS: "What provisioning was answered, by the answer or the code of the refusal.",
    LEADING: "1 while this process is the one that answers.",
    QUEUED: "Requests that wait to be answered.",
}
"""Every metric and its meaning; docs/reference/metrics.md lists them."""


def render(
    events: Mapping[str, int], answers: Mapping[str, int], *, is_leading: bool, queued: int
) -> bytes:
    """Write the counters down, each metric's together below its meaning and kind."""
    lines = [
        *_head(EVENTS, "counter"),
        *(f'{EVENTS}{{event="{_name(one)}"}} {count}' for one, count in sorted(events.items())),
        *_head(ANSWERS, "counter"),
        *(f'{ANSWERS}{{answer="{_name(one)}"}} {count}' for one, count in sorted(answers.items())),
        *_head(LEADING, "gauge"),
        f"{LEADING} {int(is_leading)}",
        *_head(QUEUED, "gauge"),
        f"{QUEUED} {queued}",
        "",
    ]
    return "\n".join(lines).encode()


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


def _head(name: str, kind: str) -> list[str]:
    return [f"# HELP {name} {HELP[name]}", f"# TYPE {name} {kind}"]


def _name(text: str) -> str:
    return "".join(char if char.isalnum() or char in "-_" else "_" for char in text)
