"""How many bytes VictoriaMetrics, a database of time series, keeps half hours in.

A server of Debian's package `victoria-metrics`, which no package of Python brings: started on a
folder and a port of its own, filled over HTTP, and weighed once all is merged.
"""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import groupby
from pathlib import Path

from agent.demo.ports import free_port
from shared.meterdays import Edges

PROGRAM = shutil.which("victoria-metrics")
HOST = "127.0.0.1"
STARTED_S_MAX = 20.0
MERGED_S_MAX = 60.0
KEPT = "100y"
"""Of itself it keeps a month."""

Row = tuple[int, int, int, Edges]
"""A meter's number, a register's, a slot, and its edges."""


def victoria_bytes(rows: Iterable[Row]) -> int | None:
    """Say how many bytes these half hours take; None where the program is not installed.

    An opening and a closing are a series each, with their own times; the index is in, caches are
    not. Rows come meter by meter, and register by register.
    """
    if PROGRAM is None:
        return None
    with tempfile.TemporaryDirectory(prefix="hearthlink-bench-") as folder:
        with _server(PROGRAM, folder) as port:
            written = 0
            for key, of_series in groupby(rows, lambda row: row[:2]):
                edges = [one[3] for one in of_series]
                _ask(port, "POST", "/api/v1/import", _series(key, edges))
                written += 2 * len(edges)
            _ask(port, "GET", "/internal/force_flush")
            _ask(port, "GET", "/internal/force_merge")
            _await_merge(port)
            kept = _count(port)
        if kept != written:
            raise ValueError(f"VictoriaMetrics keeps {kept} values of {written}")
        # What is on disk once it has been stopped is all of it.
        parts = [Path(folder, name) for name in ("data", "indexdb", "metadata")]
        return sum(one.stat().st_size for part in parts for one in part.rglob("*") if one.is_file())


def _series(key: tuple[int, int], edges: list[Edges]) -> bytes:
    """Write a register's openings and closings, a line of JSON each."""
    meter, register = key
    lines = [
        ("opening", [one.opening_at_ms for one in edges], [one.opening for one in edges]),
        ("closing", [one.closing_at_ms for one in edges], [one.closing for one in edges]),
    ]
    return b"".join(
        json.dumps(
            {
                "metric": {"__name__": name, "meter": f"{meter}", "register": f"{register}"},
                "timestamps": times,
                "values": values,
            }
        ).encode()
        + b"\n"
        for name, times, values in lines
    )


@contextmanager
def _server(program: str, folder: str) -> Iterator[int]:
    port = free_port()
    words = [f"-storageDataPath={folder}", f"-httpListenAddr={HOST}:{port}"]
    server = subprocess.Popen(
        [program, *words, f"-retentionPeriod={KEPT}", "-loggerLevel=ERROR"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_health(port)
        yield port
    finally:
        server.terminate()
        server.wait(MERGED_S_MAX)


def _await_health(port: int) -> None:
    until_s = time.monotonic() + STARTED_S_MAX
    while True:
        try:
            _ask(port, "GET", "/health")
        except OSError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.1)
        else:
            return


def _await_merge(port: int) -> None:
    """Wait until no merge is under way, as its own metrics have it."""
    until_s = time.monotonic() + MERGED_S_MAX
    while time.monotonic() < until_s:
        told = _ask(port, "GET", "/metrics").decode()
        active = [line for line in told.splitlines() if line.startswith("vm_active_force_merges")]
        if all(line.endswith(" 0") for line in active):
            return
        time.sleep(0.2)
    raise TimeoutError(f"VictoriaMetrics merges for over {MERGED_S_MAX:.0f} s")


def _count(port: int) -> int:
    """Count the values that it has, all series together."""
    asked = "/api/v1/export?match[]=opening&match[]=closing&start=0"
    return sum(len(json.loads(line)["values"]) for line in _ask(port, "GET", asked).splitlines())


def _ask(port: int, method: str, path: str, body: bytes = b"") -> bytes:
    connection = HTTPConnection(HOST, port, timeout=MERGED_S_MAX)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        said = answer.read()
    finally:
        connection.close()
    if answer.status >= 300:
        raise OSError(f"{method} {path}: {answer.status} {said[:200]!r}")
    return said
