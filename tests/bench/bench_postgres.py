"""How fast ingest fills PostgreSQL, beside plain rows, and where its processor time goes.

Frames come from memory, some twice and some late, to as many processes as there are cores, on a
server of the bench's own that makes every commit durable.
"""

from typing import Any

from cloud.ingest.worker import MAX_BATCH
from tests.bench.feeds import Feed
from tests.bench.storing import SETTINGS, WORKERS, Cost, copy_rows, merge, store, upsert_rows
from tests.support.postgres import PostgresServer

BACKLOGS = Feed(hubs=12, frames=240, samples=360, is_backlog=True)
"""Ten days of hours of each hub."""

IN_TURN = BACKLOGS._replace(is_backlog=False)
SHORT = Feed(hubs=64, frames=96, samples=30, is_backlog=False)
"""Eight hours of five minutes of each hub, one frame each at a time."""

SHORT_BACKLOGS = SHORT._replace(is_backlog=True)


def measure() -> list[dict[str, Any]]:
    """Store the same samples in each way, one after the other on one server."""
    server = PostgresServer(SETTINGS)
    try:
        backlogs = store(server, merge, BACKLOGS)
        in_turn = store(server, merge, IN_TURN)
        upserted = store(server, upsert_rows, BACKLOGS)
        copied = store(server, copy_rows, BACKLOGS)
        short = store(server, merge, SHORT_BACKLOGS)
        short_in_turn = store(server, merge, SHORT)
    finally:
        server.stop()
    samples = BACKLOGS.sample_count
    ours = samples / backlogs.took_s
    upserts = "a row for each sample, decoded, by COPY and INSERT ON CONFLICT"
    copies = "decoded and copied by COPY with a primary key"
    shape = (
        f"frames of 360, 10 % twice, 5 % late; durable commits; {WORKERS} workers and the server"
    )
    whole = f"decode, merge, coverage and receipt; a commit for up to {MAX_BATCH} frames"
    lacks = "which keeps no coverage, repetitions or half hours"
    spread = f"12 hubs, each one's next hour in turn; {_split(in_turn, IN_TURN)}"
    rate = "samples/s"
    return [
        _row("backlogs", ours, rate, upserts, samples / upserted.took_s, 1, shape),
        _row("backlogs", ours, rate, copies, samples / copied.took_s, None, lacks),
        _row("backlogs", ours, rate, "target", 1_000_000, 1, whole),
        _row(
            "backlogs",
            samples / backlogs.cpu_s,
            "samples/CPU-s",
            upserts,
            samples / upserted.cpu_s,
            None,
            _split(backlogs, BACKLOGS),
        ),
        _row("hubs in turn", samples / in_turn.took_s, rate, "target", 1_000_000, None, spread),
        _short("frames of 30, backlogs", short, 1),
        _short("frames of 30, 64 hubs in turn", short_in_turn, None),
        _row(
            "frames and their indexes",
            backlogs.table_bytes / samples,
            "B/sample",
            upserts,
            upserted.table_bytes / samples,
            1,
            "3 registers",
        ),
        _row(
            "WAL",
            backlogs.wal_bytes / samples,
            "B/sample",
            upserts,
            upserted.wal_bytes / samples,
            None,
            "full_page_writes on",
        ),
    ]


def _short(name: str, cost: Cost, target: int | None) -> dict[str, Any]:
    rate = SHORT.frame_count / cost.took_s
    return _row(name, rate, "frames/s", "target", 3_000, target, _split(cost, SHORT))


def _split(cost: Cost, feed: Feed) -> str:
    """Say where the processor time of a frame went; repetitions are in that of the first."""
    frames = feed.frame_count
    worker_us, backend_us, rest_us = (
        round(of_s / frames * 1_000_000) for of_s in (cost.worker_s, cost.backend_s, cost.rest_s)
    )
    return f"a frame's µs: worker {worker_us}, its backend {backend_us}, rest {rest_us}"


def _row(
    name: str, ours: float, unit: str, peer: str, theirs: float, target: int | None, note: str
) -> dict[str, Any]:
    """Write a row; of bytes the fewer are the better."""
    ratio = theirs / ours if unit.startswith("B/") else ours / theirs
    return {
        "name": f"PostgreSQL, {name}",
        "ours": round(ours, 1) if ours < 1_000 else round(ours),
        "unit": unit,
        "peer": peer,
        "theirs": round(theirs, 1) if theirs < 1_000 else round(theirs),
        "ratio": round(ratio, 2),
        "target": target,
        "note": note,
    }


if __name__ == "__main__":
    for line in measure():
        print(line)
