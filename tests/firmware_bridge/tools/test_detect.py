"""`hearthlink detect`: finds each meter by its bytes, at its speed, and says what to do if none."""

import contextlib
import json
import socket
import threading
import time
import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastcrc import crc16

from agent.config import read_config
from agent.demo.ports import free_port
from firmware_bridge.meters.catalog import PortSettings
from firmware_bridge.simulator import dlms_meter, glow_meter, p1_meter, raven_meter, sml_meter
from firmware_bridge.simulator.iec62056_meter import Iec62056Meter
from firmware_bridge.simulator.iec62056_port import OpticalPort
from firmware_bridge.tools import console, detect
from firmware_bridge.tools.detect import lasting_name, run
from firmware_bridge.tools.finding import advice_on, found_lines, readable
from firmware_bridge.tools.listening import Heard, Patience
from firmware_bridge.tools.recognition import hearings
from shared.errors import LinkError, OperatorError
from tests.support.serial_ends import TalkingMeter

START_MS = 1_790_000_000_000
QUICK = Patience(window_s=0.5, idle_s=0.04, asking_s=5.0, total_s=8.0)
IMPATIENT = Patience(window_s=0.3, idle_s=0.04, asking_s=0.5, total_s=2.0)
SIMULATED = {
    "p1": p1_meter.telegrams,
    "sml": sml_meter.telegrams,
    "dlms": dlms_meter.telegrams,
    "raven": raven_meter.telegrams,
}


def recorded(protocol: str) -> list[bytes]:
    """Make half a minute's telegrams of a simulated meter."""
    return [raw for raw, _ in SIMULATED[protocol](1, START_MS, START_MS + 30_000)]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait a minute."""
    monkeypatch.setattr(detect, "Patience", lambda: QUICK)


def found_on(port: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Detect, and read the answer."""
    run([str(port), "--json"])
    answer: dict[str, object] = json.loads(capsys.readouterr().out)
    return answer


