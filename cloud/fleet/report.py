"""The commissioning report: what an installer leaves behind, and each test it has passed. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from cloud.fleet.overview import CLOCK_LIMIT_MS, HubView
from shared.errors import BadInputError
from shared.instants import format_utc

REPORT_VERSION = 1
MAX_INSTALLER_CHARS = 200
RECENT_MS = 15 * 60_000
"""Installed just now, a hub has been heard within a quarter of an hour."""


PAGE_TEST = "page reachable, as the hub says"
"""Where the page is off there is nothing to reach: not known is no failure of this test alone."""


class Verdict(msgspec.Struct, frozen=True):
    """One test with its result; `passed` is None where nothing is known either way."""

    name: str
    passed: bool | None
    detail: str


class FirstReading(msgspec.Struct, frozen=True):
    """The first sample of a meter that this hub sent and the cloud stored."""

    taken_at: str
    registers: dict[str, int]


class ReportedMeter(msgspec.Struct, frozen=True):
    """A meter that the hub reads; `signal_dbm` is None by wire and where the radio does not say."""

    meter: str
    medium: str
    protocol: str
    signal_dbm: int | None
    first_reading: FirstReading | None


class Report(msgspec.Struct, frozen=True):
    """All that is signed; times are RFC 3339 in UTC, registers in the unit that ends their name."""

    report_version: int
    made_at: str
    thing: str
    household: str
    installer: str
    agent_version: str
    meters: list[ReportedMeter]
    clock_source: str | None
    clock_uncertainty_ms: int | None
    certificate_begins: str | None
    certificate_ends: str | None
    tests: list[Verdict]
    passed: bool


class Receipted(NamedTuple):
    """What is stored of a hub's logs: samples, and whether a receipt has said so."""

    stored_count: int
    is_receipted: bool


class Evidence(NamedTuple):
    """Everything a report is made of, as it stands at `made_at_ms`."""

    made_at_ms: int
    household: str
    installer: str
    view: HubView
    last_seen_ms: int
    first_readings: Mapping[str, FirstReading]
    receipted: Receipted
    certificate_begins_ms: int | None
    certificate_ends_ms: int | None


def check_installer(name: str) -> str:
    """Return an installer's name; raises BadInputError where it will not do."""
    if len(name) > MAX_INSTALLER_CHARS or not name.isprintable():
        raise BadInputError(
            f"installer of {len(name)} characters",
            hint=f"give at most {MAX_INSTALLER_CHARS}, on one line",
        )
    return name


def make_report(evidence: Evidence) -> Report:
    """Write the report with the result of every test."""
    said = {str(meter["meter"]): meter for meter in evidence.view.meters}
    names = sorted({*said, *evidence.first_readings})
    tests = run_tests(evidence, names)
    return Report(
        report_version=REPORT_VERSION,
        made_at=format_utc(evidence.made_at_ms),
        thing=evidence.view.thing,
        household=evidence.household,
        installer=evidence.installer,
        agent_version=evidence.view.agent_version,
        meters=[
            ReportedMeter(
                meter=name,
                medium=str(said.get(name, {}).get("medium", "")),
                protocol=str(said.get(name, {}).get("protocol", "")),
                signal_dbm=said.get(name, {}).get("signal_dbm"),
                first_reading=evidence.first_readings.get(name),
            )
            for name in names
        ],
        clock_source=evidence.view.clock_source,
        clock_uncertainty_ms=evidence.view.clock_uncertainty_ms,
        certificate_begins=_at(evidence.certificate_begins_ms),
        certificate_ends=_at(evidence.certificate_ends_ms),
        tests=tests,
        passed=all(
            test.passed is True or (test.name == PAGE_TEST and test.passed is None)
            for test in tests
        ),
    )


def run_tests(evidence: Evidence, meters: Sequence[str]) -> list[Verdict]:
    """Judge each test by what is known; the order is the order in which a hub comes up."""
    view, first = evidence.view, evidence.first_readings
    silent_s = (evidence.made_at_ms - evidence.last_seen_ms) // 1_000
    missing = [meter for meter in meters if meter not in first]
    stored = evidence.receipted.stored_count
    return [
        _certificate(evidence),
        Verdict("hello heard", bool(view.agent_version), view.agent_version or "none yet"),
        Verdict(
            "heard in the last quarter of an hour",
            silent_s * 1_000 <= RECENT_MS,
            f"{silent_s} s ago",
        ),
        Verdict("meter found", bool(meters), ", ".join(meters) or "none yet"),
        Verdict(
            "first reading stored",
            bool(meters) and not missing,
            f"none yet of {', '.join(missing)}" if missing else f"{len(first)} meters",
        ),
        Verdict("receipts answered", evidence.receipted.is_receipted, f"{stored} samples stored"),
        _clock(view),
        Verdict(
            PAGE_TEST,
            view.page_answers,
            {True: "it answers", False: "it does not answer", None: "off, or not said"}[
                view.page_answers
            ],
        ),
        Verdict(
            "no problems, as the hub says",
            None if view.health_reported_at is None else not view.problems,
            "; ".join(view.problems) or "none",
        ),
    ]


def _certificate(evidence: Evidence) -> Verdict:
    name, ends_ms = "certificate active", evidence.certificate_ends_ms
    if evidence.view.revoked_at is not None:
        return Verdict(name, passed=False, detail=f"revoked at {evidence.view.revoked_at}")
    if ends_ms is None:
        return Verdict(name, passed=None, detail="its dates are not known")
    return Verdict(name, ends_ms > evidence.made_at_ms, f"until {format_utc(ends_ms)}")


def _clock(view: HubView) -> Verdict:
    name, off_ms = f"clock within {CLOCK_LIMIT_MS // 1_000} s", view.clock_uncertainty_ms
    if view.health_reported_at is None:
        return Verdict(name, passed=None, detail="not said")
    detail = "not trusted" if off_ms is None else f"{off_ms} ms by {view.clock_source}"
    return Verdict(name, off_ms is not None and off_ms <= CLOCK_LIMIT_MS, detail)


def _at(at_ms: int | None) -> str | None:
    return None if at_ms is None else format_utc(at_ms)
