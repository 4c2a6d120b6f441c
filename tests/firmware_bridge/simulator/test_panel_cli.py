"""`hearthlink simulate panel`: a port that a hub can open, and what it prints."""

import json
import os
import select
import sys
import threading
import time
from pathlib import Path

import pytest

from firmware_bridge.display.hub_end import HubEnd
from firmware_bridge.display.messages import Display
from firmware_bridge.links.serial_port import open_serial
from firmware_bridge.simulator.cli import run
from shared.errors import OperatorError
from tests.support.pictures import read_picture

LIMIT_S = 60.0


def speak(path: Path, done: threading.Event, power_w: int) -> None:
    """Be a hub on a port until the panel has been shown a snapshot."""
    end = HubEnd(session=1)
    deadline_s = time.monotonic() + LIMIT_S
    while not path.exists() and time.monotonic() < deadline_s:
        time.sleep(0.005)
    port = open_serial(str(path), baud=115_200)
    now_ms = time.monotonic_ns() // 1_000_000
    end.show(Display(power_w=power_w, link=0), now_ms)
    while not (end.panel and end.is_idle) and time.monotonic() < deadline_s:
        now_ms = time.monotonic_ns() // 1_000_000
        end.advance(now_ms)
        port.write_now(end.take_outgoing())
        if select.select([port._port.fileno()], [], [], 0.01)[0]:
            end.receive(os.read(port._port.fileno(), 4_096), now_ms)
    port._port.close()
    done.set()


def test_a_hub_finds_a_panel_at_the_port(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is shown something, says so as JSON, and keeps its picture in a file."""
    path, picture = tmp_path / "panel", tmp_path / "panel.png"
    done = threading.Event()
    hub = threading.Thread(target=speak, args=(path, done, 1_234))
    hub.start()

    status = run(["panel", f"--link=pty:{path}", "--json", f"--picture={picture}", "--seconds=0.8"])

    hub.join()
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert status == 0
    assert done.is_set()
    assert events[0] == {"event": "port", "port": str(path)}
    assert {"event": "display", "power_w": 1_234, "link": 0} in events
    assert events[-1]["event"] == "ended"
    assert not read_picture(picture.read_bytes()).is_blank or picture.stat().st_size > 300
    assert not path.is_symlink()


def test_without_a_path_the_port_is_the_terminals_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is printed, to be given to panel.port."""
    run(["panel", "--seconds=0"])

    said = capsys.readouterr().out.splitlines()

    assert said[0].startswith("a panel at /dev/pts/")
    assert said[0].endswith("set panel.port to it")
    assert said[-1].startswith("ended: ")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--link=tcp://127.0.0.1:1"], "is not for a panel"),
        (["--link=pty:/nowhere/at/all"], "cannot be linked"),
        (["--faults=nonsense"], "is not known"),
        (["--picture=/nowhere/at/all.png"], "cannot be written"),
        (["--program=/nowhere/at/all"], "cannot be run"),
    ],
)
def test_what_cannot_be_is_said(options: list[str], message: str) -> None:
    """With how to mend it."""
    with pytest.raises(OperatorError, match=message) as caught:
        run(["panel", "--seconds=0", *options])

    assert caught.value.hint


def test_a_program_of_ones_own_has_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its input and output are the port's other end; it ends with the simulation."""
    path = tmp_path / "panel"
    heard: list[bytes] = []

    def listen() -> None:
        while not path.exists():
            time.sleep(0.005)
        port = os.open(path, os.O_RDWR | os.O_NOCTTY)
        os.write(port, b"question\n")
        heard.append(os.read(port, 64))
        os.close(port)

    hub = threading.Thread(target=listen)
    hub.start()

    status = run(["panel", f"--link=pty:{path}", "--program=cat", "--seconds=0.5", "--json"])

    hub.join()
    assert (status, heard) == (0, [b"question\n"])
    ended = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert ended == {"event": "ended", "status": -15}


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulated meter needs none of them."""
    monkeypatch.setitem(sys.modules, "firmware_bridge.simulator.panel_cli", None)

    with pytest.raises(OperatorError, match="which is not installed") as caught:
        run(["panel"])

    assert "hearthlink[panel]" in caught.value.hint
