"""The simulated Smart Energy network: its lines and its answers say what its oracle says."""

import struct
from datetime import UTC, datetime

import pytest

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.zigbee import ZigbeeCodec
from firmware_bridge.simulator.zigbee_air import (
    METERING,
    PRICE,
    SMART_ENERGY,
    AirFrame,
    SimulatedNetwork,
    line_of,
)
from firmware_bridge.simulator.zigbee_meter import (
    DESCRIPTION,
    ELECTRICITY_ENDPOINT,
    GAS_ENDPOINT,
    ZigbeeMeter,
    emissions,
    telegrams,
)
from shared.readings import Medium, Sample
from shared.units import MS_PER_HOUR, SLOT_MS
from tests.support.zcl_lines import reasons_of, samples_of, unknown_of

START_MS = 1_790_000_000_000 // SLOT_MS * SLOT_MS


def utc_ms(*parts: int) -> int:
    """Return a UTC instant in milliseconds."""
    year, month, day, hour = parts
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1_000


def read_frame(*ids: int) -> bytes:
    """Return a request to read attributes."""
    return b"\x00\x2a\x00" + b"".join(struct.pack("<H", one) for one in ids)


def profile_frame(channel: int, count: int = 24, end_s: int = 0) -> bytes:
    """Return a GetProfile."""
    return b"\x01\x2b\x00" + struct.pack("<BIB", channel, end_s, count)


class Asker:
    """Asks a simulated meter, and gives a codec the lines a link would."""

    def __init__(self, network: ZigbeeMeter, device: int, endpoint: int) -> None:
        self._network = network
        self._ieee = network.devices[device].ieee
        self._endpoint = endpoint

    def ask(self, request: bytes, cluster: int = METERING, profile: int = SMART_ENERGY) -> bytes:
        """Return the answer's line, empty where there is none."""
        answered = self._network.answer(self._ieee, self._endpoint, profile, cluster, request)
        if answered is None:
            return b""
        return line_of(AirFrame(self._ieee, self._endpoint, profile, cluster, answered))


def network(hours: int = 0) -> ZigbeeMeter:
    """Return a network that has reported for some hours."""
    meter = ZigbeeMeter(5, START_MS)
    for time_ms in range(START_MS + 10_000, START_MS + hours * MS_PER_HOUR + 20_000, 10_000):
        meter.report(time_ms)
    return meter


@pytest.mark.parametrize(
    "start_ms",
    [utc_ms(2026, 3, 28, 22), utc_ms(2026, 10, 24, 22), utc_ms(2026, 6, 20, 8)],
    ids=["clocks forward", "clocks back", "midsummer"],
)
def test_oracle_equals_what_the_codec_reads_from_the_lines(start_ms: int) -> None:
    """Meters, times and every register, though neither is made from the other."""
    codec = ZigbeeCodec()

    for content, lines in telegrams(11, start_ms, start_ms + 6 * MS_PER_HOUR, 10):
        found = codec.feed(content)
        decoded = [(s.meter, s.medium, s.meter_time_ms, s.registers) for s in samples_of(found)]
        assert reasons_of(found) == []
        assert decoded == [(s.meter, s.medium, s.taken_at_ms, s.registers) for s in lines]

    assert codec.feed(b"") == []


def test_every_slot_of_both_meters_is_closed_by_a_reading_that_must_be_logged() -> None:
    """Electricity on the boundary or one second late, gas with the boundary's own time."""
    lines = [one for _, some in telegrams(1, START_MS, START_MS + 6 * SLOT_MS) for one in some]

    closing = [one for one in lines if one.taken_at_ms % SLOT_MS in (0, 1_000) and one.must_log]
    media = [one.medium for one in closing]
    assert media.count(Medium.ELECTRICITY) == 6
    assert media.count(Medium.GAS) == 6


def test_gas_frame_is_past_and_comes_once_a_half_hour() -> None:
    """When the meter has woken."""
    codec = ZigbeeCodec()
    content = [one.telegram for one in emissions(2, START_MS, START_MS + 4 * SLOT_MS)]

    found = [entry for one in content for entry in codec.feed(one)]

    gas = [
        one
        for one in found
        if isinstance(one, Telegram) and one.samples[0].medium is Medium.GAS
        if one.samples[0].registers
    ]
    assert len(gas) == 4
    assert all(one.is_past for one in gas)


def test_network_is_one() -> None:
    """It has the interface that a simulated radio needs, and addresses that are its own."""
    meter = network()

    ieees = [device.ieee for device in meter.devices]
    assert isinstance(meter, SimulatedNetwork)
    assert len(set(ieees)) == len({device.nwk for device in meter.devices}) == 2
    assert all(len(ieee) == 16 and int(ieee, 16) >> 57 & 1 for ieee in ieees)


