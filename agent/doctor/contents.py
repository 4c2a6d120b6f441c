"""Checks what the log holds: its size, what waits for the cloud, what the cloud refused."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from agent.config import Config
from agent.doctor.check import Check, Result
from agent.doctor.reading import (
    count_rows,
    read_consent,
    read_held,
    read_ledger,
    read_logs,
    read_refused,
    read_row,
    read_stored,
)
from agent.home.words import format_count, format_span
from agent.uplink.ledger import FINAL_CODES
from agent.uplink.sender import STEADY_ANSWER_MS
from shared.clock import Clock
from shared.consent import Granularity
from shared.ranges import count, subtract
from shared.units import MS_PER_HOUR, MS_PER_SECOND, SLOT_MS

BYTES_PER_MB = 1_000_000

LONGEST_DAY_MS = 25 * MS_PER_HOUR
"""A day whose opening and closing leave only after its end, in the night the clocks go back."""

REFUSALS = {
    "before-tenancy": (
        "it was read before this hub was this household's",
        "nothing; 'hearthlink wipe' clears it",
    ),
    "bad-range": ("its numbering contradicts itself", "update the hub"),
    "bad-time": (
        "it has times that cannot be",
        "correct the cloud's clock, then the hub's (checks 'system clock' and 'kernel clock')",
    ),
    "bad-value": ("it has values that cannot be", "see what the meter shows, then update the hub"),
    "conflict": (
        "the cloud has other readings under the same numbers",
        "was this hub's disk copied to a second hub? run only one of them",
    ),
    "inflates-too-large": ("it grows past the limit when unpacked", "update the hub"),
    "later-version": ("the cloud does not know this version yet", "update the cloud"),
    "not-a-frame": ("it arrived broken", "update the hub; look at the disk (check 'checksums')"),
    "other-household": (
        "its log was begun in another household",
        "nothing; 'hearthlink wipe' clears it",
    ),
    "too-late": (
        "a correction of samples older than 13 months",
        "nothing: what the cloud stored stays",
    ),
    "too-large": ("it is larger than a message may be", "update the hub"),
    "too-many-logs": ("this hub has begun too many logs", "see why its database was lost so often"),
    "wrong-hub": (
        "its log belongs to another hub",
        "this state folder was another hub's: give the hub that one's certificate, or a new folder",
    ),
}
"""What each rejection code of docs/reference/frame.md means, and what to do."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What no receipt has named yet; `oldest_age_ms` is None where its time is not known.

    `left_ms` is how long the running hub says that sending it will take, where it knows.
    """

    samples: int
    oldest_age_ms: int | None
    left_ms: int | None = None


def check_log(connection: sqlite3.Connection, config: Config, clock: Clock) -> Check:
    """Say how much the log holds, on how much disk, since when."""
    ledger, samples, meters, ages_ms = read_ledger(connection, config), 0, set(), []
    for entry in read_logs(connection):
        held = read_held(connection, entry.log)
        samples += count_rows(connection, entry.log)
        meters.add(entry.meter)
        oldest = read_row(connection, entry.log, held[0][0]) if held else None
        resolved = ledger.resolve(oldest) if oldest else None
        if resolved:
            ages_ms.append(clock.utc_ms() - resolved[0])
    path = config.database_path
    wal = Path(f"{path}-wal")
    size = path.stat().st_size + (wal.stat().st_size if wal.exists() else 0)
    finding = (
        f"{format_count(samples, 'sample')} of {format_count(len(meters), 'meter')}, "
        f"{size / BYTES_PER_MB:.1f} MB"
    )
    if ages_ms:
        finding += f", the oldest {format_span(max(ages_ms))} old"
    if not samples:
        fix = "see the checks 'meter link' and 'meter heard'"
        return Check("log", Result.WARNING, f"{finding}: nothing is logged yet", fix)
    return Check("log", Result.OK, finding)


def check_backlog(
    connection: sqlite3.Connection, config: Config, clock: Clock, left_ms: int | None = None
) -> Check:
    """Check that what is committed also gets stored in the cloud."""
    ledger, samples, ages_ms = read_ledger(connection, config), 0, []
    for entry in read_logs(connection):
        refused = [(first, last) for first, last, _ in read_refused(connection, entry.log)]
        taken = [*read_stored(connection, entry.log), *refused]
        waiting = subtract(read_held(connection, entry.log), taken)
        samples += count(waiting)
        oldest = read_row(connection, entry.log, waiting[0][0]) if waiting else None
        resolved = ledger.resolve(oldest) if oldest else None
        if resolved:
            ages_ms.append(clock.utc_ms() - resolved[0])
    granularity = read_consent(connection, config).now
    waiting_now = Waiting(samples, max(ages_ms, default=None), left_ms)
    return judge_backlog(config, granularity, waiting_now)


def judge_backlog(config: Config, granularity: Granularity, waiting: Waiting) -> Check:
    """Say whether what waits is the ordinary flow or a backlog; it is safe here either way."""
    name = "backlog"
    samples = format_count(waiting.samples, "sample")
    if not config.uplink_host:
        finding = f"no cloud: {samples} kept here alone"
        return Check(name, Result.ABSENT, finding, "to send them: set uplink.host")
    if not waiting.samples:
        return Check(name, Result.OK, "the cloud has stored everything")
    fix = "nothing is lost: they are kept until stored; see the checks 'broker' and 'certificate'"
    if waiting.oldest_age_ms is None:
        finding = f"{samples} wait until their time is known"
        return Check(name, Result.WARNING, finding, "see the checks 'clock ledger', 'kernel clock'")
    finding = f"{samples} not stored yet, the oldest {format_span(waiting.oldest_age_ms)} old"
    if waiting.left_ms is not None:
        left = format_span(waiting.left_ms)
        return Check(name, Result.OK, f"{finding}: being sent, {left} left at this pace")
    if waiting.oldest_age_ms > ordinary_wait_ms(config, granularity):
        return Check(name, Result.WARNING, finding, fix)
    return Check(name, Result.OK, f"{finding}: the ordinary flow")


def ordinary_wait_ms(config: Config, granularity: Granularity) -> int:
    """Say how long a sample may wait for its receipt where all is well.

    Consent keeps it until its slot or day has ended, frames leave once an interval, and receipts of
    the steady flow come at most hourly.
    """
    closing_ms = LONGEST_DAY_MS if granularity is Granularity.DAILY else SLOT_MS
    return closing_ms + int(config.uplink_frame_interval_s * MS_PER_SECOND) + STEADY_ANSWER_MS


def check_refused(connection: sqlite3.Connection) -> Check:
    """Check that the cloud has refused nothing for good."""
    by_code: dict[str, int] = {}
    for entry in read_logs(connection):
        for first, last, code in read_refused(connection, entry.log):
            by_code[code] = by_code.get(code, 0) + last - first + 1
    return judge_refused(by_code)


def judge_refused(samples_by_code: dict[str, int]) -> Check:
    """Say what the cloud refused for good, with its code, and what to do about each."""
    name = "refused ranges"
    if not samples_by_code:
        return Check(name, Result.OK, "the cloud has refused nothing")
    findings, fixes = [], []
    for code, samples in sorted(samples_by_code.items()):
        meaning, fix = REFUSALS.get(code, ("this version has no words for it", "update the hub"))
        findings.append(f"{format_count(samples, 'sample')} refused as {code}: {meaning}")
        fixes.append(f"{code}: {fix}")
    is_final = samples_by_code.keys() <= FINAL_CODES
    result = Result.WARNING if is_final else Result.FAULT
    return Check(name, result, "; ".join(findings) + "; kept here", "; ".join(fixes))
