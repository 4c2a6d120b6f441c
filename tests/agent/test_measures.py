"""The hub's own numbers, and the address they are served at."""

import asyncio
import http.client
from pathlib import Path

import pytest

from agent.app import build_hub
from agent.disk import DiskCounter
from agent.home.homeassistant import HomeAssistant
from agent.home.page import create_page
from agent.home.panelview import PanelView
from agent.household import home_assistant
from agent.hub import Hub
from agent.measures import render_metrics
from agent.metrics import METRICS, OF_OTHER_DISPLAYS, OF_THE_PANEL
from agent.uplink.sender import SessionHooks, SessionRules
from agent.uplink.session import Session
from agent.wallscreen import wall_screen
from firmware_bridge.links import LinkEvent, LinkEventKind
from firmware_bridge.meters.codec import Refused, Telegram
from shared.exposition import MEDIA_TYPE
from shared.units import MS_PER_DAY
from tests.support.clocks import StillClock
from tests.support.fakes import FakeUplink
from tests.support.home_inputs import NOW_MS
from tests.support.home_page import Home
from tests.support.hubs import config_in, hub_in, take, telegram
from tests.support.webserver import WebServer


def values_of(text: bytes) -> dict[str, float]:
    """Read the exposition back: name and labels as written, and the number."""
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def hub_with_disk(directory: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Hub, StillClock]:
    clock = StillClock()
    hub = hub_in(directory, clock=clock, storage_endurance_tb=2)
    monkeypatch.setattr(hub.vitals, "_read_disk", lambda: DiskCounter("mmcblk0", "", 20_000_000))
    return hub, clock


def test_what_went_through_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Telegrams, refusals by reason, samples that wait and then are committed, links."""
    hub, _ = hub_with_disk(tmp_path, monkeypatch)
    link = hub.config.meters[0].link
    hub.note_link(link, LinkEvent(LinkEventKind.LOST, "gone"))
    hub.note_link(link, LinkEvent(LinkEventKind.OPENED))
    take(hub, [telegram(1_000), Refused("bad-crc", "", b""), Refused("bad-crc", "", b"")])
    before = values_of(render_metrics(hub))

    asyncio.run(hub.intake.commit())

    after = values_of(render_metrics(hub))
    assert before["hearthlink_telegrams_total"] == 1
    assert before['hearthlink_refused_total{reason="bad-crc"}'] == 2
    assert (before["hearthlink_rows_pending"], after["hearthlink_rows_pending"]) == (1, 0)
    assert after["hearthlink_rows_committed_total"] == 1
    assert after[f'hearthlink_link_open{{link="{link}"}}'] == 1
    assert after[f'hearthlink_link_lost_total{{link="{link}"}}'] == 1
    assert after["hearthlink_database_bytes"] > 4_096
    hub.log.close()


def test_a_time_that_is_not_known_has_no_uncertainty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Absent, not zero: a zero would be the best of clocks."""
    hub, _ = hub_with_disk(tmp_path, monkeypatch)
    unknown = values_of(render_metrics(hub))

    hub.believe(2_000_000_000_000, 250, "ntp")

    known = values_of(render_metrics(hub))
    assert unknown["hearthlink_clock_known"] == 0
    assert "hearthlink_clock_uncertainty_seconds" not in unknown
    assert known["hearthlink_clock_known"] == 1
    assert known["hearthlink_clock_uncertainty_seconds"] == 0.25
    hub.log.close()


def test_the_disk_is_counted_and_its_life_foretold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20 MB in a day onto a card that takes 2 TB: a hundred thousand days less the first."""
    hub, clock = hub_with_disk(tmp_path, monkeypatch)
    clock.monotonic = MS_PER_DAY

    values = values_of(render_metrics(hub))

    label = '{device="mmcblk0"}'
    assert values[f"hearthlink_disk_written_bytes_total{label}"] == 20_000_000
    assert values[f"hearthlink_disk_written_bytes_per_day{label}"] == 20_000_000
    assert values[f"hearthlink_disk_life_seconds{label}"] == pytest.approx(99_999 * 86_400)
    hub.log.close()


def test_without_a_disk_or_a_cloud_their_numbers_are_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub that works alone has no backlog."""
    hub, _ = hub_with_disk(tmp_path, monkeypatch)
    monkeypatch.setattr(hub.vitals, "_read_disk", lambda: None)

    names = {name.partition("{")[0] for name in values_of(render_metrics(hub))}

    assert not any("_disk_" in name for name in names)
    assert "hearthlink_backlog_rows" not in names
    hub.log.close()


def test_with_a_cloud_every_metric_has_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is defined that is never written."""
    hub, clock = hub_with_disk(tmp_path, monkeypatch)
    clock.monotonic = MS_PER_DAY
    rules = SessionRules(300, 5, 0, hub.chunk_rows, lambda: hub.ledger.size, hub.cut)
    hooks = SessionHooks(
        hub.machine.monotonic_ms,
        hub.utc_ms,
        hub.hear_cloud_time,
        hub.take_tariffs,
        print,
        hub.sharing,
    )
    hub.session = Session(hub.log, FakeUplink(), rules, hooks, "1.0")
    hub.believe(2_000_000_000_000, 250, "ntp")
    take(hub, [telegram(1_000), Refused("noise", "", b"")])
    asyncio.run(hub.intake.commit())

    values = values_of(render_metrics(hub))

    absent = {*OF_THE_PANEL, *OF_OTHER_DISPLAYS}
    expected = {metric.name for metric in METRICS if metric not in absent}
    assert {name.partition("{")[0] for name in values} == expected
    assert values["hearthlink_backlog_rows"] == 1
    assert values["hearthlink_uplink_connected"] == 0
    hub.log.close()


def ask(port: int, host: str) -> tuple[int, str, bytes]:
    """Ask for /metrics under a name."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/metrics", headers={"Host": host})
    answer = connection.getresponse()
    told = (answer.status, answer.getheader("content-type") or "", answer.read())
    connection.close()
    return told