def test_answers_describe_each_meter_to_a_codec() -> None:
    """As a link asks for it; the answer has the request's transaction number."""
    meter = network()
    codec = ZigbeeCodec()
    meters = (Asker(meter, 1, ELECTRICITY_ENDPOINT), Asker(meter, 0, GAS_ENDPOINT))

    shown = [unknown_of(codec.feed(one.ask(read_frame(*DESCRIPTION)))) for one in meters]
    read = [samples_of(codec.feed(one.ask(read_frame(0x0000, 0x0007)))) for one in meters]

    assert [one["0702/0308"] for one in shown] == ["SIM-E-0005", "SIM-G-0005"]
    assert [one["0702/0306"] for one in shown] == ["0", "128"]
    assert [(s.meter, s.medium) for some in read for s in some] == [
        ("SIM-E-0005", Medium.ELECTRICITY),
        ("SIM-G-0005", Medium.GAS),
    ]
    assert meters[0].ask(read_frame(0x0000)).split()[4].startswith(b"182a01")


@pytest.mark.parametrize("both", [True, False], ids=["both directions", "delivered alone"])
def test_half_hours_asked_for_are_those_the_meter_showed(both: bool) -> None:
    """Healed registers are the oracle's on every boundary, though the codec saw none of them."""
    meter = ZigbeeMeter(7, START_MS)
    truth: dict[int, dict[str, int]] = {}
    for time_ms in range(START_MS + SLOT_MS // 2, START_MS + 9 * SLOT_MS, SLOT_MS // 2):
        shown = meter.report(time_ms).shown[0]
        if time_ms % SLOT_MS == 0:
            truth[time_ms] = shown.registers
    asker = Asker(meter, 1, ELECTRICITY_ENDPOINT)
    codec = ZigbeeCodec()
    codec.feed(asker.ask(read_frame(*DESCRIPTION)))
    for channel in (0, 1) if both else (0,):
        codec.feed(asker.ask(profile_frame(channel, 3)))
        end_s = (START_MS - 946_684_800_000 + 5 * SLOT_MS) // 1_000
        codec.feed(asker.ask(b"\x01\x2f" + profile_frame(channel, 3, end_s)[2:]))

    found = codec.feed(asker.ask(read_frame(0, 1, 7, 0x0405, 0x0406, 0x0407, 0x0408)))

    past = [one.samples[0] for one in found if isinstance(one, Telegram) and one.is_past]
    names = ("import_mwh", "export_mwh") if both else ("import_mwh",)
    assert [(s.meter_time_ms, s.registers) for s in past] == [
        (time_ms, {name: truth[time_ms][name] for name in names})
        for time_ms in range(START_MS + 2 * SLOT_MS, START_MS + 9 * SLOT_MS, SLOT_MS)
    ]


def test_gas_half_hours_are_healed_too() -> None:
    """From the mirror, whose reading lies on the boundary itself."""
    meter = network(hours=3)
    asker = Asker(meter, 0, GAS_ENDPOINT)
    codec = ZigbeeCodec()

    found = codec.feed(asker.ask(read_frame(*DESCRIPTION)))
    found += codec.feed(asker.ask(profile_frame(0)))
    found += codec.feed(asker.ask(read_frame(0, 7)))

    times = [sample.meter_time_ms for sample in samples_of(found)]
    assert times == [START_MS + n * SLOT_MS for n in range(7)]


def test_what_the_meter_does_not_keep_is_refused_by_status() -> None:
    """A channel there is not, and a time before the first half hour."""
    asker = Asker(network(hours=1), 0, GAS_ENDPOINT)
    codec = ZigbeeCodec()

    received = unknown_of(codec.feed(asker.ask(profile_frame(1))))
    early = unknown_of(codec.feed(asker.ask(profile_frame(0, end_s=1))))

    assert received["GetProfileResponse.Status"] == "1"
    assert early["GetProfileResponse.Status"] == "5"


def test_meter_that_has_passed_no_half_hour_keeps_none() -> None:
    """It was fitted a minute ago, between two of them."""
    meter = ZigbeeMeter(1, START_MS + 60_000)
    asker = Asker(meter, 1, ELECTRICITY_ENDPOINT)
    codec = ZigbeeCodec()

    told = unknown_of(codec.feed(asker.ask(profile_frame(0))))

    assert told["GetProfileResponse.Status"] == "5"
    assert 0x0405 not in meter.read_attributes(meter.devices[1].ieee, 1, METERING, (0x0405,))


def test_price_and_message_are_answered() -> None:
    """As they are sent by themselves now and then."""
    asker = Asker(network(), 1, ELECTRICITY_ENDPOINT)
    codec = ZigbeeCodec()
    codec.feed(asker.ask(read_frame(*DESCRIPTION)))

    price = codec.feed(asker.ask(b"\x01\x01\x00\x01", PRICE))
    message = codec.feed(asker.ask(b"\x01\x01\x00", 0x0703))
    supplier = codec.feed(asker.ask(read_frame(0x0101), 0x0708))

    assert int(unknown_of(price)["PublishPrice.Price"]) > 0
    assert isinstance(message[0], Telegram)
    assert message[0].texts
    assert unknown_of(supplier) == {"0708/0101": "SIMULATED ENERGY"}


@pytest.mark.parametrize(
    ("request_", "cluster", "expected"),
    [
        (b"\x00\x05\x06" + bytes(8), METERING, "18050700"),
        (b"\x00\x05\x02\x00\x00\x20\x01", METERING, "1805048800 00"),
        (b"\x00\x05\x0c", METERING, "18050b0c82"),
        (b"\x01\x05\x07", METERING, "18050b0781"),
        (read_frame(0), 0x0402, "182a0b00c3"),
        (read_frame(0x0999), METERING, "182a01990986"),
        (b"\x00\x05\x0b\x0a\x00", METERING, ""),
        (b"\x08\x05\x01", METERING, ""),
        (b"\x04\x15\x10\x05\x00", METERING, ""),
        (b"\x00\x05", METERING, ""),
    ],
    ids=["configure", "write", "discover", "command", "cluster", "attribute", "default", "answer",
         "maker's", "short"],
)  # fmt: skip
def test_etiquette_of_the_zcl_is_kept(request_: bytes, cluster: int, expected: str) -> None:
    """What there is not is denied as the ZCL has it; what asks for nothing is not answered."""
    line = Asker(network(), 1, ELECTRICITY_ENDPOINT).ask(request_, cluster)

    assert (line.split()[4].decode() if line else "") == expected.replace(" ", "")


def test_nobody_answers_for_a_stranger() -> None:
    """Another profile, an endpoint there is not, an address there is not."""
    meter = network()
    ieee = meter.devices[1].ieee

    assert meter.answer(ieee, 1, 0x0104, METERING, read_frame(0)) is None
    assert meter.answer(ieee, 9, SMART_ENERGY, METERING, read_frame(0)) is None
    assert meter.answer("0" * 16, 1, SMART_ENERGY, METERING, read_frame(0)) is None
    assert meter.read_attributes("0" * 16, 1, METERING, (0,)) == {}


def test_network_shows_what_it_is_asked_to() -> None:
    """A home with its gas read elsewhere has no mirror."""
    meter = ZigbeeMeter(1, START_MS, frozenset({Medium.ELECTRICITY}))
    gas = ZigbeeMeter(1, START_MS, frozenset({Medium.GAS}))

    emitted, mirrored = meter.emit(START_MS + 10_000), gas.emit(START_MS + 10_000)

    assert [shown.medium for shown in emitted.shown] == [Medium.ELECTRICITY]
    assert [shown.medium for shown in mirrored.shown] == [Medium.GAS]
    assert [endpoint.number for endpoint in meter.devices[0].endpoints] == [1]
    assert len(gas.devices) == 1


def test_hub_tells_the_time() -> None:
    """Of its own, in UTC."""
    meter = network()
    codec = ZigbeeCodec()

    found = codec.feed(Asker(meter, 0, 1).ask(read_frame(0x0000), 0x000A))

    assert isinstance(found[0], Telegram)
    assert found[0].samples[0] == Sample(
        f"zb-{meter.devices[0].ieee}-01",
        Medium.ELECTRICITY,
        None,
        {},
        unknown={"000a/0000": str((START_MS + 10_000 - 946_684_800_000) // 1_000)},
    )


def test_what_is_shown_on_each_half_hour_is_kept() -> None:
    """So that what a hub heals can be held against it: energy and gas, whoever is shown."""
    both = ZigbeeMeter(5, START_MS)
    alone = ZigbeeMeter(5, START_MS, frozenset({Medium.ELECTRICITY}))
    instants = range(START_MS + 700_000, START_MS + 3 * SLOT_MS, 700_000)

    kept = [one for time_ms in instants for one in both.report(time_ms).kept]
    kept_alone = [one for time_ms in instants for one in alone.emit(time_ms).kept]

    boundaries = [START_MS + place * SLOT_MS for place in range(3)]
    energy = [one for one in kept if one.medium is Medium.ELECTRICITY]
    gas = [one for one in kept if one.medium is Medium.GAS]
    assert [one.taken_at_ms for one in energy] == boundaries
    assert [one.taken_at_ms for one in gas] == boundaries
    assert {tuple(one.registers) for one in energy} == {("import_mwh", "export_mwh")}
    assert [one.taken_at_ms for one in kept_alone] == boundaries
