"""Checks the clocks: the kernel's word on NTP, the ledger, the machine's time against the log."""

import sqlite3
from zoneinfo import ZoneInfo

from agent.config import Config
from agent.doctor.check import Check, Result
from agent.doctor.reading import (
    read_boot,
    read_fact,
    read_ledger,
    read_logs,
    read_pieces,
    read_rows,
)
from agent.floor import KnownTime, TimeFloor, known_time
from agent.home.words import format_count, format_span
from agent.ntp import clock_error_ms
from agent.rows import LogRow
from agent.timekeeping import (
    MAX_UNCERTAINTY_MS,
    METER_CLOCK_TOLERANCE_MS,
    BelievedTime,
    ClockLedger,
    Piece,
)
from agent.untimed import count_boot_rows, undated_boots
from agent.vitals import FACT, decode_note
from shared.calendar import to_local
from shared.clock import Clock
from shared.units import EARLIEST_PLAUSIBLE_MS, MS_PER_SECOND

KERNEL = "kernel clock"
LEDGER = "clock ledger"
SYSTEM = "system clock"
FLOOR = "time floor"
UNDATED = "undated samples"
NEWEST_ROWS = 20
"""Rows looked at for the newest known time: one of them is sound and dated where any is."""

KEEP_TIME = (
    "nothing for these; for the next power cut let the machine keep the time (wrong-clock.md)"
)
SET_TIME = "sudo timedatectl set-ntp true, and see that this machine reaches the internet"


def check_kernel() -> Check:
    """Ask the kernel whether NTP disciplines its clock."""
    return judge_kernel(clock_error_ms())


def judge_kernel(error_ms: int | None) -> Check:
    """Say what the kernel's bound on its clock's error means."""
    if error_ms is None:
        return Check(KERNEL, Result.WARNING, "no time service keeps the clock right", SET_TIME)
    finding = f"kept by NTP, at most {_seconds(error_ms)} off"
    if error_ms > MAX_UNCERTAINTY_MS:
        finding += f"; readings leave once it is within {_seconds(MAX_UNCERTAINTY_MS)}"
        return Check(KERNEL, Result.WARNING, finding, SET_TIME)
    return Check(KERNEL, Result.OK, finding)


def check_ledger(connection: sqlite3.Connection, config: Config, clock: Clock) -> Check:
    """Check what the hub believes about the time in this boot."""
    pieces = read_pieces(connection)
    newest = max(pieces, key=lambda piece: (piece.boot, piece.monotonic_ms), default=None)
    if config.hub_clock == "meter":
        return judge_driven(newest)
    boot = read_boot(connection, clock.boot_id)
    if boot is None:
        return judge_unstarted(newest)
    return judge_believed(read_ledger(connection, config).at(boot, clock.monotonic_ms()))


def judge_driven(newest: Piece | None) -> Check:
    """Say what a hub that takes its time from a replay believes."""
    if newest is None:
        return Check(LEDGER, Result.WARNING, "the replay has told no time yet", "run the hub")
    return Check(LEDGER, Result.OK, "the replayed meter's own time drives the clock")


def judge_unstarted(newest: Piece | None) -> Check:
    """Say what is known where the hub has not run since the machine was switched on."""
    finding = "the hub has not run since this machine was switched on"
    if newest is not None:
        finding += f"; the last time it knew came from {newest.source}"
    return Check(LEDGER, Result.WARNING, finding, "start the hub")


def judge_believed(believed: BelievedTime | None) -> Check:
    """Say how well the time is known now."""
    if believed is None:
        finding = "the time is not known: readings are kept, and dated once it is"
        return Check(LEDGER, Result.WARNING, finding, SET_TIME)
    finding = f"known within {_seconds(believed.uncertainty_ms)}, from {believed.source}"
    if believed.uncertainty_ms > MAX_UNCERTAINTY_MS:
        finding += f"; readings leave once it is within {_seconds(MAX_UNCERTAINTY_MS)}"
        return Check(LEDGER, Result.WARNING, finding, SET_TIME)
    return Check(LEDGER, Result.OK, finding)


def check_system(connection: sqlite3.Connection, config: Config, clock: Clock) -> Check:
    """Check that the machine's clock is not behind what is already known, nor off the ledger."""
    if config.hub_clock == "meter":
        return Check(SYSTEM, Result.OK, "not used: the replayed meter's time drives the clock")
    boot = read_boot(connection, clock.boot_id)
    ledger = read_ledger(connection, config)
    believed = None if boot is None else ledger.at(boot, clock.monotonic_ms())
    return judge_system(clock.utc_ms(), read_newest_ms(connection, ledger), believed)