def test_the_page_serves_them_only_where_asked_and_to_its_own_names() -> None:
    """Off by default; a foreign Host is refused before anything is read."""
    home = Home()
    asked = create_page(
        home.read,
        allowed_hosts=frozenset({"hub.home"}),
        pin="",
        set_granularity=home.choose,
        read_past=home.recall,
        render_metrics=lambda: b"hearthlink_telegrams_total 1\n",
    )

    with home.serve() as server:
        by_default = ask(server.port, "hub.home")
    with WebServer(asked) as server:
        served = ask(server.port, "hub.home:8080")
        foreign = ask(server.port, "rebound.example")

    assert by_default[0] == 404
    assert served == (200, MEDIA_TYPE, b"hearthlink_telegrams_total 1\n")
    assert foreign[0] == 421


def test_the_hub_that_is_built_can_tell_them(tmp_path: Path) -> None:
    """The real parts together, on the disk that there is."""
    hub = build_hub(config_in(tmp_path))

    assert values_of(render_metrics(hub))["hearthlink_uptime_seconds"] >= 0
    hub.log.close()


def test_the_panel_is_counted(tmp_path: Path) -> None:
    """What it is, what its line counted, and what it told; absent where there is none."""
    hub = hub_in(tmp_path)
    assert not [name for name in values_of(render_metrics(hub)) if "panel" in name]
    hub.read_panel = lambda: PanelView(
        "connected",
        "/dev/ttyACM0",
        board="wall",
        firmware="1.2.3",
        heard_age_ms=1_500,
        starts=2,
        frames_refused={"crc": 4},
        log_lines={"error": 3},
        uptime_s=77,
    )

    values = values_of(render_metrics(hub))

    assert values['hearthlink_panel_connected{board="wall",firmware="1.2.3"}'] == 1
    assert values["hearthlink_panel_silent_seconds"] == 1.5
    assert values["hearthlink_panel_starts_total"] == 2
    assert values['hearthlink_panel_frames_refused_total{fault="crc"}'] == 4
    assert values['hearthlink_panel_log_lines_total{level="error"}'] == 3
    assert values["hearthlink_panel_uptime_seconds"] == 77
    assert "hearthlink_panel_ram_free_bytes" not in values


def test_messages_are_counted_and_never_quoted(tmp_path: Path) -> None:
    """How many came, wait and were read; no word of them is a label."""
    hub = hub_in(tmp_path)
    now_ms = hub.machine.monotonic_ms()
    told = Telegram((), ("Power off on 3 May",))
    for _ in range(2):  # without a checksum, words must come twice
        hub.messages.hear(told, "p1", now_ms=now_ms, utc_ms=NOW_MS)
    before = values_of(render_metrics(hub))

    hub.messages.answer(1, NOW_MS)
    hub.messages.answer(1, NOW_MS)

    text = render_metrics(hub)
    after = values_of(text)
    assert before["hearthlink_messages_total"] == after["hearthlink_messages_total"] == 1
    assert before["hearthlink_messages_waiting"] == 1
    assert after["hearthlink_messages_waiting"] == 0
    assert after["hearthlink_messages_acknowledged_total"] == 1
    assert after["hearthlink_messages_dropped_total"] == 0
    assert b"Power off" not in text
    hub.log.close()


def test_home_assistants_broker_is_counted_where_there_is_one(tmp_path: Path) -> None:
    """Connected or not, starts heard of, presses taken and refused."""
    hub = hub_in(tmp_path, homeassistant_host="broker.invalid")
    assert not [name for name in values_of(render_metrics(hub)) if "homeassistant" in name]

    async def make() -> HomeAssistant:
        return home_assistant(hub)

    home = asyncio.run(make())
    home._hear_birth(b"online")
    home._hear_birth(b"offline")
    home._hear_press(b"no id")

    values = values_of(render_metrics(hub))

    assert values["hearthlink_homeassistant_connected"] == 0
    assert values["hearthlink_homeassistant_births_total"] == 1
    assert values["hearthlink_homeassistant_presses_total"] == 0
    assert values["hearthlink_homeassistant_presses_refused_total"] == 1
    hub.log.close()


def test_the_screen_is_counted(tmp_path: Path) -> None:
    """What was drawn and what failed, by no label: there is one screen."""
    hub = hub_in(tmp_path, screen_driver="ssd1306")
    assert not [name for name in values_of(render_metrics(hub)) if "screen" in name]
    task = wall_screen(hub)
    task.drawn, task.failures = 12, 3

    values = values_of(render_metrics(hub))

    assert values["hearthlink_screen_pictures_total"] == 12
    assert values["hearthlink_screen_failures_total"] == 3
    hub.log.close()
