"""What `/usage` costs over a large table: how soon it answers, and how many one core serves.

The API is the real process on PostgreSQL with row-level security, asked with each household's own
key while frames arrive; beside it, in the same run and under the same server, a bare FastAPI route
that answers with the same bytes. Requests a second are those of one core of the serving process, by
its CPU time, which others on the machine do not change; PostgreSQL's own is apart.

`BENCH_HALF_HOURS=50000000` fills a table of that size; without it a small one, of which the ratios
are the same.
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from agent.demo.ports import free_port
from cloud.accounts.keys import make_key
from cloud.bootstrap import open_database
from cloud.config import load
from cloud.db import Database
from cloud.households.repository import Household, lock_hub, put_household, write_hub
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from cloud.readings.measured import measured_amounts, stretches_for
from cloud.readings.packed import read_packed
from cloud.readings.repository import SqlReadingStore
from cloud.readings.store import Change, RunKey
from cloud.roles import Permission
from cloud.scope import Scope
from cloud.tables import meters
from cloud.writes import upsert
from shared.calendar import Resolution
from shared.clock import SystemClock
from shared.frames import encode_frame, frame_of
from shared.meterdays import Edges
from shared.readings import Medium, StampedSample
from shared.units import MS_PER_DAY, SLOT_MS, SLOTS_PER_UTC_DAY
from tests.bench.askers import Answer, Question, ask_all, cpu_s
from tests.bench.bench_api import RUN, _connect
from tests.support.postgres import PostgresServer

METERS = 200
REGISTERS = ("import_mwh", "export_mwh")
DAYS_MAX = 1_095
HALF_HOURS = 2_000_000
WHOLE_METERS = 1_000
"""Of a table too large for `METERS`: three years of so many are 105 million half hours."""

METERS_OF_THEIR_OWN = 20
COPY_RUNS = text(
    "INSERT INTO register_runs (household_id, meter, register, run, modulus, open_stretch,"
    " open_edges) SELECT :household, :meter, register, run, modulus, open_stretch, open_edges"
    " FROM register_runs WHERE meter = :like"
)
COPY_DAYS = text(
    "INSERT INTO meter_days (run_id, stretch, household_id, edges)"
    " SELECT n.run_id, d.stretch, n.household_id, d.edges FROM meter_days d"
    " JOIN register_runs o ON o.run_id = d.run_id JOIN register_runs n ON n.register = o.register"
    " WHERE o.meter = :like AND n.meter = :meter"
)

CONNECTIONS = 16
ROUNDS = 12
ROUND = 500
"""The kernel counts hundredths of a second: of four rounds, one was 5 % of what the floor took."""
SPREAD_DAYS = 365
TIMED = 300
FRAME_EVERY_S = 0.1
TARGET_OF_FLOOR, TARGET_OF_FLOOR_SAME = 0.2, 0.5
STORE_P95_MS, API_P95_MS = 5.0, 15.0
ZONE = "Europe/London"
SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB", "synchronous_commit": "off"}


class Table(NamedTuple):
    """How much there is: so many meters, each its own household's, and days up to yesterday."""

    meters: int
    days: int
    first: date

    @property
    def half_hours(self) -> int:
        """Half hours of all registers together."""
        return self.meters * self.days * SLOTS_PER_UTC_DAY * len(REGISTERS)


def measure() -> list[dict[str, Any]]:
    """Fill a table, then ask it at random, as a store and through the API."""
    table = _table(int(os.environ.get("BENCH_HALF_HOURS", HALF_HOURS)))
    server = PostgresServer(SETTINGS)
    try:
        with tempfile.TemporaryDirectory(prefix="hearthlink-bench-") as folder:
            return _measure(server, table, folder)
    finally:
        server.stop()