def read_newest_ms(connection: sqlite3.Connection, ledger: ClockLedger) -> int | None:
    """Find the newest time that the ledger or a dated sample knows."""
    times_ms = [piece.utc_ms for piece in read_pieces(connection)]
    for entry in read_logs(connection):
        for row in read_rows(connection, entry.log, NEWEST_ROWS):
            resolved = ledger.resolve(row) if isinstance(row, LogRow) else None
            if resolved is not None:
                times_ms.append(resolved[0])
                break
    return max(times_ms, default=None)


def judge_system(now_ms: int, newest_ms: int | None, believed: BelievedTime | None) -> Check:
    """Say whether the machine's clock can be right."""
    if now_ms < EARLIEST_PLAUSIBLE_MS:
        return Check(SYSTEM, Result.FAULT, "the clock was never set", SET_TIME)
    if newest_ms is not None and now_ms < newest_ms - METER_CLOCK_TOLERANCE_MS:
        finding = (
            f"the clock is {format_span(newest_ms - now_ms)} behind the newest reading; "
            "until it is right, certificates are judged by the time floor"
        )
        return Check(SYSTEM, Result.FAULT, finding, SET_TIME)
    if believed is not None:
        off_ms = abs(believed.utc_ms - now_ms)
        if off_ms > MAX_UNCERTAINTY_MS + believed.uncertainty_ms:
            finding = f"the clock is {format_span(off_ms)} off what {believed.source} says"
            return Check(SYSTEM, Result.WARNING, finding, SET_TIME)
    return Check(SYSTEM, Result.OK, "not behind any time already known")


def read_floor(connection: sqlite3.Connection, config: Config, clock: Clock) -> TimeFloor:
    """Read the time that has surely passed, as the hub would when it starts."""
    noted = decode_note(read_fact(connection, FACT))
    is_driven = config.hub_clock == "meter"
    last_ms = 0 if is_driven else ClockLedger(read_pieces(connection)).last_ms
    return TimeFloor(clock.monotonic_ms(), noted.past_ms, last_ms)


def read_known_time(
    connection: sqlite3.Connection, config: Config, clock: Clock
) -> KnownTime | None:
    """Read by which time the hub judges certificates now; None for the machine's clock."""
    boot, now_ms = read_boot(connection, clock.boot_id), clock.monotonic_ms()
    believed = None if boot is None else read_ledger(connection, config).at(boot, now_ms)
    return known_time(clock.utc_ms(), read_floor(connection, config, clock).at(now_ms), believed)


def check_floor(connection: sqlite3.Connection, config: Config, clock: Clock) -> Check:
    """Check whether the machine's clock is past the time floor."""
    floor_ms = read_floor(connection, config, clock).at(clock.monotonic_ms())
    return judge_floor(clock.utc_ms(), floor_ms, config.hub_zone)


def judge_floor(now_ms: int, floor_ms: int, zone: ZoneInfo) -> Check:
    """Say what the floor is, and whether it is what the hub goes by."""
    finding = f"it cannot be before {_stamp(floor_ms, zone)}"
    if now_ms >= floor_ms - METER_CLOCK_TOLERANCE_MS:
        return Check(FLOOR, Result.OK, finding)
    finding += (
        ", but the machine's clock says so: until the time is known, a certificate is refused only "
        "if it had expired by then"
    )
    return Check(FLOOR, Result.WARNING, finding, SET_TIME)


def check_undated(connection: sqlite3.Connection, config: Config, clock: Clock) -> Check:
    """Count the samples of boots that never learned the time, but for the one that may yet."""
    current = read_boot(connection, clock.boot_id)
    logs = read_logs(connection)
    counted = [
        (boot, sum(count_boot_rows(connection, entry.log, boot) for entry in logs))
        for boot in undated_boots(connection)
        if boot != current
    ]
    boots = [(boot, samples) for boot, samples in counted if samples]
    return judge_undated(boots, read_ledger(connection, config), config.hub_zone)


def judge_undated(boots: list[tuple[int, int]], ledger: ClockLedger, zone: ZoneInfo) -> Check:
    """Say how many samples have no time, and where they lie; `boots` pairs number and samples."""
    if not boots:
        return Check(UNDATED, Result.OK, "none")
    finding = f"{format_count(sum(samples for _, samples in boots), 'sample')} taken "
    after_ms, before_ms = ledger.bracket(boots[0][0])[0], ledger.bracket(boots[-1][0])[1]
    if after_ms is not None:
        finding += f"after {_stamp(after_ms, zone)} "
    if before_ms is not None:
        finding += f"before {_stamp(before_ms, zone)} "
    finding += "by a machine that did not learn the time; no energy is lost"
    return Check(UNDATED, Result.WARNING, finding, KEEP_TIME)


def _stamp(at_ms: int, zone: ZoneInfo) -> str:
    return f"{to_local(at_ms, zone):%Y-%m-%d %H:%M}"


def _seconds(span_ms: int) -> str:
    return f"{span_ms / MS_PER_SECOND:.2f} s"
