"""Checks the clocks: the kernel's word on NTP, the ledger, the machine's time against the log."""

import sqlite3

from agent.config import Config
from agent.doctor.check import Check, Result
from agent.doctor.reading import read_boot, read_ledger, read_logs, read_pieces, read_rows
from agent.home.words import format_span
from agent.ntp import clock_error_ms
from agent.rows import LogRow
from agent.timekeeping import (
    MAX_UNCERTAINTY_MS,
    METER_CLOCK_TOLERANCE_MS,
    BelievedTime,
    ClockLedger,
    Piece,
)
from shared.clock import Clock
from shared.units import EARLIEST_PLAUSIBLE_MS, MS_PER_SECOND

KERNEL = "kernel clock"
LEDGER = "clock ledger"
SYSTEM = "system clock"
NEWEST_ROWS = 20
"""Rows looked at for the newest known time: one of them is sound and dated where any is."""

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
            "certificates may seem not valid yet"
        )
        return Check(SYSTEM, Result.FAULT, finding, SET_TIME)
    if believed is not None:
        off_ms = abs(believed.utc_ms - now_ms)
        if off_ms > MAX_UNCERTAINTY_MS + believed.uncertainty_ms:
            finding = f"the clock is {format_span(off_ms)} off what {believed.source} says"
            return Check(SYSTEM, Result.WARNING, finding, SET_TIME)
    return Check(SYSTEM, Result.OK, "not behind any time already known")


def _seconds(span_ms: int) -> str:
    return f"{span_ms / MS_PER_SECOND:.2f} s"
