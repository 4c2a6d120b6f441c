"""`hearthlink detect` on a bus: one meter is asked by the address every meter has."""

import json
import threading
import tomllib
from pathlib import Path

import pytest

from firmware_bridge.links.mbus import bus_of
from firmware_bridge.simulator.mbus_meter import MbusMeter
from firmware_bridge.simulator.mbus_port import BusPort, Slave
from firmware_bridge.tools import detect
from firmware_bridge.tools.detect import run
from firmware_bridge.tools.listening import Patience

START_MS = 1_790_000_000_000
QUICK = Patience(window_s=0.3, idle_s=0.04, asking_s=3.0, total_s=14.0)


@pytest.mark.parametrize("baud", [2_400, 9_600])
def test_meter_on_a_bus_is_asked_and_the_settings_ask_it(
    baud: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed opens a link that asks, at the speed found."""
    monkeypatch.setattr(detect, "Patience", lambda: QUICK)
    meter = MbusMeter(1, START_MS)
    slave = Slave(7, bytes(8), lambda: meter.read_heat(START_MS + 1_000).frames)
    port = BusPort(tmp_path / "port", [slave], baud=baud)
    stopping = threading.Event()
    serving = threading.Thread(target=port.serve, args=(stopping.is_set,))
    serving.start()
    try:
        run([str(tmp_path / "port"), "--json"])
    finally:
        stopping.set()
        serving.join()
        port.close()

    found = json.loads(capsys.readouterr().out)
    assert (found["protocol"], found["baud"], found["framing"]) == ("mbus", baud, "8E1")
    assert [sample["meter"] for sample in found["samples"]] == ["HLK-40000001"]
    table = tomllib.loads(found["toml"])["meter"][0]
    assert set(table) == {"protocol", "link"}
    assert bus_of(table["link"]).baud == baud
    assert bus_of(table["link"]).place == str(tmp_path / "port")
