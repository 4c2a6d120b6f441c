"""`hearthlink demo` as a newcomer runs it: it proves itself, ends by itself, and cleans up."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from agent.demo.ports import free_port
from agent.demo.sources import HOMES
from firmware_bridge.simulator.oracle import read_lines
from firmware_bridge.simulator.p1_meter import telegrams
from tests.support.homes import SharedCloud

COMMAND = str(Path(sys.executable).with_name("hearthlink"))
ENDS_S = 180
START_MS = 1_772_323_200_000


FAULTS = (
    *("lost", "duplicated", "altered"),
    *("energy_difference_mwh", "gas_difference_l", "other_difference"),
)


def assert_whole(summary: dict[str, int]) -> None:
    """Check that nothing was lost, doubled or altered, and that every counter is as it should."""
    assert {name: summary[name] for name in FAULTS} == dict.fromkeys(FAULTS, 0)


def _ports() -> list[str]:
    return [f"--{name}-port={free_port()}" for name in ("page", "api", "broker")]


def _started(folder: Path) -> list[str]:
    """List the command lines of processes that name this demo's folder or its hub."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        try:
            told = entry.read_bytes() + entry.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in told and entry.parent.name != str(os.getpid()):
            found.append(entry.with_name("cmdline").read_bytes().decode())
    return found


