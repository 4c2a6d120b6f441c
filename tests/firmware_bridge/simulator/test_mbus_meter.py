"""The simulated M-Bus: its bytes say what its oracle says; its slaves keep the rules of the bus."""

import random
from datetime import UTC, datetime

import pytest

from firmware_bridge.meters.catalog import CODECS
from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.mbus import MbusCodec
from firmware_bridge.meters.mbus_frame import long_frame, short_frame
from firmware_bridge.simulator import dlms_meter
from firmware_bridge.simulator.household import LONDON
from firmware_bridge.simulator.mbus_meter import MbusMeter, bcd, telegrams
from firmware_bridge.simulator.mbus_port import Slave, Slaves
from firmware_bridge.tools.recognition import recognise
from firmware_bridge.tools.recording import Form, Recording
from shared.readings import Sample
from shared.units import MS_PER_DAY, MS_PER_HOUR
from tests.support.codecs import STREAMS
from tests.support.mbus import answer

START_MS = 1_790_000_000_000
FRAMES = [answer("0413 01000000 1f"), answer("4413 01000000")]


def utc_ms(*parts: int) -> int:
    """Return a UTC instant in milliseconds."""
    year, month, day, hour = parts
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1_000


def read(codec: MbusCodec, content: bytes) -> list[Sample]:
    """Return the samples; refuse nothing."""
    found = codec.feed(content)
    assert all(isinstance(entry, Telegram) for entry in found)
    return [s for entry in found if isinstance(entry, Telegram) for s in entry.samples]


@pytest.mark.parametrize(
    "start_ms",
    [utc_ms(2026, 3, 28, 22), utc_ms(2026, 10, 24, 22), utc_ms(2026, 6, 20, 8)],
    ids=["clocks forward", "clocks back", "midsummer"],
)
def test_oracle_equals_what_the_codec_reads_from_the_bytes(start_ms: int) -> None:
    """Meters, times and every register, though neither is made from the other."""
    codec = MbusCodec(LONDON)

    for content, lines in telegrams(11, start_ms, start_ms + 8 * MS_PER_HOUR, 30):
        decoded = [(s.meter, s.medium, s.meter_time_ms, s.registers) for s in read(codec, content)]
        assert decoded == [(s.meter, s.medium, s.taken_at_ms, s.registers) for s in lines]

    assert codec.feed(b"") == []


def test_registers_only_grow_and_every_meter_moves_in_a_day() -> None:
    """Gas, water and heat of one household."""
    seen: dict[str, list[int]] = {}

    for _, lines in telegrams(3, utc_ms(2026, 1, 10, 0), utc_ms(2026, 1, 11, 0), 300):
        for line in lines:
            seen.setdefault(line.meter, []).extend(line.registers.values())

    assert len(seen) == 3
    assert all(values == sorted(values) and values[-1] > values[0] for values in seen.values())


def test_household_begun_later_never_shows_a_lower_register() -> None:
    """A demo may be started anew in the same home."""
    early, late = MbusMeter(3, START_MS), MbusMeter(3, START_MS + MS_PER_DAY)
    instants = range(START_MS + 60_000, START_MS + MS_PER_DAY, 600_000)

    water = [early.read_water(time_ms).shown.registers["water_l"] for time_ms in instants]
    heat = [early.read_heat(time_ms).shown.registers["heat_mj"] for time_ms in instants]

    after_ms = START_MS + MS_PER_DAY + 1_000
    assert late.read_water(after_ms).shown.registers["water_l"] > water[-1]
    assert late.read_heat(after_ms).shown.registers["heat_mj"] > heat[-1]


def test_protocol_is_told_from_dlms_over_the_same_wire() -> None:
    """Both have the frames of M-Bus; the CI field and the content differ."""
    own = b"".join(raw for raw, _ in telegrams(1, START_MS, START_MS + 300_000))
    pushed = b"".join(STREAMS["dlms-mbus"].telegrams(5))
    hdlc = b"".join(raw for raw, _ in dlms_meter.telegrams(1, START_MS, START_MS + 60_000))

    best = [
        recognise([Recording(Form.RAW, content)], list(CODECS), LONDON, None)
        for content in (own, pushed, hdlc)
    ]

    assert [found.protocol for found in best if found] == ["mbus", "dlms", "dlms"]


def test_damaged_answers_are_still_recognised() -> None:
    """By what they look like."""
    draw = random.Random(1)
    frames = [bytearray(raw) for raw, _ in telegrams(1, START_MS, START_MS + 300_000)]
    for frame in frames:
        frame[draw.randrange(8, 20)] ^= 0x40

    found = recognise(
        [Recording(Form.RAW, b"".join(map(bytes, frames)))], list(CODECS), LONDON, None
    )

    assert found is not None
    assert found.protocol in ("mbus", "dlms")


def test_slave_repeats_an_answer_until_the_bit_is_turned() -> None:
    """And begins anew after a reset."""
    slaves = Slaves([Slave(5, bytes(8), lambda: FRAMES)])
    ask, turned = short_frame(0x7B, 5), short_frame(0x5B, 5)

    heard = [slaves.receive(request) for request in (ask, ask, turned, turned, ask)]

    assert heard == [FRAMES[0], FRAMES[0], FRAMES[1], FRAMES[1], FRAMES[0]]
    assert slaves.receive(short_frame(0x40, 5)) == b"\xe5"
    assert slaves.receive(turned) == FRAMES[0]


def test_two_slaves_at_once_are_not_understood() -> None:
    """At the test address, or with one number; their acknowledgements are one."""
    slaves = Slaves([Slave(n, bytes(8), lambda n=n: [answer("", address=n)]) for n in (1, 2)])  # type: ignore[misc]

    assert slaves.receive(short_frame(0x40, 254)) == b"\xe5"
    assert slaves.receive(short_frame(0x7B, 254)) not in (b"", answer(""), answer("", address=2))


def test_what_is_not_meant_for_a_slave_gets_no_answer() -> None:
    """Another address, another request, a selection by somebody else, noise."""
    slaves = Slaves([Slave(5, bytes.fromhex("7856341201020304"), lambda: FRAMES)])
    other = bytes.fromhex("11111111ffffffff")

    for request in (
        short_frame(0x7B, 6),
        short_frame(0x5A, 5),
        short_frame(0x40, 0xFD),
        long_frame(0x53, 0xFD, 0x52, other),
        long_frame(0x53, 5, 0x52, other),
        b"noise",
    ):
        assert slaves.receive(request) == b""


def test_digits_are_cut_to_the_width_of_the_display() -> None:
    """It begins again at 0."""
    assert bcd(123_456_789, 4) == bytes.fromhex("89674523")