@pytest.mark.parametrize(
    ("protocol", "baud"),
    [("p1", 115_200), ("p1", 9_600), ("sml", 9_600), ("dlms", 2_400), ("raven", 115_200)],
)
def test_meter_is_found_at_its_speed(
    protocol: str, baud: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At any other it says nothing but garbage."""
    telegrams = recorded(protocol)

    with TalkingMeter(tmp_path / "port", telegrams, baud=baud, pause_s=0.1) as meter:
        answer = found_on(meter.path, capsys)

    assert answer["found"] is True
    assert (answer["protocol"], answer["baud"]) == (protocol, baud)
    assert answer["samples"]


def test_answer_for_people_has_values_and_settings_that_the_hub_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed last can be pasted as it is."""
    with TalkingMeter(tmp_path / "port", recorded("p1"), pause_s=0.1) as meter:
        status = run([str(meter.path)])

    said = capsys.readouterr().out
    written = tomllib.loads(said[said.index("[[meter]]") :])
    (pasted,) = read_config(written, {}, "pasted").meters
    assert status == 0
    assert "found P1" in said
    assert "meter SIM-E-0001, electricity" in said
    assert " kWh" in said
    assert (pasted.protocol, pasted.baud) == ("p1", 115_200)
    assert pasted.link == str(tmp_path / "port")


def unknown_p1() -> bytes:
    """Make a whole telegram of P1 in which every code is new."""
    content = b"/NEW5 METER\r\n\r\n0-0:96.1.1(4E455731)\r\n1-0:200.7.0(12*kX)\r\n!"
    return content + b"%04X\r\n" % crc16.arc(content)


def test_unknown_meter_is_found_with_its_raw_codes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And how to send us a capture of it."""
    with TalkingMeter(tmp_path / "port", [unknown_p1()], baud=9_600, pause_s=0.1) as meter:
        status = run([str(meter.path)])
        said = capsys.readouterr().out
        answer = found_on(meter.path, capsys)

    assert status == 0
    assert "found P1" in said
    assert "meter NEW1, electricity" in said
    assert "1-0:200.7.0 = 12*kX" in said
    assert f"hearthlink capture --seconds 60 --baud 9600 --framing 8N1 {meter.path}" in said
    assert "none of its codes" in str(answer["advice"])


@pytest.mark.parametrize(
    ("settings", "was_asked", "words"),
    [
        (PortSettings(300, "7E1"), True, "--seconds 60 --ask /dev/ttyUSB0"),
        (PortSettings(9_600, "8E1"), True, "--seconds 60 mbus:/dev/ttyUSB0?baud=9600 meter"),
        (PortSettings(9_600, "8E1"), False, "--baud 9600 --framing 8E1 /dev/ttyUSB0"),
    ],
)
def test_capture_is_asked_for_as_the_meter_was(
    settings: PortSettings, was_asked: bool, words: str
) -> None:
    """What waits to be asked would give an empty file."""
    heard = Heard(settings, size=9, was_asked=was_asked)

    assert words in "\n".join(advice_on("/dev/ttyUSB0", [heard]))


def test_notice_between_readings_takes_no_reading_s_place() -> None:
    """A price is no reading, and no reason to ask for a capture."""
    reading = b"".join(raw for raw, _ in raven_meter.telegrams(1, START_MS, START_MS + 20_000))
    price = b"<PriceCluster><MeterMacId>0x1</MeterMacId><Price>0x1</Price></PriceCluster>"

    for content, words in ((reading + price, "power_import"), (price, "no reading has come yet")):
        (hearing,) = (one for one in hearings(ZoneInfo("UTC")) if one.protocol == "raven")
        hearing.feed(content)
        said = "\n".join(found_lines("/dev/ttyUSB0", Heard(None, found=hearing), hearing))

        assert words in said
        assert "send us" not in said


def test_meter_that_waits_to_be_asked_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An optical port says nothing by itself."""
    meter = Iec62056Meter(1, START_MS, checked=True)
    instants = iter(range(START_MS, START_MS + 60_000, 1_000))
    port = OpticalPort(tmp_path / "port", lambda: _block(meter.emit(next(instants)).telegram))
    stopping = threading.Event()
    serving = threading.Thread(target=port.serve, args=(stopping.is_set,))
    serving.start()
    try:
        answer = found_on(tmp_path / "port", capsys)
    finally:
        stopping.set()
        serving.join()
        port.close()

    assert (answer["protocol"], answer["baud"], answer["framing"]) == ("iec62056", 300, "7E1")
    assert answer["samples"]
    (pasted,) = read_config(tomllib.loads(str(answer["toml"])), {}, "pasted").meters
    assert pasted.link == f"optical:{tmp_path / 'port'}"


def test_meter_that_pushes_readouts_is_found_with_its_own_codec(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """P1 reads them too, but not the serial and the clock; its link does not ask."""
    meter = Iec62056Meter(1, START_MS)
    pushes = [meter.emit(START_MS + second * 1_000).telegram for second in range(20)]

    with TalkingMeter(tmp_path / "port", pushes, baud=9_600, pause_s=0.1) as talking:
        answer = found_on(talking.path, capsys)

    (pasted,) = read_config(tomllib.loads(str(answer["toml"])), {}, "pasted").meters
    assert (pasted.protocol, pasted.baud) == ("iec62056", 9_600)
    assert pasted.link == str(tmp_path / "port")


def _block(telegram: bytes) -> bytes:
    """Return the data block of a readout, without the identification before it."""
    return telegram[telegram.index(b"\x02") :]


def test_meter_that_encrypts_is_found_and_its_key_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the system title to name to the network operator."""
    keys = dlms_meter.MeterKeys()
    pushes = dlms_meter.telegrams(1, START_MS, START_MS + 30_000, keys=keys)

    with TalkingMeter(tmp_path / "port", [raw for raw, _ in pushes], pause_s=0.1) as meter:
        status = run([str(meter.path)])

    said = capsys.readouterr().out
    assert status == 0
    assert "it encrypts: " in said
    assert "system title" in said
    assert 'protocol = "dlms"' in said
    (pasted,) = read_config(tomllib.loads(said[said.index("[[meter]]") :]), {}, "pasted").meters
    assert pasted.key is None
    assert "# key = " in said


def test_silent_port_is_told_with_what_to_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every setting that was tried is named."""
    monkeypatch.setattr(detect, "Patience", lambda: IMPATIENT)

    with TalkingMeter(tmp_path / "port", [], pause_s=1) as meter:
        status = run([str(meter.path)])

    said = capsys.readouterr().out
    assert status == 1
    assert "115200 baud, 8N1: silent" in said
    assert "300 baud, 7E1: silent" in said
    assert "cable" in said
    assert f'link = "zigbee:{meter.path}"' in said
    assert f"mbus:{meter.path}?addresses" in said


@pytest.mark.parametrize(
    ("port", "words"),
    [
        ("zigbee:/dev/ttyUSB0", "hearthlink zigbee permit"),
        ("mqtt://broker/glow/#", "topics"),
        ("tcp://adapter:23", "cable"),
    ],
)
def test_silence_is_explained_by_the_kind_of_link(port: str, words: str) -> None:
    """A broker has no cable, and a stick is no meter."""
    advice = "\n".join(advice_on(port, []))

    assert words in advice
    assert ("cable" in advice) == (words == "cable")


@pytest.mark.parametrize(
    ("content", "advice"),
    [(b"hello, I am no meter\r\n", "dialect"), (b"\x80\x91\xa2\xb3" * 8, "inverted")],
)
def test_bytes_of_no_meter_are_told_with_what_to_check(
    content: bytes,
    advice: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """How many, how much of it text, and how to record it for us."""
    monkeypatch.setattr(detect, "Patience", lambda: IMPATIENT)
    with TalkingMeter(tmp_path / "port", [content], pause_s=0.1) as meter:
        answer = found_on(meter.path, capsys)

    assert answer["found"] is False
    heard = answer["heard"]
    assert isinstance(heard, list)
    assert heard[0]["bytes"] > 0
    assert heard[0]["printable_percent"] == (0 if advice == "inverted" else 100)
    assert advice in str(answer["advice"])
    assert "hearthlink capture" in str(answer["advice"])


def test_search_ends_within_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Endless noise does not hold it up."""
    monkeypatch.setattr(detect, "Patience", lambda: IMPATIENT)
    started_s = time.monotonic()

    with TalkingMeter(tmp_path / "port", [b"\x80\x91" * 40], pause_s=0.005) as meter:
        answer = found_on(meter.path, capsys)

    assert answer["found"] is False
    assert time.monotonic() - started_s < IMPATIENT.total_s + 20


def test_network_adapter_has_no_speed_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    """The adapter has its own; the bytes are all there is."""
    port = free_port()
    telegrams = recorded("sml")
    with socket.create_server(("127.0.0.1", port)) as server:
        sending = threading.Thread(target=_send_all, args=(server, telegrams))
        sending.start()
        run([f"tcp://127.0.0.1:{port}"])
        sending.join()

    said = capsys.readouterr().out
    assert "found SML" in said
    assert "baud" not in said


def _send_all(server: socket.socket, telegrams: list[bytes]) -> None:
    client, _ = server.accept()
    # Whoever has heard enough hangs up, perhaps with bytes unread.
    with client, contextlib.suppress(ConnectionError):
        for telegram in telegrams:
            client.sendall(telegram)
        client.settimeout(5)
        client.recv(1)


def test_lost_port_tells_what_was_heard_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cable pulled in the middle is told as such."""
    with TalkingMeter(tmp_path / "port", [b"\x80\x91" * 40], pause_s=0.1) as meter:
        unplugging = threading.Timer(0.6, meter.unplug)
        unplugging.start()

        status = run([str(meter.path)])
        unplugging.join()

    told = capsys.readouterr()
    assert status == 1
    assert "cable" in told.err
    assert "no meter was understood" in told.out


def test_missing_port_says_so(tmp_path: Path) -> None:
    """As the hub would."""
    with pytest.raises(LinkError, match="not there"):
        run([str(tmp_path / "port")])


def test_wrong_address_or_zone_says_so(tmp_path: Path) -> None:
    """Before anything is opened."""
    with pytest.raises(OperatorError, match="not known"):
        run(["ttyUSB0"])
    with pytest.raises(OperatorError, match="unknown"):
        run([str(tmp_path), "--zone", "Nowhere"])


def test_progress_is_shown_to_a_person_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bar, where and how much; a pipe gets none of it."""
    telegrams = recorded("p1")
    with TalkingMeter(tmp_path / "port", telegrams, baud=9_600, pause_s=0.1) as meter:
        run([str(meter.path)])
        to_a_pipe = capsys.readouterr().err
        monkeypatch.setattr(console, "is_watched", lambda: True)
        monkeypatch.setattr(console, "can_replace_lines", lambda: True)
        run([str(meter.path)])

    shown = capsys.readouterr().err
    assert to_a_pipe == ""
    assert "[....................] listening at 115200 baud, 8N1: " in shown
    assert "listening at 9600 baud, 8N1" in shown
    assert shown.endswith("\r\x1b[K")


def test_port_is_named_so_that_it_stays(tmp_path: Path) -> None:
    """Adapters change their numbers when plugged in another order."""
    device, folder = tmp_path / "ttyUSB0", tmp_path / "by-id"
    device.touch()
    folder.mkdir()
    (folder / "usb-maker-adapter").symlink_to(device)

    assert lasting_name(str(device), folder) == str(folder / "usb-maker-adapter")
    assert lasting_name("/dev/other", folder) == "/dev/other"
    assert lasting_name(str(device), tmp_path / "none") == str(device)
    assert lasting_name("tcp://adapter:23", folder) == "tcp://adapter:23"


@pytest.mark.parametrize(
    ("register", "value", "text"),
    [
        ("import_t1_mwh", 85_700_126_000, "import_t1 85,700.126 kWh"),
        ("power_import_w", 1_234, "power_import 1,234 W"),
        ("gas_l", 1_005, "gas 1.005 m³"),
        ("tariff_index", 2, "tariff 2"),
        ("power_factor_l1_milli", 998, "power_factor_l1_milli 998"),
    ],
)
def test_values_are_written_as_people_say_them(register: str, value: int, text: str) -> None:
    """Exactly, without a float in between."""
    assert readable(register, value) == text


def test_every_meter_on_a_line_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """A display tells of electricity and of gas in messages of their own."""
    messages = [raw for raw, _ in glow_meter.telegrams(1, START_MS, START_MS + 20_000)]
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as server:
        sending = threading.Thread(target=_send_all, args=(server, messages))
        sending.start()
        run([f"tcp://127.0.0.1:{port}"])
        sending.join()

    said = capsys.readouterr().out
    assert "found Glow" in said
    assert ", electricity" in said
    assert ", gas" in said
