"""`hearthlink fleet list|show|jobs|rollout|report|handover`: what an operator reads and does."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud.fleet.cli import run
from cloud.fleet.console import Painter, hubs_text
from shared.clock import SystemClock
from shared.errors import HearthlinkError
from tests.support.fleet import HEALTH, FleetApi

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to" / "fleet.md"


class Terminal:
    """Runs the command on the fleet's own database, as an operator beside the API does."""

    def __init__(self, api: FleetApi, directory: Path, output: pytest.CaptureFixture[str]) -> None:
        self.api = api
        self.output = output
        parts = api.app.state.parts
        self.config = directory / "cloud.toml"
        lines = [
            f'state_dir = "{directory}"',
            f'hub_ca = "{parts.config.hub_ca}"',
            f'report_cert = "{parts.config.report_cert}"',
            f'report_key = "{parts.config.report_key}"',
        ]
        self.config.write_text("\n".join(lines))

    def say(self, *words: str) -> str:
        """Run an action for people."""
        self.output.readouterr()
        assert run([*words, "--config", str(self.config)]) == 0
        return self.output.readouterr().out

    def ask(self, *words: str) -> Any:
        """Run an action for programs."""
        return json.loads(self.say(*words, "--json"))


@pytest.fixture(name="terminal")
def _terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Terminal]:
    # The command has the machine's clock: what it looks at must be of now.
    api = FleetApi(tmp_path, SystemClock().utc_ms())
    with api.client:
        yield Terminal(api, tmp_path, capsys)


def test_list_shows_every_hub_and_what_it_needs(terminal: Terminal) -> None:
    """A line a hub, without colours where it is no terminal; --attention leaves out the well."""
    terminal.api.connect("hub-1")
    terminal.api.add("hub-2")

    text = terminal.say("list")
    hubs = terminal.ask("list")["hubs"]
    poor = terminal.ask("list", "--attention")["hubs"]

    assert "\033" not in text
    assert text.splitlines()[0].split()[:2] == ["HUB", "LINK"]
    assert text.splitlines()[-1] == "2 hubs"
    assert "no health reported" in text
    assert [one["thing"] for one in hubs] == ["hub-1", "hub-2"]
    assert [one["thing"] for one in poor] == ["hub-2"]


def test_terminal_has_colours(terminal: Terminal) -> None:
    """What needs somebody stands out, and the columns stay in line."""
    terminal.api.add("hub-2")
    report = terminal.ask("list")

    text = hubs_text(report, Painter(is_on=True))

    assert "\033[33mno health reported\033[0m" in text


def test_show_tells_all_of_one_hub(terminal: Terminal) -> None:
    """Its meters, its jobs and its households."""
    terminal.api.connect("hub-1")
    terminal.say("rollout", "j1", "--operation", "restart", "--thing", "hub-1")
    terminal.api.report("hub-1", "health", {**HEALTH, "problems": ["disk full"]})
    terminal.say("handover", "hub-1", "--household", "Flat 2")
    terminal.api.report("hub-1", "health", {**HEALTH, "problems": ["disk full"]})

    text = terminal.say("show", "hub-1")
    hub = terminal.ask("show", "hub-1")

    assert "M1 by p1" in text
    assert "-61 dBm" in text
    assert "problem                disk full" in text
    assert [job["status"] for job in hub["jobs"]] == ["CANCELED"]
    assert [one["ended_at"] is None for one in hub["tenancies"]] == [False, True]


def test_rollout_begins_and_jobs_follow_it(terminal: Terminal) -> None:
    """Begun for all, seen in the list, cancelled by name."""
    for number in range(3):
        terminal.api.connect(f"hub-{number}")

    begun = terminal.say("rollout", "j1", "--operation", "rotate", "--all", "--stages", "50,100")
    listed = terminal.say("jobs")
    one = terminal.ask("jobs", "j1", "--cancel")

    assert "1 of 2 (50 %)" in begun
    assert "j1" in listed
    assert "0 of 3" in listed
    assert one["state"] == "CANCELED"


def test_halted_job_is_resumed_by_name(terminal: Terminal) -> None:
    """With --retry what failed is tried again."""
    now_ms = terminal.api.clock.utc_ms()
    for number in range(4):
        terminal.api.connect(f"hub-{number}")
    terminal.say("rollout", "j1", "--operation", "restart", "--all", "--stages", "25,100")
    terminal.api.jobs.tell(now_ms)
    for number in range(4):
        base = f"$aws/things/hub-{number}/jobs"
        terminal.api.jobs.answer(f"hub-{number}", f"{base}/start-next", b"", now_ms)
        failed = b'{"status": "FAILED"}'
        terminal.api.jobs.answer(f"hub-{number}", f"{base}/j1/update", failed, now_ms)
    terminal.api.jobs.tell(now_ms)

    halted = terminal.say("jobs", "j1")
    resumed = terminal.ask("jobs", "j1", "--resume", "--retry")

    assert "HALTED" in halted
    assert "1 of 1 failed" in halted
    assert (resumed["state"], resumed["progress"]["failed"]) == ("ACTIVE", 0)


