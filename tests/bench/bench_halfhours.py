"""How many bytes a half hour takes in PostgreSQL, beside plain rows, chDB and VictoriaMetrics."""

import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from cloud.db import Database
from cloud.readings.repository import SqlReadingStore
from cloud.readings.store import Change, RunKey
from cloud.scope import Scope
from shared.meterdays import Edges, SlotEdges
from shared.units import SLOT_MS, SLOTS_PER_UTC_DAY
from tests.bench.storing import SETTINGS
from tests.bench.victoria import victoria_bytes
from tests.support.postgres import PostgresServer

DISK_METERS, DISK_DAYS = 24, 56
DISK_BATCHES = 4
"""Hubs are heard in no order: one commit is of every fourth."""
CHDB = Path(sys.prefix) / "chdb" / "bin" / "python"
COUNTERS = ("import_mwh", "export_mwh")
EVERY_MS = 10_000


class Grown:
    """A meter whose days are known hour by hour."""

    def __init__(self, meter: str, scope: Scope, rng: random.Random, keys: list[RunKey]) -> None:
        self.meter = meter
        self.scope = scope
        self._rng = rng
        self._values = dict.fromkeys(keys, 10**9)
        self._edges: dict[RunKey, SlotEdges] = {}
        self.rows: list[tuple[int, int, Edges]] = []
        """Register, slot and edges of all hours so far, as plain rows have them."""

    def next_hour(self, hour: int) -> Change:
        """Bring the day up to date with an hour, as a merge does."""
        utc_day = 20_000 + hour // 24
        if hour % 24 == 0:
            self._edges = {key: {} for key in self._values}
        for register, (key, edges) in enumerate(self._edges.items()):
            value = self._values[key]
            for half in (0, 1):
                slot = utc_day * SLOTS_PER_UTC_DAY + hour % 24 * 2 + half
                start_ms, opening = slot * SLOT_MS, value + 1_000
                value += self._rng.randint(20_000, 900_000)
                edges[slot] = Edges(start_ms + EVERY_MS, opening, start_ms + SLOT_MS, value)
                self.rows.append((register, slot, edges[slot]))
            self._values[key] = value
        days = {(key, utc_day): edges for key, edges in self._edges.items()}
        return Change(dict.fromkeys(self._values, 0), days)


class Kept(NamedTuple):
    """Bytes a half hour and register: ours, as plain rows, and in peers that are installed."""

    ours: float
    plain: float
    chdb: float | None
    victoria: float | None


def disk(server: PostgresServer) -> Kept:
    """Grow weeks of meter-days by the hour, and weigh them.

    Households have ids of full length; what is kept of the runs themselves is counted in.
    """
    name = server.migrated_database()
    database = Database(server.url(name))
    rng = random.Random(3)
    keys = [RunKey(one, "") for one in COUNTERS]
    meters = [Grown(f"M{n}", Scope.of(f"{n:032x}"), rng, keys) for n in range(DISK_METERS)]
    for hour in range(DISK_DAYS * 24):
        for batch in range(DISK_BATCHES):
            with database.writing() as connection:
                store = SqlReadingStore(connection)
                for one in meters[batch::DISK_BATCHES]:
                    store.apply(one.scope, one.meter, one.next_hour(hour))
    database.close()
    slots = len(meters) * len(keys) * DISK_DAYS * SLOTS_PER_UTC_DAY
    with psycopg.connect(server.conninfo(name)) as connection:
        connection.execute(
            "CREATE TABLE half_hours (meter integer, register smallint, slot integer,"
            " opening_at_ms bigint, opening bigint, closing_at_ms bigint, closing bigint,"
            " PRIMARY KEY (meter, register, slot))"
        )
        connection.execute(
            "INSERT INTO half_hours SELECT n % 200, n % 2, n, n, n, n, n"
            f" FROM generate_series(1, {slots}) n"
        )
        found = connection.execute(
            "SELECT pg_total_relation_size('meter_days') + pg_total_relation_size('register_runs'),"
            " pg_total_relation_size('half_hours')"
        ).fetchone()
    assert found is not None
    victoria = victoria_bytes(
        (number, register, slot, edges)
        for number, meter in enumerate(meters)
        for register, slot, edges in sorted(meter.rows)
    )
    return Kept(
        found[0] / slots,
        found[1] / slots,
        chdb_bytes(meters),
        None if victoria is None else victoria / slots,
    )


def chdb_bytes(meters: Sequence[Grown]) -> float | None:
    """Say how many bytes the same half hours take in chDB; None where `make bench` put none."""
    if not CHDB.exists():
        return None
    with tempfile.TemporaryDirectory(prefix="hearthlink-bench-") as folder:
        rows = Path(folder) / "rows.csv"
        with rows.open("w") as file:
            for number, meter in enumerate(meters):
                for register, slot, edges in meter.rows:
                    file.write(f"{number},{register},{slot},{','.join(map(str, edges))}\n")
        far = Path(__file__).with_name("chdb_far.py")
        command = [str(CHDB), str(far), str(rows), f"{folder}/chdb"]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
    return int(done.stdout) / sum(len(meter.rows) for meter in meters)


def measure() -> list[dict[str, Any]]:
    """Grow weeks of half hours, and as many plain rows."""
    server = PostgresServer(SETTINGS)
    try:
        kept = disk(server)
    finally:
        server.stop()
    edges = "opening and closing with their times; index in"
    series = "an opening and a closing as series of their own; merged, no transactions"
    columns = "one merged part; whole columns, no rewriting, no transactions"
    return [
        _row(kept.ours, "a row for each", kept.plain, edges, 1),
        _row(kept.ours, "target", 6, "autovacuum alone", 1),
        *(
            _row(kept.ours, peer, theirs, note, None)
            for peer, theirs, note in (
                ("chDB (ClickHouse)", kept.chdb, columns),
                ("VictoriaMetrics", kept.victoria, series),
            )
            if theirs is not None
        ),
    ]


def _row(ours: float, peer: str, theirs: float, note: str, target: int | None) -> dict[str, Any]:
    return {
        "name": "PostgreSQL, half hours after frames in hourly order",
        "ours": round(ours, 1),
        "unit": "B/half hour and register",
        "peer": peer,
        "theirs": round(theirs, 1),
        "ratio": round(theirs / ours, 2),
        "target": target,
        "note": note,
    }


if __name__ == "__main__":
    for line in measure():
        print(line)
