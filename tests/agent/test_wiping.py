"""Wiping: nothing of the old household is left, whatever interrupts it; nobody else's files go."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from agent import wipe_command
from agent.app import assemble
from agent.config import Config
from agent.home.pinfile import PinFile
from agent.uplink.port import Channel, Event
from agent.wiping import MARK, finish_wiping, is_ours, settings_left, wipe
from shared.errors import OperatorError
from tests.support.fakes import FakeCloud, FakeUplink
from tests.support.hubs import METER, START_MS, config_in, take, telegram
from tests.support.power import PowerCutError, cut_after

ROOT = Path(__file__).parents[2]
TRACES = (METER.encode(), b"SERIAL-4711")


def lived_in(folder: Path) -> Config:
    """Live a household's life in a state folder, and leave of everything something."""
    config = config_in(folder, hub_clock="meter", page_port=0)
    hub = assemble(config).hub
    take(hub, [telegram(1_000 * n, START_MS + n * 10_000) for n in range(20)])
    asyncio.run(hub.intake.commit())
    hub.log.close()
    PinFile(folder).set_first("471100")
    for name in ("zigbee.sqlite", "hub.sqlite.replaced-1", "hub.sqlite.damaged-1-wal"):
        (folder / name).write_bytes(b"SERIAL-4711")
    for name in ("diagnosis.json", "given-tariff-gas.json", ".diagnosis.json.new"):
        (folder / name).write_bytes(b"SERIAL-4711")
    for name in ("identity/1234/device.key", "jobs/current.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"SERIAL-4711")
    return config


def traces(folder: Path) -> list[str]:
    """List the files that still say something of the old household."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if any(one in path.read_bytes() for one in TRACES)]


def test_nothing_of_the_old_household_is_left(tmp_path: Path) -> None:
    """Every file of the state folder is searched for the old serials; there is no file."""
    config = lived_in(tmp_path)
    assert traces(tmp_path)

    left = wipe(config)

    assert (left, traces(tmp_path), list(tmp_path.iterdir())) == ([], [], [])


def test_what_is_not_the_hubs_stays_and_is_named(tmp_path: Path) -> None:
    """A state folder set to somebody's home does not take that home with it."""
    config = lived_in(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "letter.txt").write_text("dear")

    assert wipe(config) == ["letter.txt", "photos"]


def test_the_programs_slots_stay(tmp_path: Path) -> None:
    """They are the maker's, not the household's."""
    lived_in(tmp_path)
    slots = tmp_path / "slots"
    slots.mkdir()

    assert wipe(config_in(tmp_path, update_slots_dir=str(slots))) == []
    assert slots.is_dir()


def test_a_wipe_that_was_cut_off_is_finished_at_the_next_start(tmp_path: Path) -> None:
    """At whatever change of the disk the power goes, no hub comes up with half a household."""
    model = tmp_path / "model"
    lived_in(model)
    cuts, is_whole = 0, False
    while not is_whole:
        folder = tmp_path / f"hub-{cuts}"
        shutil.copytree(model, folder)
        config = config_in(folder)
        with cut_after(cuts, folder):
            try:
                wipe(config)
                is_whole = True
            except PowerCutError:
                cuts += 1
        finish_wiping(config)
        assert not is_whole or not traces(folder)
        if (folder / "hub.sqlite").exists():
            # Cut before the wipe was begun: then all is there.
            assert cuts <= 3
            assert traces(folder)
        else:
            assert list(folder.iterdir()) == []

    assert cuts > 10


def test_the_command_empties_the_folder_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a cloud: what it never had is counted."""
    lived_in(tmp_path)
    monkeypatch.setenv("HEARTHLINK_HUB_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("HEARTHLINK_METER_LINK", "replay:none")
    monkeypatch.setenv("HEARTHLINK_PAGE_PIN", "471100")

    status = wipe_command.run(["--yes", "--json"])

    said = json.loads(capsys.readouterr().out)
    assert status == 0
    assert said["was_told"] is False
    assert said["lost_samples"] > 0
    assert said["settings"] == ["page.pin"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("answer", "is_wiped"), [("wipe", True), ("y", False), ("", False)])
def test_it_asks_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, *, is_wiped: bool
) -> None:
    """A word has to be typed; anything else changes nothing."""
    lived_in(tmp_path)
    monkeypatch.setenv("HEARTHLINK_HUB_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("HEARTHLINK_METER_LINK", "replay:none")
    monkeypatch.setattr("builtins.input", lambda _: answer)

    status = wipe_command.run(["--drain-s", "0"])

    assert (status == 0) is is_wiped
    assert (list(tmp_path.iterdir()) == []) is is_wiped


def test_a_running_hub_is_not_wiped(tmp_path: Path) -> None:
    """It keeps its database to itself; another process is told to stop it first."""
    config = lived_in(tmp_path)
    hub = assemble(config).hub
    environment = {
        **os.environ,
        "HEARTHLINK_HUB_STATE_DIR": str(tmp_path),
        "HEARTHLINK_METER_LINK": "replay:none",
        "PYTHONPATH": str(ROOT),
    }
    code = "from agent.wipe_command import run; run(['--yes'])"

    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert answer.returncode != 0
    assert "stop that one first" in answer.stderr
    assert traces(tmp_path)
    hub.log.close()


def test_there_is_nothing_to_wipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is not there."""
    monkeypatch.setenv("HEARTHLINK_HUB_STATE_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("HEARTHLINK_METER_LINK", "replay:none")

    with pytest.raises(OperatorError, match="nothing to wipe"):
        wipe_command.run(["--yes"])


def test_what_the_file_still_says_is_named(tmp_path: Path) -> None:
    """The hub's file is the installer's: its keys are named, not changed."""
    config = config_in(
        tmp_path, meter=[{"link": "replay:none", "key": "00" * 16}], tariff_gas_file="/x.json"
    )

    assert settings_left(config) == ["meter.key", "tariff.gas_file"]


def test_marks_and_drafts_are_ours() -> None:
    """Whatever prefix a draft has."""
    assert is_ours(".log-marks.new")
    assert not is_ours(MARK)
    assert not is_ours("hubble.jpg")


class AnsweringUplink(FakeUplink):
    """An uplink with the smallest cloud behind it, which takes what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.cloud = FakeCloud(time_ms=START_MS)

    async def start(self, deliver: Callable[[Event], None]) -> None:
        """Connect at once."""
        await super().start(deliver)
        asyncio.get_running_loop().call_soon(self.connect)

    def publish(self, channel: Channel, payload: bytes, subject: str = "") -> bool:
        """Answer with receipts."""
        is_taken = super().publish(channel, payload, subject)
        for receipt in self.cloud.take(channel, payload) if is_taken else []:
            asyncio.get_running_loop().call_soon(self.arrive, Channel.RECEIPTS, receipt)
        return is_taken


def test_the_backlog_leaves_first_and_the_cloud_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is lost, and the health says that the hub is nobody's any more."""
    state = tmp_path / "state"
    lived_in(state)
    uplink = AnsweringUplink()
    monkeypatch.setattr("agent.app.open_uplink", lambda *_: uplink)
    for name, value in (
        ("HUB_STATE_DIR", str(state)),
        ("HUB_CLOCK", "meter"),
        ("METER_LINK", "replay:none"),
        ("UPLINK_HOST", "cloud.example.org"),
        ("UPLINK_CA_FILE", "ca"),
        ("UPLINK_CERTIFICATE_FILE", "crt"),
        ("UPLINK_KEY_FILE", "key"),
        ("CONSENT_GRANULARITY", "10s"),
    ):
        monkeypatch.setenv(f"HEARTHLINK_{name}", value)

    status = wipe_command.run(["--yes", "--json", "--drain-s", "20"])

    said = json.loads(capsys.readouterr().out)
    health = msgspec.json.decode(uplink.taken(Channel.HEALTH_UPDATE)[-1])["state"]["reported"]
    assert (status, said["was_told"], said["lost_samples"]) == (0, True, 0)
    assert len(uplink.cloud.samples) == 20
    assert health["problems"][0].startswith("wiped: ")
    assert health["meters"] in (None, [])
    assert list(state.iterdir()) == []
