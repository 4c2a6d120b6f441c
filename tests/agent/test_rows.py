"""A row's bytes come back as they were, and no damage to them goes unseen."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.rows import LogRow, Record, Shape, checksum, decode_body, records_of, shape_of
from shared.errors import BadInputError
from shared.units import INT64_MAX, INT64_MIN
from tests.support.hubs import row_at

NUMBERS = {"import_mwh": 1, "power_import_w": 2, "voltage_l1_mv": 3, "gas_l": 77}
NAMES = {number: name for name, number in NUMBERS.items()}
values = st.integers(INT64_MIN, INT64_MAX)
samples = st.dictionaries(st.sampled_from(sorted(NUMBERS)), values)


def record_of(row: LogRow, shape: Shape | None = None) -> Record:
    """Make one row's record, from a shape that may not fit it."""

    def new_shape(_log: int, names: Iterable[str]) -> Shape:
        return shape_of(names, NUMBERS)

    (record,) = records_of(1, [row], shape or new_shape(1, row.registers), new_shape)
    return record


def body_of(registers: dict[str, int], quality: int = 0, shape: Shape | None = None) -> bytes:
    """Make the body of a row with these registers."""
    row = LogRow(2, 1, 3, None, None, registers, quality)
    return record_of(row, shape)[6]


@given(samples, st.integers(0, 3))
def test_body_comes_back_as_it_was(registers: dict[str, int], quality: int) -> None:
    """Registers and quality survive encoding, whatever their values."""
    assert decode_body(body_of(registers, quality), NAMES) == (registers, quality)


def test_a_shape_does_not_depend_on_the_order_of_registers() -> None:
    """The same registers in another order are the same row."""
    registers = {"gas_l": 1, "import_mwh": 2}
    turned = dict(reversed(registers.items()))

    assert body_of(registers) == body_of(turned, shape=shape_of(registers, NUMBERS))


@pytest.mark.parametrize(
    "registers",
    [
        {"gas_l": 1, "power_import_w": 2},
        {"gas_l": 1},
        {"gas_l": 1, "import_mwh": 2, "voltage_l1_mv": 3},
    ],
    ids=["others", "fewer", "more"],
)
def test_a_sample_of_another_shape_gets_a_shape_of_its_own(registers: dict[str, int]) -> None:
    """As many registers but others, fewer, or more: nothing is dropped or mixed up."""
    unfit = shape_of(["gas_l", "import_mwh"], NUMBERS)

    assert decode_body(body_of(registers, shape=unfit), NAMES) == (registers, 0)


def test_every_changed_byte_of_a_body_changes_the_checksum() -> None:
    """CRC-32 finds any single changed byte, and so any flipped bit."""
    body = body_of({"import_mwh": 123_456_789, "power_import_w": 321})
    sound = checksum(1, 2, 3, 4, None, None, body)

    for place in range(len(body)):
        for change in range(1, 256):
            damaged = bytearray(body)
            damaged[place] ^= change

            assert checksum(1, 2, 3, 4, None, None, bytes(damaged)) != sound


@pytest.mark.parametrize("place", range(6))
def test_checksum_covers_the_whole_row(place: int) -> None:
    """Log, sequence, boot and every clock are under the checksum, not only the body."""
    head = (1, 2, 3, 4, 5, 6)
    log, seq, boot, monotonic_ms, meter_clock_ms, captured_at_ms = (
        value ^ (position == place) for position, value in enumerate(head)
    )

    changed = checksum(log, seq, boot, monotonic_ms, meter_clock_ms, captured_at_ms, b"x")

    assert changed != checksum(1, 2, 3, 4, 5, 6, b"x")


@given(samples, st.none() | values, st.none() | values)
def test_a_record_carries_the_checksum_that_reading_works_out(
    registers: dict[str, int], meter_clock_ms: int | None, captured_at_ms: int | None
) -> None:
    """What is written for a row is what its checksum is later held against."""
    row = row_at(2, 3, registers, meter_clock_ms=meter_clock_ms, captured_at_ms=captured_at_ms)

    record = record_of(row)

    assert record[-1] == checksum(*record[:-1])
    assert record[:6] == (1, 2, 1, 3, meter_clock_ms, captured_at_ms)


def test_a_missing_clock_differs_from_a_clock_at_zero() -> None:
    """None is not 0: a meter without a clock is not a meter in 1970."""
    assert checksum(1, 2, 3, 4, None, None, b"") != checksum(1, 2, 3, 4, 0, 0, b"")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x01",
        b"\x01\x02",
        b"\x01\x02\x00",
        b"\x01\x02\x00\xc1",
        b"\x01\x02\x00\x90",
        b"\x01\x02\x00\x92\x01\x02",
        b"\x01\x10\x00\x91\x01",
        b"\x01\x02\x00\x91\xa1a",
    ],
    ids=[
        "empty",
        "head cut",
        "no quality",
        "no values",
        "not msgpack",
        "too few values",
        "too many values",
        "unknown register",
        "text",
    ],
)
def test_damaged_body_is_bad_input(body: bytes) -> None:
    """Bytes that are no row raise the error that quarantines, never another."""
    with pytest.raises(BadInputError, match="row body"):
        decode_body(body, NAMES)