def _measure(server: PostgresServer, table: Table, folder: str) -> list[dict[str, Any]]:
    port = free_port()
    settings = {
        "STATE_DIR": folder,
        "DATABASE_URL": server.url(server.migrated_database()),
        "API_TOKEN": "token-of-the-bench-only",
        "API_PORT": str(port),
        "REQUESTS_PER_S_MAX": "0",
    }
    named = {f"HEARTHLINK_CLOUD_{key}": value for key, value in settings.items()}
    database = open_database(load(None, environment=named), SystemClock())
    keys = _fill(database, table)
    rows = [_timed_store(database, table, *one) for one in _periods(table)]
    environment = {**os.environ, **named, "PYTHONPATH": str(Path(__file__).parents[2])}
    api = subprocess.Popen([sys.executable, "-c", RUN, "api"], env=environment)
    stop = threading.Event()
    hubs = threading.Thread(target=_send, args=(database, table, stop))
    try:
        _connect(port).close()
        hubs.start()
        rows += [_timed_api(port, keys, table, *one) for one in _periods(table)]
        rows += _served(server, port, api.pid, keys, table)
    finally:
        stop.set()
        api.terminate()
        api.wait(20)
        hubs.join()
        database.close()
    return rows


def _table(half_hours: int) -> Table:
    meter_count = METERS if half_hours <= HALF_HOURS else WHOLE_METERS
    days = half_hours // (meter_count * SLOTS_PER_UTC_DAY * len(REGISTERS))
    days = min(max(days, 10), DAYS_MAX)
    today = date.fromordinal(SystemClock().utc_ms() // MS_PER_DAY + date(1970, 1, 1).toordinal())
    return Table(meter_count, days, today - timedelta(days=days))


def _fill(database: Database, table: Table) -> list[str]:
    """Write each meter's days as the merge leaves them; returns its household's key.

    A few meters have days of their own; each of the others has the same as one of them.
    """
    rng = random.Random(1)
    keys = []
    for number in range(table.meters):
        with database.writing() as connection:
            keys.append(_household(connection, number, table))
            if number >= METERS_OF_THEIR_OWN:
                _copy_days(connection, number % METERS_OF_THEIR_OWN, number)
                continue
            runs = {RunKey(one, ""): 0 for one in REGISTERS}
            days = {}
            for key in runs:
                days.update(_days(key, table, rng))
            scope = Scope.of(f"bench-{number}")
            SqlReadingStore(connection).apply(scope, f"M{number}", Change(runs, days))
    with database.writing() as connection:
        connection.execute(text("ANALYZE"))
    return keys


def _household(connection: Connection, number: int, table: Table) -> str:
    """Make a household with a hub and a meter, and give its key."""
    scope = Scope.of(f"bench-{number}")
    now_ms = SystemClock().utc_ms()
    put_household(connection, Household(scope.only, scope.only, ZONE))
    read = frozenset({Permission.READ})
    secret = make_key(connection, scope, "bench", read, 365, "bench", now_ms)[1]
    hub = lock_hub(connection, f"hub-{number}", now_ms)
    write_hub(connection, hub._replace(household_id=scope.only))
    first_ms = _day_number(table.first) * MS_PER_DAY
    row = {
        "household_id": scope.only,
        "meter": f"M{number}",
        "medium": "electricity",
        "first_taken_at_ms": first_ms,
        "last_taken_at_ms": first_ms + table.days * MS_PER_DAY,
    }
    upsert(connection, meters, [row], keys=("household_id", "meter"))
    return secret


def _copy_days(connection: Connection, number: int, to: int) -> None:
    """Give a meter the days of another, as they lie."""
    asked = {"like": f"M{number}", "meter": f"M{to}", "household": f"bench-{to}"}
    connection.execute(COPY_RUNS, asked)
    connection.execute(COPY_DAYS, asked)


def _days(key: RunKey, table: Table, rng: random.Random) -> dict[Any, dict[int, Edges]]:
    days = {}
    value = 10**9
    first = _day_number(table.first)
    for day in range(first, first + table.days):
        edges = {}
        slots = range(day * SLOTS_PER_UTC_DAY, (day + 1) * SLOTS_PER_UTC_DAY)
        for slot, used in zip(slots, rng.choices(range(20_000, 900_000), k=48), strict=True):
            opening = value + 1_000
            value += used
            edges[slot] = Edges(slot * SLOT_MS + 10_000, opening, (slot + 1) * SLOT_MS, value)
        days[key, day] = edges
    return days


def _send(database: Database, table: Table, stop: threading.Event) -> None:
    """Be the hubs: one after the other sends what its meter says now."""
    service = IngestService(database, SystemClock(), Rules())
    number = seq = 0
    while not stop.wait(FRAME_EVERY_S):
        number, seq = (number + 1) % table.meters, seq + 1
        now_ms = SystemClock().utc_ms()
        registers = dict.fromkeys(REGISTERS, 10**12 + seq * 1_000)
        samples = [StampedSample(seq, now_ms, registers)]
        frame = frame_of(number.to_bytes(16), f"M{number}", 0, samples)
        service.ingest([Message(f"hub-{number}", encode_frame(frame), now_ms)])


def _periods(table: Table) -> list[tuple[str, int, Resolution]]:
    periods = [
        ("a day by half hour", 1, Resolution.HALF_HOUR),
        ("a week by half hour", 7, Resolution.HALF_HOUR),
        ("a month by half hour", 30, Resolution.HALF_HOUR),
        ("a year by day", 365, Resolution.DAY),
    ]
    return [one for one in periods if one[1] < table.days]


def _place(rng: random.Random, table: Table, days: int) -> tuple[int, date]:
    """Choose a meter and a first day: evenly over the year up to yesterday."""
    spread = min(table.days - days, SPREAD_DAYS)
    back = days + rng.randrange(spread)
    return rng.randrange(table.meters), table.first + timedelta(days=table.days - back)


def _question(
    keys: list[str], number: int, first: date, days: int, resolution: Resolution
) -> Question:
    asked = f"from={first}&to={first + timedelta(days=days)}&resolution={resolution}"
    return Question(f"/v1/meters/M{number}/usage?{asked}", keys[number])


def _timed_store(
    database: Database, table: Table, name: str, days: int, resolution: Resolution
) -> dict[str, Any]:
    """Read what a period at random used, summed by interval."""
    rng = random.Random(5)
    took_ms = []
    for _ in range(TIMED):
        number, first = _place(rng, table, days)
        start_ms = _day_number(first) * MS_PER_DAY
        scope = Scope.of(f"bench-{number}")
        span_ms = (start_ms, start_ms + days * MS_PER_DAY)
        step_ms = SLOT_MS if resolution is Resolution.HALF_HOUR else MS_PER_DAY
        bounds_ms = range(span_ms[0], span_ms[1] + 1, step_ms)
        started_s = time.perf_counter()
        with database.reading() as connection:
            asked = stretches_for(scope.only, f"M{number}", span_ms)
            (packed,) = read_packed(database, connection, [asked])
            amounts = measured_amounts(packed, Medium.ELECTRICITY, bounds_ms)
        took_ms.append((time.perf_counter() - started_s) * 1_000)
        assert amounts is not None
        assert len(amounts["import_mwh"] or ()) == len(bounds_ms) - 1
    return _late(f"the store, {name}", took_ms, STORE_P95_MS, table)


def _timed_api(
    port: int, keys: list[str], table: Table, name: str, days: int, resolution: Resolution
) -> dict[str, Any]:
    rng = random.Random(7)
    asked = [_question(keys, *_place(rng, table, days), days, resolution) for _ in range(TIMED)]
    answers = _well(ask_all(port, asked, 1), 200)
    return _late(f"/usage, {name}", [one.took_ms for one in answers], API_P95_MS, table)


def _late(name: str, took_ms: list[float], limit_ms: float, table: Table) -> dict[str, Any]:
    p95_ms = statistics.quantiles(took_ms, n=20)[18]
    return {
        "name": f"PostgreSQL, {table.half_hours / 1e6:.1f} M half hours: {name}",
        "ours": round(p95_ms, 2),
        "unit": "ms p95",
        "peer": "limit",
        "theirs": limit_ms,
        "ratio": round(limit_ms / p95_ms, 2),
        "target": 1,
        "note": f"p50 {statistics.median(took_ms):.2f} ms; two registers, security by row",
    }


def _served(
    server: PostgresServer, port: int, pid: int, keys: list[str], table: Table
) -> list[dict[str, Any]]:
    """Ask in turns the API, the API for what was had before, and the floor; each day once."""
    rng = random.Random(11)

    def chosen() -> list[Question]:
        places = [_place(rng, table, 1) for _ in range(ROUND)]
        return [_question(keys, *one, 1, Resolution.HALF_HOUR) for one in places]

    # Asked once before, so that no process's first steps count.
    body = _well(ask_all(port, chosen(), CONNECTIONS), 200)[0].body
    used_s = {"ours": 0.0, "same": 0.0, "bare": 0.0}
    server_s = dict(used_s)

    def turn(name: str, to_port: int, to_pid: int, asked: list[Question], status: int) -> Any:
        before_s, server_before_s = cpu_s(to_pid), server.cpu_s()
        answers = _well(ask_all(to_port, asked, CONNECTIONS), status)
        used_s[name] += cpu_s(to_pid) - before_s
        server_s[name] += server.cpu_s() - server_before_s
        return answers

    with _bare(body) as (bare_port, bare_pid):
        ask_all(bare_port, [Question("/bare", "")] * ROUND, CONNECTIONS)
        for _ in range(ROUNDS):
            asked = chosen()
            turn("bare", bare_port, bare_pid, [Question("/bare", "")] * ROUND, 200)
            answers = turn("ours", port, pid, asked, 200)
            had = [one._replace(tag=its.tag) for one, its in zip(asked, answers, strict=True)]
            turn("same", port, pid, had, 304)
    a_s = {name: ROUNDS * ROUND / seconds for name, seconds in used_s.items()}
    each_ms = {name: seconds * 1_000 / (ROUNDS * ROUND) for name, seconds in server_s.items()}
    return [
        _rate("a day each", a_s["ours"], a_s["bare"], TARGET_OF_FLOOR, each_ms["ours"]),
        _rate(
            "a day each, not modified",
            a_s["same"],
            a_s["bare"],
            TARGET_OF_FLOOR_SAME,
            each_ms["same"],
        ),
    ]


@contextmanager
def _bare(body: bytes) -> Iterator[tuple[int, int]]:
    """Serve these bytes by a bare route; gives its port and its process."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(body)
        file.flush()
        port = free_port()
        words = [sys.executable, "-m", "tests.bench.bareroute", str(port), file.name]
        bare = subprocess.Popen(words)
        try:
            _connect(port).close()
            yield port, bare.pid
        finally:
            bare.terminate()
            bare.wait(10)


def _well(answers: list[Answer], status: int) -> list[Answer]:
    """Check that everything was answered as it should: a few tags change as frames arrive."""
    wrong = [one for one in answers if one.status != status]
    assert all(one.status == 200 for one in wrong), wrong[0]
    assert len(wrong) <= len(answers) // 10, f"{len(wrong)} of {len(answers)} not {status}"
    return answers


def _rate(name: str, ours: float, theirs: float, target: float, server_ms: float) -> dict[str, Any]:
    return {
        "name": f"PostgreSQL: /usage, {name}",
        "ours": round(ours),
        "unit": "requests/s of a core",
        "peer": "the same bytes from a bare FastAPI route",
        "theirs": round(theirs),
        "ratio": round(ours / theirs, 3),
        "target": target,
        "note": "by key, security by row, frames arriving;"
        f" {CONNECTIONS} connections; PostgreSQL itself {server_ms:.2f} ms for each",
    }


def _day_number(day: date) -> int:
    return (day - date(1970, 1, 1)).days


if __name__ == "__main__":
    for line in measure():
        print(line)