@pytest.mark.slow
def test_demo_shows_accounts_for_and_stops_everything(tmp_path: Path) -> None:
    """What it names is there, the app signed in to; Ctrl-C then leaves no process behind.

    Of a short history and a few live seconds: lost 0, duplicated 0, energy difference 0.
    """
    state, ports = tmp_path / "demo", _ports()
    page = f"http://127.0.0.1:{ports[0].split('=')[1]}/view.json"
    demo = subprocess.Popen(
        [COMMAND, "demo", f"--state={state}", "--history-days=0.5", "--json", *ports],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert demo.stderr is not None
    told = ""
    while "Ctrl-C" not in (line := demo.stderr.readline()):
        assert line, "the demo ended before it was live"
        told += line
    with urllib.request.urlopen(page, timeout=60) as answer:
        view = json.load(answer)
    assert view["power"]["state"] == "fresh"
    assert view["panel"]["state"] == "connected"
    panel = re.search(r"panel +(http://\S+)", told)
    assert panel is not None, told
    with urllib.request.urlopen(f"{panel[1]}/panel.png", timeout=60) as answer:
        assert answer.read(4) == b"\x89PNG"
    display = page.removesuffix("/view.json")
    with urllib.request.urlopen(panel[1], timeout=60) as answer:
        assert f'<iframe src="{display}"' in answer.read().decode()
    with urllib.request.urlopen(display, timeout=60) as answer:
        assert answer.headers["Content-Security-Policy"].endswith(f"frame-ancestors {panel[1]}")
    app = re.search(r"app +(http://[^/]+)/app/ +\(e-mail: (\S+), password: (\S+)\)", told)
    assert app is not None, told
    asked = urllib.request.Request(
        f"{app[1]}/v1/sessions",
        json.dumps({"email": app[2], "password": app[3]}).encode(),
        {"Content-Type": "application/json", "hearthlink-client": "1"},
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert answer.status == 201
    time.sleep(1)

    demo.send_signal(signal.SIGINT)

    said, complained = demo.communicate(timeout=ENDS_S)
    assert demo.returncode == 0, complained
    summary = json.loads(said)
    assert_whole(summary)
    assert summary["logged"] == summary["stored"] > 4_000
    assert summary["served"] > 100
    assert _started(state) == []


def test_taken_port_is_named_with_the_way_to_choose_another(tmp_path: Path) -> None:
    """The first port that is taken: which, and the option to give."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [COMMAND, "demo", f"--state={tmp_path / 'demo'}", f"--page-port={port}"],
            check=False,
            capture_output=True,
            text=True,
            timeout=ENDS_S,
        )

    assert done.returncode == 2
    assert f"port {port} of 127.0.0.1 is taken" in done.stderr
    assert f"--page-port {port + 1}" in done.stderr


def test_a_folder_that_is_not_the_demos_is_left_alone(tmp_path: Path) -> None:
    """Somebody's files are never emptied for a demo."""
    (tmp_path / "letters.txt").write_text("dear")

    done = subprocess.run(
        [COMMAND, "demo", f"--state={tmp_path}", *_ports()],
        check=False,
        capture_output=True,
        text=True,
        timeout=ENDS_S,
    )

    assert done.returncode == 2
    assert "not a demo's folder" in done.stderr
    assert (tmp_path / "letters.txt").read_text() == "dear"


@pytest.mark.slow
def test_replayed_capture_goes_the_whole_way(tmp_path: Path) -> None:
    """`--replay` feeds a capture instead of the simulated meter, accounts for it, and ends."""
    capture = tmp_path / "capture.p1"
    capture.write_bytes(b"".join(raw for raw, _ in telegrams(4, START_MS, START_MS + 600_000)))
    state = tmp_path / "demo"

    done = subprocess.run(
        [
            *(COMMAND, "demo", f"--state={state}", "--seconds=1", "--json"),
            *(f"--replay={capture}", "--no-panel", *_ports()),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=ENDS_S,
    )

    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["decoded"], summary["lost"], summary["duplicated"]) == (60, 0, 0)
    assert summary["energy_difference_mwh"] == 0
    assert _started(state) == []


LEAST_STORED = {"mbus": 30, "mbus-asked": 3, "iec62056-asked": 2, "zigbee": 280, "mixed": 1_900}
"""A radio's history comes a telegram a minute, an M-Bus meter's is a row a slot or a change; what
is asked has no history: it is awaited."""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedCloud]:
    """The demo's cloud, for one home after the other."""
    with SharedCloud(tmp_path_factory.mktemp("cloud") / "demo") as made:
        yield made


STREETS = (
    ("sml", "dlms", "iec62056", "raven", "mbus"),
    ("p1-encrypted", "dlms-encrypted", "iec62056-asked", "mbus-asked", "glow"),
    ("zigbee",),
    ("mixed",),
)
"""Homes that one hub reads at once: starting everything anew for each takes longer than they do."""


def test_every_home_is_in_a_street() -> None:
    """But the one that the command itself plays above."""
    assert sorted(home for street in STREETS for home in street) == sorted(HOMES.keys() - {"p1"})


@pytest.mark.slow
@pytest.mark.parametrize("street", STREETS, ids="+".join)
def test_every_home_goes_the_whole_way(
    cloud: SharedCloud, tmp_path: Path, street: tuple[str, ...]
) -> None:
    """The same household behind other protocols: nothing lost, doubled or altered."""
    least = {home: LEAST_STORED.get(home, 1_700) for home in street}

    summary, to_log = cloud.visit_all(least, tmp_path / "demo")

    assert_whole(asdict(summary))
    # None of it is lost: each home has as much stored.
    assert all(to_log[home] >= least[home] for home in street), to_log
    assert summary.stored >= sum(to_log.values())


@pytest.mark.slow
def test_what_goes_wrong_at_the_meter_costs_no_energy(cloud: SharedCloud, tmp_path: Path) -> None:
    """Telegrams lost, hurt, stalled and sent twice: every whole one arrives, once, as it was."""
    faults = "flip=1/20000,drop=1/50,replay=1/100"

    summary = cloud.visit("p1", tmp_path / "demo", faults=faults)

    assert_whole(asdict(summary))
    assert summary.stored > 1_500


@pytest.mark.slow
def test_what_goes_wrong_at_the_radio_costs_nothing(cloud: SharedCloud, tmp_path: Path) -> None:
    """The stick resets, fails, and hears badly: every report arrives, once, as it was."""
    faults = "reset@20m,error@45m,air=1/20"

    summary = cloud.visit("zigbee", tmp_path / "demo", faults=faults, history_days=0.05)

    assert_whole(asdict(summary))
    assert summary.stored >= 70


@pytest.mark.slow
def test_half_hours_are_healed_as_the_meter_displayed_them(
    cloud: SharedCloud, tmp_path: Path
) -> None:
    """The devices are away for more than an hour; what they kept of it is asked for and served."""
    script = "leave@10m+70m,reset@80m"

    summary = cloud.visit("zigbee", tmp_path / "demo", faults=script, history_days=0.07)

    oracle = (tmp_path / "demo" / "meter.oracle.jsonl").read_bytes()
    must_log = sum(line.must_log for line in read_lines(oracle))
    assert_whole(asdict(summary))
    assert summary.stored >= must_log + 2
