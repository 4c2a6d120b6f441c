"""A redacted capture says nothing of whose it is, and decodes like the original."""

from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.iec62056 import Iec62056Codec
from firmware_bridge.meters.p1 import P1Codec
from firmware_bridge.simulator.iec62056_meter import Iec62056Meter
from firmware_bridge.simulator.p1_meter import P1Meter
from firmware_bridge.tools.redaction import MARGIN_BYTES, MAX_BLOCK_BYTES, Redactor

LONDON = ZoneInfo("Europe/London")
START_MS = 1_790_000_000_000
SALT = b"a salt of a test"


def telegrams(count: int) -> bytes:
    """Make some telegrams of one household."""
    meter = P1Meter(1, START_MS)
    return b"".join(meter.emit(START_MS + second * 1_000).telegram for second in range(count))


def redact(content: bytes, *, step: int = 100_000, salt: bytes = SALT) -> bytes:
    """Redact bytes that come in pieces."""
    redactor = Redactor(salt)
    pieces = [content[start : start + step] for start in range(0, len(content), step)]
    return b"".join(redactor.feed(piece) for piece in pieces) + redactor.finish()


def samples_of(content: bytes) -> list[tuple[str, dict[str, int]]]:
    """Decode, letting no refusal pass."""
    found = P1Codec(LONDON).feed(content)
    assert all(isinstance(one, Telegram) for one in found)
    return [
        (sample.meter, sample.registers)
        for one in found
        if isinstance(one, Telegram)
        for sample in one.samples
    ]


def test_serials_are_gone_and_values_stay() -> None:
    """Plain and in hexadecimal, of the meter and of its sub-meter, with a right checksum."""
    original = telegrams(3)

    redacted = redact(original)

    assert b"SIM-E-0001".hex().upper().encode() not in redacted
    before, after = samples_of(original), samples_of(redacted)
    assert [registers for _, registers in after] == [registers for _, registers in before]
    assert {meter for meter, _ in before}.isdisjoint(meter for meter, _ in after)
    assert len({meter for meter, _ in after}) == 2
    assert len(redacted) == len(original)


@given(step=st.integers(1, 900))
def test_result_does_not_depend_on_how_bytes_come(step: int) -> None:
    """A serial split between two reads is found too."""
    content = telegrams(2)

    assert redact(content, step=step) == redact(content)


def test_another_capture_gives_other_names() -> None:
    """So that a serial cannot be found by trying them all."""
    content = telegrams(1)

    assert redact(content) != redact(content, salt=b"another")


def test_messages_supply_points_and_bare_codes_are_replaced() -> None:
    """In telegrams without a checksum, and in readouts without value groups."""
    content = (
        b"/XYZ5\r\n\r\n0-0:96.1.4(50217)\r\n0-0:96.1.2(353431343430303132)\r\n"
        b"0-0:96.13.0(48656C6C6F)\r\n0-0:96.13.1(your bill)\r\n0.0.0(12345678)\r\n"
        b"0-1:96.1.1*255(SECRET-9)\r\n1-0:1.8.0(000123.456*kWh)\r\n!\r\n"
    )

    redacted = redact(content)

    for secret in (b"353431343430303132", b"48656C6C6F", b"your bill", b"12345678", b"SECRET-9"):
        assert secret not in redacted
    assert b"96.1.4(50217)" in redacted
    assert b"000123.456*kWh" in redacted


@given(step=st.integers(1, 400))
def test_readout_keeps_a_right_check_character(step: int) -> None:
    """Of a meter that was asked."""
    meter = Iec62056Meter(1, START_MS, checked=True)
    content = b"".join(meter.emit(START_MS + second * 1_000).telegram for second in range(2))

    redacted = redact(content, step=step)

    found = Iec62056Codec(LONDON).feed(redacted)
    assert b"SIM-I-0001" not in redacted
    assert [type(one) for one in found] == [Telegram, Telegram]
    assert (
        len({sample.meter for one in found if isinstance(one, Telegram) for sample in one.samples})
        == 1
    )


def test_damaged_readout_stays_damaged() -> None:
    """Its check character is not mended."""
    content = Iec62056Meter(1, START_MS, checked=True).emit(START_MS).telegram
    damaged = content.replace(b"*kWh", b"*kWx", 1)

    assert redact(damaged)[-1:] == damaged[-1:]


def test_wrong_checksum_stays_wrong() -> None:
    """A damaged telegram must not look whole."""
    content = telegrams(1)[:-6] + b"0000\r\n"

    assert redact(content).endswith(b"!0000\r\n")


def test_serial_that_is_cut_off_is_gone_too() -> None:
    """The last line of a capture may end anywhere."""
    assert redact(b"/XYZ5\r\n\r\n0-0:96.1.1(4530303") == b"/XYZ5\r\n\r\n0-0:96.1.1(......."


def test_bytes_without_text_pass_in_blocks() -> None:
    """Nothing waits for an end that never comes."""
    content = bytes(range(1, 10)) * 8_000
    redactor = Redactor(SALT)

    passed = redactor.feed(content)

    assert len(content) - len(passed) <= MAX_BLOCK_BYTES + MARGIN_BYTES
    assert passed + redactor.finish() == content
    assert redactor.replaced == 0
    assert not redactor.protocol


def test_nothing_is_given_back_before_the_protocol_is_known() -> None:
    """A serial may stand in the very first bytes."""
    content = telegrams(2)
    redactor = Redactor(SALT)

    first = redactor.feed(content[:200])
    rest = redactor.feed(content[200:]) + redactor.finish()

    assert first == b""
    assert redactor.protocol == "p1"
    assert len(rest) == len(content)


@given(step=st.integers(1, 400))
def test_seven_bits_read_with_eight_keep_their_parity(step: int) -> None:
    """A serial is found under the parity, and what stands for it has the right one."""
    plain = Iec62056Meter(1, START_MS, checked=True).emit(START_MS).telegram
    content = bytes(byte | 0x80 if byte.bit_count() % 2 else byte for byte in plain)

    redacted = redact(content, step=step)

    assert all(byte.bit_count() % 2 == 0 for byte in redacted)
    assert b"SIM-I-0001" not in bytes(byte & 0x7F for byte in redacted)
    assert [type(one) for one in Iec62056Codec(LONDON).feed(redacted)] == [Telegram]


def test_heat_meters_own_numbers_are_replaced() -> None:
    """Several data sets stand on one of its lines."""
    redacted = redact(b"/LUGCUH50\r\n\r\n6.8(0061.556*MWh)6.26(02472.81*m3)9.21(66153690)\r\n!\r\n")

    assert b"66153690" not in redacted
    assert b"6.8(0061.556*MWh)" in redacted
