"""What tests of the agent share: logs and rows, samples and telegrams, a configuration, a hub."""

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from agent import writer
from agent.config import Config, read_config
from agent.consent import Consent
from agent.hub import Hub
from agent.linkstate import LinkState
from agent.log import Log
from agent.pieces import Piece
from agent.records import Batch, MeterLog
from agent.rows import LogRow
from agent.timekeeping import ClockLedger
from agent.uplink.port import Uplink
from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.simulator.oracle import OracleLine
from firmware_bridge.simulator.p1_meter import telegrams
from shared.clock import Clock, DrivenClock
from shared.consent import Granularity
from shared.readings import Medium, Sample

METER = "M1"
GAS_METER = "G1"
START_MS = 1_772_323_200_000
"""2026-03-01T00:00:00Z, a half hour's boundary and in winter time."""

BOOT = 1
TIMED = Piece(BOOT, 0, START_MS, 10, "ntp")
"""What makes the monotonic time of boot 1 count from `START_MS`, well known."""


def row_at(
    seq: int,
    monotonic_ms: int,
    registers: dict[str, int] | None = None,
    *,
    boot: int = BOOT,
    captured_at_ms: int | None = None,
    meter_clock_ms: int | None = None,
    quality: int = 0,
) -> LogRow:
    """Make a row heard so long after the boot; it says one kWh and a Wh more with each sequence."""
    said = {"import_mwh": 1_000_000 + seq * 1_000} if registers is None else registers
    return LogRow(seq, boot, monotonic_ms, meter_clock_ms, captured_at_ms, said, quality)


def rows_every(
    count: int, *, first_seq: int = 1, every_ms: int = 10_000, start_ms: int = 0
) -> list[LogRow]:
    """Make rows of a steady meter, the first one step after `start_ms`."""
    return [
        row_at(seq, start_ms + (place + 1) * every_ms)
        for place, seq in enumerate(range(first_seq, first_seq + count))
    ]


def append(log: Log, meter_log: MeterLog, rows: Iterable[LogRow]) -> list[LogRow]:
    """Commit rows to a meter's log and move its next sequence on, as the intake does."""
    written = list(rows)
    log.commit(Batch(rows=[(meter_log, row) for row in written]))
    meter_log.next_seq = written[-1].seq + 1
    return written


def append_loose(log: Log, meter_log: MeterLog, rows: Iterable[LogRow]) -> list[LogRow]:
    """Do the same, each row by itself, as commits of a row or two leave them."""
    with mock.patch.object(writer, "LEAST_PACKED_ROWS", sys.maxsize):
        return append(log, meter_log, rows)


def log_with(
    path: Path, count: int, *, every_ms: int = 10_000, is_loose: bool = False
) -> tuple[Log, MeterLog]:
    """Open a log that holds so many rows of one electricity meter."""
    log = Log(path)
    meter_log = log.meter_log(METER, Medium.ELECTRICITY)
    if count:
        put = append_loose if is_loose else append
        put(log, meter_log, rows_every(count, every_ms=every_ms))
    return log, meter_log


def sound_rows(log: Log, meter_log: MeterLog) -> list[LogRow]:
    """Read every sound row of a log."""
    return [row for row in log.read(meter_log.log, 0, 2**40) if isinstance(row, LogRow)]


def sample(
    value_mwh: int, meter_time_ms: int | None = None, *, meter: str = METER, **registers: int
) -> Sample:
    """Make an electricity sample with one counter, and further registers by name."""
    return Sample(meter, Medium.ELECTRICITY, meter_time_ms, {"import_mwh": value_mwh, **registers})


def telegram(value_mwh: int, meter_time_ms: int | None = None, **registers: int) -> Telegram:
    """Make a telegram of one electricity meter."""
    said = {"import_mwh": value_mwh, **registers}
    return Telegram((Sample(METER, Medium.ELECTRICITY, meter_time_ms, said),))


def gas_telegram(value_mwh: int, at_ms: int, gas_l: int, captured_ms: int) -> Telegram:
    """Make a telegram of an electricity meter that reads a gas meter."""
    gas = Sample(GAS_METER, Medium.GAS, captured_ms, {"gas_l": gas_l})
    return Telegram((sample(value_mwh, at_ms), gas))


def simulated(
    duration_ms: int, *, seed: int = 7, cadence_s: int = 10, start_ms: int = START_MS
) -> Iterator[tuple[bytes, list[OracleLine]]]:
    """Yield the telegrams of a simulated household with what the oracle says of each."""
    return telegrams(seed, start_ms, start_ms + duration_ms, cadence_s)


def take(hub: Hub, decoded: Iterable[Telegram | Refused]) -> None:
    """Hand a hub what the codec of its first meter decoded."""
    hub.take(decoded, hub.config.meters[0])


def link_of(hub: Hub) -> LinkState:
    """Return what the link of a hub's first meter is doing."""
    return hub.links[hub.config.meters[0].link]


def config_in(directory: Path, **settings: object) -> Config:
    """Read a configuration whose state lies in `directory`; `page_port=0` sets `page.port`.

    `meter` is a list of tables where there are several.
    """
    written: dict[str, Any] = {
        "hub": {"state_dir": str(directory)},
        "meter": {"link": "replay:none"},
    }
    if "meter" in settings:
        written["meter"] = settings.pop("meter")
    for name, value in settings.items():
        section, key = name.split("_", 1)
        written.setdefault(section, {})[key] = value
    return read_config(written, {}, "test")


def hub_in(
    directory: Path,
    *,
    clock: Clock | None = None,
    uplink: Uplink | None = None,
    read_clock_error_ms: Callable[[], int | None] = lambda: None,
    **settings: object,
) -> Hub:
    """Build a hub without a session on a database in `directory`, restored from what that holds."""
    config = config_in(directory, **settings)
    log = Log(config.database_path)
    hub = Hub(
        config,
        clock or DrivenClock(START_MS),
        log,
        ClockLedger(log.clock_pieces(), config.meter_clock_tolerance_ms),
        Consent([(0, Granularity(config.consent_granularity))]),
        read_clock_error_ms,
        uplink,
    )
    hub.restore()
    return hub
