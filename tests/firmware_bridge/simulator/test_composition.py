"""What is simulated: which of the household's meters, with which keys, behind which protocol."""

import asyncio
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from firmware_bridge.links.tcp import open_tcp
from firmware_bridge.meters.catalog import CODECS
from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.zigbee import ZigbeeCodec
from firmware_bridge.simulator.cli import run
from firmware_bridge.simulator.composition import Composition, Shows, read_shows
from firmware_bridge.simulator.dlms_meter import MeterKeys
from firmware_bridge.simulator.emission import Emission
from firmware_bridge.simulator.fault_spec import read_faults
from firmware_bridge.simulator.faults import RadioFault
from firmware_bridge.simulator.household import Household
from firmware_bridge.simulator.meters import METERS, Build, Fitting
from firmware_bridge.simulator.oracle import OracleLine, read_lines
from firmware_bridge.simulator.p1_encrypted_meter import P1EncryptedMeter
from firmware_bridge.simulator.sinks import Stopping, TcpSink
from shared.errors import OperatorError
from shared.readings import Medium
from shared.units import MS_PER_HOUR
from tests.support.faulty import SUMMER_MS, decode, decoded_keys, emissions, shown_keys

NOW_MS = SUMMER_MS + MS_PER_HOUR
BYTE_PROTOCOLS = ["dlms", "dlms-encrypted", "iec62056", "p1", "p1-encrypted", "raven", "sml"]
KEY = "000102030405060708090A0B0C0D0E0F"


def simulate(folder: Path, *options: str) -> tuple[bytes, list[OracleLine]]:
    """Run the command for a quarter of an hour into a file; return its bytes and its oracle."""
    run(
        ["--link", f"file:{folder / 'bytes'}", "--oracle", str(folder / "oracle"), "--json",
         "--history-days", "0.0104166", "--no-live", "--now-ms", str(NOW_MS), *options]
    )  # fmt: skip
    return (folder / "bytes").read_bytes(), read_lines((folder / "oracle").read_bytes())


def solar(hours: int) -> list[Emission]:
    """Return what the roof's own meter sends in some hours of a summer's day."""
    known = METERS["p1"]
    shows = Shows(frozenset(), is_solar=True)
    meter = Composition(known, shows, MeterKeys(), None).build(Fitting(3, SUMMER_MS))
    return [meter.emit(SUMMER_MS + second * 1_000) for second in range(0, hours * 3_600, 10)]


@pytest.mark.parametrize("protocol", sorted(METERS))
def test_a_hub_knows_each_protocol_that_is_simulated(protocol: str) -> None:
    """By the name that a configuration takes."""
    assert METERS[protocol].hub_protocol in CODECS


@pytest.mark.parametrize("protocol", BYTE_PROTOCOLS)
def test_a_tcp_link_carries_each_byte_protocol(protocol: str) -> None:
    """From the sink through a socket and our own link into the codec."""
    told = list(emissions("seed=0", protocol=protocol, hours=0.1))
    sink = TcpSink("127.0.0.1", 0)
    contents = [one.telegram for one in told]
    writer = threading.Thread(target=sink.send, args=(contents, lambda: False))
    writer.start()

    async def read() -> bytes:
        link = await open_tcp("127.0.0.1", sink.port)
        got = b""
        while len(got) < sum(map(len, contents)):
            got += await link.read()
        await link.close()
        return got

    got = asyncio.run(asyncio.wait_for(read(), 10))
    writer.join(5)
    sink.close()

    assert decoded_keys(decode([got], protocol)) == shown_keys(told)


def test_the_roof_has_a_meter_of_its_own() -> None:
    """Export alone: what the roof makes, under its own serial, without gas."""
    told = solar(2)
    found = decode([one.telegram for one in told])

    assert decoded_keys(found) == shown_keys(told)
    assert {one.shown[0].meter for one in told} == {"SIM-S-0003"}
    assert {len(one.shown) for one in told} == {1}
    first, last = told[0].shown[0].registers, told[-1].shown[0].registers
    assert last["import_t1_mwh"] == last["import_t2_mwh"] == last["power_import_w"] == 0
    assert last["export_t2_mwh"] - first["export_t2_mwh"] > 1_000_000


