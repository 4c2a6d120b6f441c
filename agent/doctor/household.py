"""Checks what the household chose: what may leave, what a power cut may cost, the tariffs."""

import sqlite3
from pathlib import Path

from agent.config import Config
from agent.departures import LeftTotals
from agent.doctor.check import Check, Result
from agent.doctor.reading import read_logs
from agent.home.words import format_count, format_span
from agent.tariffs import read_tariff_file
from shared.calendar import local_date
from shared.clock import Clock
from shared.consent import Granularity, narrowest
from shared.readings import Medium
from shared.tariffs import Tariff, decode_tariff, version_on
from shared.units import MS_PER_DAY, MS_PER_MINUTE, MS_PER_SECOND

CLONE = "one identity"
DEPARTURES = "departures"

CONSENT_WORDS = {
    Granularity.LIVE: "every reading may leave the home, and live ones as they are measured",
    Granularity.TEN_SECONDS: "every logged reading may leave the home, one each ten seconds",
    Granularity.HALF_HOURLY: "half-hourly readings may leave the home, after each half hour",
    Granularity.DAILY: "one reading a day may leave the home, after the day has ended",
    Granularity.NONE: "no reading leaves the home",
}


def judge_consent(
    chosen: Granularity | None,
    config: Config,
    limit: Granularity | None = None,
    *,
    is_lost: bool = False,
) -> Check:
    """Say what may leave the home, and who said so: the household, or a limit of the cloud.

    `is_lost` where the record of the household's choices was lost with a damaged database.
    """
    if is_lost:
        finding = "none: what the household allowed was lost with a damaged database"
        fix = "choose on the hub's page what may leave; nothing leaves until then"
        return Check("consent", Result.WARNING, finding, fix)
    choice = chosen or config.consent_granularity
    granularity = narrowest(choice, limit or choice)
    who = "the household's choice" if chosen else "consent.granularity"
    if limit is not None and granularity is not choice:
        who = f"the cloud limits it; {who} is {choice.value}"
    finding = f"{granularity.value}: {CONSENT_WORDS[granularity]} ({who})"
    if limit is not None and granularity is not choice:
        fix = "nothing, if that is wanted; choosing anew on the hub's page lifts the cloud's limit"
        return Check("consent", Result.WARNING, finding, fix)
    if config.uplink_live and granularity is not Granularity.LIVE:
        fix = "uplink.live does nothing until the household chooses live"
        return Check("consent", Result.WARNING, finding, fix)
    return Check("consent", Result.OK, finding)


def judge_departures(today: LeftTotals) -> Check:
    """Say what has left the home today (UTC), as far as it is written."""
    sent = format_count(today.samples, "reading")
    finding = f"today {sent} left, {today.withheld:,} were held back, {today.live:,} left live"
    return Check(DEPARTURES, Result.OK, f"{finding}; hearthlink log sent lists every day")


def judge_clone(seen_ms: int, now_ms: int) -> Check:
    """Say whether the cloud saw a second hub with this one's identity within a day."""
    if not seen_ms or now_ms - seen_ms > MS_PER_DAY:
        return Check(CLONE, Result.OK, "the cloud has seen no other hub with this identity")
    ago = format_span(max(0, now_ms - seen_ms))
    finding = f"another hub uses this one's identity: seen {ago} ago; readings are safe on both"
    fix = "run only one copy of the card; on the other: hearthlink wipe, then provision it anew"
    return Check(CLONE, Result.FAULT, finding, fix)


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