def test_report_is_written_and_verified(terminal: Terminal, tmp_path: Path) -> None:
    """As a page, as signed JSON, and checked again by the root alone."""
    terminal.api.connect("hub-1")
    page, signed = tmp_path / "report.html", tmp_path / "report.json"

    made = terminal.say("report", "hub-1", "--html", str(page), "--out", str(signed))
    verified = terminal.say("report", "--verify", str(signed))
    changed = json.loads(signed.read_text())
    changed["report"]["passed"] = True
    signed.write_text(json.dumps(changed))

    assert "not all tests passed" in made
    assert made == verified
    assert page.read_text().startswith("<!doctype html>")
    with pytest.raises(HearthlinkError, match="not what was signed"):
        terminal.say("report", "--verify", str(signed))


def test_handover_tells_the_token_once(terminal: Terminal) -> None:
    """The new household's part of the API is open to it, and no more."""
    terminal.api.connect("hub-1")

    dated = ["--zone", "Europe/Paris", "--at", "2026-01-01"]
    done = terminal.ask("handover", "hub-1", "--household", "Flat 2", *dated)
    headers = {"Authorization": f"Bearer {done['token']}"}

    assert done["started_at"] == "2026-01-01T00:00:00Z"
    assert terminal.api.client.get("/v1/meters", headers=headers).status_code == 200
    assert terminal.api.client.get("/v1/fleet/hubs", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "words",
    [
        ["show", "none"],
        ["jobs", "none"],
        ["jobs", "--cancel"],
        ["rollout", "j1", "--operation", "restart"],
        ["rollout", "j1", "--operation", "restart", "--all", "--thing", "hub-1"],
        ["rollout", "j1", "--operation", "update", "--thing", "hub-1"],
        ["rollout", "j1", "--operation", "restart", "--all", "--stages", "50"],
        ["rollout", "j1", "--operation", "update", "--all", "--artefact", "/none/here"],
        ["report"],
        ["report", "none"],
        ["report", "--verify", "/none/here"],
        ["handover", "none", "--household", "x"],
    ],
)
def test_what_cannot_be_done_is_said(terminal: Terminal, words: list[str]) -> None:
    """With the reason, and nothing done."""
    terminal.api.connect("hub-1")

    with pytest.raises(HearthlinkError):
        terminal.say(*words)


def test_how_to_page_is_carried_out(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command of docs/how-to/fleet.md, in its order, does what the page says."""
    monkeypatch.chdir(tmp_path)
    terminal.api.connect("hub-1")
    terminal.api.connect("hub-2")
    lines = [line for line in HOW_TO.read_text().splitlines() if line.startswith("hearthlink ")]

    said = {line: terminal.say(*shlex.split(line)[2:]) for line in lines}

    assert len(lines) == 16
    assert "CANCELED" in said["hearthlink fleet jobs rotate-1 --cancel"]
    assert "hub-1 at " in said["hearthlink fleet report --verify report.json"]


def test_settings_are_asked_shown_and_cleared(terminal: Terminal) -> None:
    """One at a time, of hubs by name or of all; what the hub has not said yet is waited for."""
    terminal.api.connect("hub-1")
    terminal.api.add("hub-2")

    asked = terminal.ask("settings", "hub-1", "--set", "frame_interval_s=60")
    more = terminal.ask("settings", "--all", "--set", "commit_window_s=30")
    text = terminal.say("settings", "hub-1")
    fewer = terminal.ask("settings", "hub-1", "hub-2", "--unset", "commit_window_s")
    cleared = terminal.ask("settings", "--all", "--clear")

    assert asked["hubs"][0]["desired"] == {"frame_interval_s": 60}
    assert not asked["hubs"][0]["is_applied"]
    assert [one["desired"] for one in more["hubs"]] == [
        {"frame_interval_s": 60, "commit_window_s": 30},
        {"commit_window_s": 30},
    ]
    assert "waits for the hub" in text
    assert [one["desired"] for one in fewer["hubs"]] == [{"frame_interval_s": 60}, {}]
    assert [one["desired"] for one in cleared["hubs"]] == [{}, {}]


def test_settings_that_hold_or_were_refused_are_told(terminal: Terminal) -> None:
    """By the hub's own word."""
    terminal.api.connect("hub-1")
    terminal.ask("settings", "hub-1", "--set", "frame_interval_s=60")
    terminal.api.report("hub-1", "settings", {"frame_interval_s": 60, "refused": ""})
    holds = terminal.say("settings", "hub-1")
    terminal.api.report("hub-1", "settings", {"frame_interval_s": 5, "refused": "too slow"})

    assert "applied" in holds
    assert "refused: too slow" in terminal.say("settings", "hub-1")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["hub-1", "--all"],
        ["hub-1", "--clear", "--set", "frame_interval_s=1"],
        ["hub-1", "--set", "frame_interval_s"],
        ["hub-1", "--set", "frame_interval_s=fast"],
        ["hub-1", "--set", "frame_interval_s=0"],
        ["hub-1", "--set", "consent=1"],
        ["hub-9", "--set", "frame_interval_s=1"],
    ],
)
def test_settings_that_will_not_do_ask_nothing(terminal: Terminal, words: list[str]) -> None:
    """Of no hub: all is checked before the first is asked."""
    terminal.api.connect("hub-1")

    with pytest.raises(HearthlinkError):
        run(["settings", *words, "--config", str(terminal.config)])

    assert terminal.ask("settings", "hub-1")["hubs"][0]["desired"] == {}