def test_the_meters_of_one_household_agree() -> None:
    """What the roof makes and what is bought, less what is exported, is what the home uses."""
    home, roof = Household(3, SUMMER_MS), solar(4)
    displays = [home.advance(one.shown[0].taken_at_ms) for one in roof]

    for before, after in pairwise(zip(displays, roof, strict=True)):
        made_w = after[1].shown[0].registers["power_export_w"]
        elapsed_ms = after[0].time_ms - before[0].time_ms
        grown = [one[1].shown[0].registers["export_t2_mwh"] // 1_000 for one in (before, after)]
        assert made_w == after[0].solar_w
        assert abs((grown[1] - grown[0]) * MS_PER_HOUR - made_w * elapsed_ms) < MS_PER_HOUR
        # The home's own use is never negative: its fridge and its standby run always.
        assert after[0].power_w + made_w > 50


def test_protocols_of_one_seed_show_one_household() -> None:
    """P1 electricity, its encrypted twin and the roof: the same registers at the same times."""
    plain = list(emissions("seed=0", hours=0.3))
    sealed = list(emissions("seed=0", hours=0.3, protocol="p1-encrypted"))

    assert [one.shown for one in plain] == [one.shown for one in sealed]
    assert all(one.telegram[:5] == b"\xdb\x08SIM" for one in sealed)


def test_an_encrypted_port_never_repeats_a_counter() -> None:
    """GCM must never seal twice under the same one."""
    meter = P1EncryptedMeter(3, SUMMER_MS, MeterKeys())

    heads = {meter.emit(SUMMER_MS + second * 1_000).telegram[:18] for second in range(60)}

    assert len(heads) == 60


@pytest.mark.parametrize("protocol", ["dlms-encrypted", "p1-encrypted"])
def test_a_meter_that_encrypts_takes_its_keys(tmp_path: Path, protocol: str) -> None:
    """With others than the ones it has by itself nothing can be read with those."""
    content, _ = simulate(tmp_path, "--protocol", protocol)
    other, lines = simulate(tmp_path, "--protocol", protocol, "--key", "11" * 16, "--auth-key", KEY)

    assert all(isinstance(one, Telegram) for one in decode([content], protocol))
    assert {one.reason for one in decode([other], protocol) if isinstance(one, Refused)} == {
        "wrong-key"
    }
    assert len(lines) > 80


def test_keys_for_a_meter_that_does_not_encrypt_are_a_mistake() -> None:
    """Whoever gives one believes that the bytes are sealed."""
    with pytest.raises(OperatorError, match="does not encrypt"):
        run(["--link", "file:/dev/null", "--protocol", "sml", "--key", KEY])


def test_only_electricity_is_shown_where_that_is_asked(tmp_path: Path) -> None:
    """The gas meter's lines and its oracle are left out."""
    content, lines = simulate(tmp_path, "--shows", "electricity")

    assert {line.medium for line in lines} == {Medium.ELECTRICITY}
    assert b"0-1:24.2.1" not in content


@pytest.mark.parametrize(
    ("text", "protocol", "expected"),
    [
        (None, "p1", Shows(frozenset({Medium.ELECTRICITY, Medium.GAS}))),
        (None, "sml", Shows(frozenset({Medium.ELECTRICITY}))),
        ("gas, electricity", "p1", Shows(frozenset({Medium.ELECTRICITY, Medium.GAS}))),
        ("solar", "p1", Shows(frozenset(), is_solar=True)),
    ],
)
def test_what_is_shown_is_read(text: str | None, protocol: str, expected: Shows) -> None:
    """By default all the protocol has, but the roof's meter only alone."""
    assert read_shows(text, protocol, METERS[protocol]) == expected


@pytest.mark.parametrize(
    ("text", "protocol", "fix"),
    [
        ("gas", "p1", "electricity or electricity,gas"),
        ("gas", "sml", "electricity"),
        ("water", "p1", "electricity or electricity,gas"),
        ("solar", "sml", "--protocol p1"),
        ("electricity,solar", "p1", "--shows solar"),
    ],
)
def test_what_cannot_be_shown_says_what_can(text: str, protocol: str, fix: str) -> None:
    """A port shows what hangs on it."""
    with pytest.raises(OperatorError) as caught:
        read_shows(text, protocol, METERS[protocol])

    assert fix in caught.value.hint


def test_the_oracle_marks_what_the_script_did(tmp_path: Path) -> None:
    """Every telegram has its line: the damaged, the doubtful and those at a wrong time too."""
    _, plain = simulate(tmp_path)
    content, lines = simulate(
        tmp_path, "--faults", "drop=1/4,glitch=export@3m,clock=+1h@10m,seed=4"
    )

    assert len(lines) == len(plain)
    damaged = [line for line in lines if line.is_damaged]
    doubtful = [line for line in lines if line.doubtful]
    off = [line for line in lines if line.clock_off_ms and not line.is_damaged]
    assert 20 < len(damaged) < 80
    assert not any(line.must_log for line in [*damaged, *off])
    assert {line.clock_off_ms for line in off} == {MS_PER_HOUR}
    assert {name for line in doubtful for name in line.doubtful} == {
        "export_t1_mwh",
        "export_t2_mwh",
    }
    assert content.count(b"/HLK5") == len(lines) // 2 - len(damaged) // 2
    assert {(one.meter, one.taken_at_ms) for one in lines} == {
        (one.meter, one.taken_at_ms) for one in plain
    }


def test_a_destroyed_telegram_leaves_the_cadence_to_the_next(tmp_path: Path) -> None:
    """Of each ten seconds the first that arrives must be logged, and the last of each half hour."""
    _, lines = simulate(tmp_path, "--faults", "drop=1/3", "--history-cadence-s", "1")

    seen = [one for one in lines if one.medium is Medium.ELECTRICITY and not one.is_damaged]
    buckets = {one.taken_at_ms // 10_000 for one in seen}
    must = [one for one in seen if one.must_log]
    assert {one.taken_at_ms // 10_000 for one in must} == buckets
    for bucket in buckets:
        first = min(one.taken_at_ms for one in seen if one.taken_at_ms // 10_000 == bucket)
        assert first in {one.taken_at_ms for one in must}


def test_a_meter_that_must_join_first_is_not_exchanged() -> None:
    """A script cannot let it into the network."""
    with pytest.raises(OperatorError, match="cannot be exchanged"):
        Composition(
            METERS["zigbee"], Shows(METERS["zigbee"].shows), MeterKeys(), read_faults("swap@1h")
        )


class RestingStick:
    """A radio sink that notes how long it was told to work, and how much to lose."""

    batch = 1

    def __init__(self) -> None:
        self.worked_s = 0.0
        self.lost_permille = -1

    def fitted(self, build: Build) -> Build:
        return build

    def wait(self, seconds: float) -> None:
        self.worked_s += seconds

    def strike(self, fault: RadioFault) -> None:
        del fault

    def lose(self, permille: int) -> None:
        self.lost_permille = permille

    def send(self, telegrams: Sequence[bytes], stopping: Stopping) -> int:
        del stopping
        return len(telegrams)

    def close(self) -> None:
        pass


def test_a_stick_is_told_how_much_to_lose() -> None:
    """In thousandths of its frames; none where the script says nothing of it."""
    stick, known = RestingStick(), METERS["zigbee"]

    told = []
    for spec in ("air=1/5", "drop=1/9"):
        Composition(known, Shows(known.shows), MeterKeys(), read_faults(spec)).around(stick)
        told.append(stick.lost_permille)

    assert told == [200, 0]


def test_a_stick_works_on_through_a_silence() -> None:
    """Its host must not take it for dead."""
    stick, known = RestingStick(), METERS["p1"]
    faults = read_faults("stall=700ms@0s")
    composition = Composition(known, Shows(known.shows), MeterKeys(), faults)
    sink = composition.around(stick)

    telegram = composition.build(Fitting(3, SUMMER_MS)).emit(SUMMER_MS).telegram
    sink.send([telegram], lambda: False)

    assert stick.worked_s == pytest.approx(0.7)


@pytest.mark.parametrize("spec", ["reset@1m", "error@1m", "air=1/5", "leave@1m+5m"])
def test_a_radios_faults_are_refused_where_there_is_none(tmp_path: Path, spec: str) -> None:
    """On a meter's own port, and where ZigBee's frames go to a file."""
    for protocol in ("p1", "zigbee"):
        with pytest.raises(OperatorError, match="only a radio") as caught:
            simulate(tmp_path, "--protocol", protocol, "--faults", spec)

        assert "--protocol zigbee" in caught.value.hint


def test_without_its_pin_a_meter_shows_whole_kilowatt_hours(tmp_path: Path) -> None:
    """What is decoded is what was displayed; a meter that has no PIN says so."""
    content, lines = simulate(tmp_path, "--protocol", "sml", "--no-pin")

    shown = [one for one in lines if one.registers]
    assert decoded_keys(decode([content], "sml")) == {
        (one.meter, one.taken_at_ms, tuple(sorted(one.registers.items()))) for one in shown
    }
    assert {name for one in shown for name in one.registers} == {"import_mwh", "export_mwh"}
    assert all(value % 1_000_000 == 0 for one in shown for value in one.registers.values())
    with pytest.raises(OperatorError, match="p1 has no PIN"):
        simulate(tmp_path, "--no-pin")


def test_a_prepaid_meter_tells_its_credit_beside_the_same_energy(tmp_path: Path) -> None:
    """What it displays is as without; a meter that could not tell a credit says so."""
    content, lines = simulate(tmp_path, "--protocol", "zigbee", "--prepaid")
    _, by_bill = simulate(tmp_path, "--protocol", "zigbee")

    told = [
        sample.registers
        for entry in ZigbeeCodec().feed(content)
        if isinstance(entry, Telegram)
        for sample in entry.samples
    ]
    assert lines == by_bill
    assert sum("credit_millionths" in registers for registers in told) == 1
    with pytest.raises(OperatorError, match="p1 tells no credit"):
        simulate(tmp_path, "--prepaid")
    with pytest.raises(OperatorError, match="--prepaid"):
        run(["--protocol", "iec62056", "--link", "pty:nowhere", "--asked", "--prepaid"])
