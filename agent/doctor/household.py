"""Checks what the household chose: what may leave, what a power cut may cost, the tariffs."""

import sqlite3
from pathlib import Path

from agent.config import Config
from agent.consent import Granularity
from agent.doctor.check import Check, Result
from agent.doctor.reading import read_logs
from agent.home.words import format_span
from agent.tariffs import read_tariff_file
from shared.calendar import local_date
from shared.clock import Clock
from shared.readings import Medium
from shared.tariffs import Tariff, decode_tariff, version_on
from shared.units import MS_PER_MINUTE, MS_PER_SECOND

CONSENT_WORDS = {
    Granularity.LIVE: "every reading may leave the home, and live ones as they are measured",
    Granularity.TEN_SECONDS: "every logged reading may leave the home, one each ten seconds",
    Granularity.HALF_HOURLY: "half-hourly readings may leave the home, after each half hour",
    Granularity.DAILY: "one reading a day may leave the home, after the day has ended",
    Granularity.NONE: "no reading leaves the home",
}


def judge_consent(chosen: Granularity | None, config: Config) -> Check:
    """Say what may leave the home, and who said so."""
    granularity = chosen or config.consent_granularity
    who = "the household's choice" if chosen else "consent.granularity"
    finding = f"{granularity.value}: {CONSENT_WORDS[granularity]} ({who})"
    if config.uplink_live and granularity is not Granularity.LIVE:
        fix = "uplink.live does nothing until the household chooses live"
        return Check("consent", Result.WARNING, finding, fix)
    return Check("consent", Result.OK, finding)


def judge_commit_window(window_s: float) -> Check:
    """Say what a power cut can cost."""
    window_ms = int(window_s * MS_PER_SECOND)
    span = "the last minute" if window_ms == MS_PER_MINUTE else f"the last {format_span(window_ms)}"
    if window_ms < MS_PER_SECOND:
        finding = "a power cut costs at most the last reading's detail, never energy"
        fix = "each reading is a commit of its own, which wears an SD card; log.commit_window_s"
        return Check("power cut", Result.WARNING, finding, f"{fix} = 60 is gentler")
    finding = f"a power cut costs at most {span} of detail, never energy"
    return Check("power cut", Result.OK, finding)


def check_tariff(
    connection: sqlite3.Connection | None, config: Config, clock: Clock, medium: Medium
) -> Check:
    """Check that a medium has a tariff whose version holds today; raises HearthlinkError."""
    file = config.tariff_gas_file if medium is Medium.GAS else config.tariff_electricity_file
    tariff = read_tariff(connection, file, medium)
    has_meter = connection is not None and any(
        entry.medium is medium for entry in read_logs(connection)
    )
    return judge_tariff(medium, tariff, config, clock.utc_ms(), has_meter=has_meter)


def read_tariff(
    connection: sqlite3.Connection | None, file: Path | None, medium: Medium
) -> Tariff | None:
    """Find the tariff the hub prices by: the one given to it, else its file's."""
    if connection is not None:
        row = connection.execute(
            "SELECT value FROM facts WHERE name = ?", (f"tariff.{medium.value}",)
        ).fetchone()
        if row is not None:
            return decode_tariff(bytes(row[0]), f"the {medium.value} tariff given to the hub")
    return None if file is None else read_tariff_file(file)


def judge_tariff(
    medium: Medium, tariff: Tariff | None, config: Config, now_ms: int, *, has_meter: bool
) -> Check:
    """Say which version holds today, if any does."""
    name = f"tariff {medium.value}"
    fix = (
        f"hearthlink tariff import FILE --medium {medium.value}, or set tariff.{medium.value}_file"
    )
    if tariff is None:
        if not has_meter:
            return Check(name, Result.ABSENT, f"no tariff, and no {medium.value} meter heard yet")
        return Check(name, Result.WARNING, "no tariff: the page shows no cost", fix)
    version = version_on(tariff, local_date(now_ms, config.hub_zone))
    if version is None:
        finding = f"{tariff.name} has no version that holds today: usage stays unpriced"
        return Check(name, Result.WARNING, finding, fix)
    finding = f"{tariff.name}, version {version.version} since {version.starts_on.isoformat()}"
    return Check(name, Result.OK, finding)
