"""The hub's report of its health: what it says, and when."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agent import reporting
from agent.hub import Hub
from agent.reporting import HealthReport, encode_health, read_health
from agent.uplink.junction import Junction
from agent.uplink.port import Channel
from firmware_bridge.meters.catalog import codec_for
from firmware_bridge.meters.codec import Telegram
from shared.clock import DrivenClock
from shared.shadows import MAX_SHADOW_BYTES, HubHealth
from tests.support.fakes import FakeUplink
from tests.support.hubs import START_MS, hub_in, simulated, take


class Reported:
    """A hub with a report over a fake transport, the monotonic time in the test's hands."""

    def __init__(self, folder: Path) -> None:
        self.transport = FakeUplink()
        junction = Junction(self.transport)
        self.hub: Hub = hub_in(folder, uplink=junction)
        self.machine = DrivenClock(START_MS)
        self.hub.machine = self.machine  # type: ignore[assignment]  # a clock all the same
        self.report = HealthReport(self.hub)
        self.report.attach(junction)
        self.junction = junction

    def said(self) -> list[HubHealth]:
        """Decode what was reported since last asked."""
        return [
            msgspec.convert(json.loads(one)["state"]["reported"], HubHealth)
            for one in self.transport.taken(Channel.HEALTH_UPDATE)
        ]


@pytest.fixture
def reported(tmp_path: Path) -> Iterator[Reported]:
    """A hub that has just connected."""
    made = Reported(tmp_path)
    asyncio.run(made.junction.start(lambda _event: None))
    made.transport.connect()
    yield made
    made.hub.log.close()


def test_page_is_asked_once_a_minute_and_its_silence_is_reported(
    reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub whose page hangs says so in its next report; one without a page knows nothing."""
    asked: list[tuple[str, int]] = []
    answers = [True, False]

    async def page_answers(host: str, port: int) -> bool:
        asked.append((host, port))
        return answers[len(asked) - 1]

    monkeypatch.setattr(reporting, "page_answers", page_answers)
    asyncio.run(reported.report._ask_page())
    reported.report.report_due()
    reported.report.page = ("127.0.0.1", 8080)
    for step_ms in (60_000, 90_000, 120_000):
        reported.machine.advance_to(START_MS + step_ms)
        asyncio.run(reported.report._ask_page())
        reported.report.report_due()

    assert len(asked) == 2
    assert [one.page_answers for one in reported.said()] == [None, True, False]


def test_it_says_how_strongly_a_radio_hears_a_meter_and_nothing_of_a_wire(
    reported: Reported,
) -> None:
    """The last that was told; a telegram without leaves that as it is."""
    raw = next(simulated(60_000))[0]
    [wired] = codec_for("p1", reported.hub.config.hub_zone).feed(raw)
    assert isinstance(wired, Telegram)
    take(reported.hub, [wired])
    reported.report.report_due()
    meter = reported.said()[0].meters[0]
    take(reported.hub, [msgspec.structs.replace(wired, signal_dbm=-48), wired])
    health = read_health(reported.hub, None)

    assert meter.signal_dbm is None
    assert health.meters[0].signal_dbm == -48


def test_it_reports_after_connecting_and_hourly(reported: Reported) -> None:
    """Once at once, then every hour while nothing changes."""
    assert reported.report.report_due()
    assert not reported.report.report_due()
    reported.machine.advance_to(START_MS + 59 * 60_000)
    assert not reported.report.report_due()

    reported.machine.advance_to(START_MS + 60 * 60_000)

    assert reported.report.report_due()
    assert len(reported.said()) == 2


def test_a_change_is_reported_within_minutes(reported: Reported) -> None:
    """A new meter is worth a report, but not more than one a minute."""
    reported.report.report_due()
    for telegram, _ in simulated(60_000):
        take(reported.hub, codec_for("p1", reported.hub.config.hub_zone).feed(telegram))

    assert not reported.report.report_due()
    reported.machine.advance_to(START_MS + reporting.LEAST_PAUSE_MS)
    assert reported.report.report_due()

    newest = reported.said()[-1]
    assert {one.protocol for one in newest.meters} == {"p1"}


def test_nothing_is_reported_without_a_connection(reported: Reported) -> None:
    """A lost connection ends it; the next one begins with a report."""
    reported.transport.lose()
    assert not reported.report.report_due()

    reported.transport.connect()

    assert reported.report.report_due()


def test_it_names_version_clock_and_certificate(reported: Reported) -> None:
    """What an operator looks for first."""
    health = read_health(reported.hub, 123)

    assert health.certificate_expires_ms == 123
    assert health.agent_version
    assert health.clock_source == "machine"
    assert "Meter" in health.problems[0]


def test_a_report_fits_into_a_shadow(reported: Reported) -> None:
    """However much is wrong."""
    health = read_health(reported.hub, None)
    long = msgspec.structs.replace(health, problems=["x" * 9_000])

    assert len(encode_health(long)) <= MAX_SHADOW_BYTES
