"""One row of the log: a sample as it is kept, its bytes and its checksum. Pure."""

import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import NamedTuple

import msgspec

from shared.errors import BadInputError

_HEAD = struct.Struct("<qqqqqq")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[int]).decode
_NO_TIME = -1
_QUALITIES = [bytes([quality]) for quality in range(256)]

MAX_REGISTERS = 128
"""Register names one database may number; the canonical table has 77."""


Instant = tuple[int, int]
"""A boot's number and its monotonic time in milliseconds: the order in which things happened."""


class LogRow(msgspec.Struct, frozen=True, gc=False):
    """A sample in the log: when it was heard, by every clock that has a say, and what it said.

    `monotonic_ms` is the hub's boot-time clock of boot number `boot`; `meter_clock_ms` what the
    meter's clock said then; `captured_at_ms` when the register was captured, where the meter says
    so (gas, water and heat meters are read by the electricity meter). None where a meter has none.
    """

    seq: int
    boot: int
    monotonic_ms: int
    meter_clock_ms: int | None
    captured_at_ms: int | None
    registers: dict[str, int]
    quality: int

    @property
    def instant(self) -> Instant:
        """When the row was heard, whatever is believed of the time."""
        return self.boot, self.monotonic_ms


class Shape(NamedTuple):
    """Which registers a sample has: how many, its body's head, and what reads their values.

    The values are in the order of the registers' numbers. Reading those of a sample that lacks one
    raises KeyError: a sample of as many registers has just these, or cannot be read.
    """

    size: int
    head: bytes
    values: Callable[[Mapping[str, int]], tuple[int, ...]]


def shape_of(names: Iterable[str], numbers: Mapping[str, int]) -> Shape:
    """Work out the shape of samples with these registers, numbered up to MAX_REGISTERS."""
    ordered = sorted(names, key=numbers.__getitem__)
    bits = sum(1 << numbers[name] for name in ordered)
    length = (bits.bit_length() + 7) // 8
    return Shape(len(ordered), bytes([length]) + bits.to_bytes(length, "little"), _getter(ordered))


def _getter(names: list[str]) -> Callable[[Mapping[str, int]], tuple[int, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda registers: tuple(registers[name] for name in names)


def decode_body(body: bytes, names: Mapping[int, str]) -> tuple[dict[str, int], int]:
    """Decode a record's body: registers and quality; raises BadInputError for a damaged one.

    A body is the head that says which registers, a byte of quality, and the values in order of the
    registers' numbers.
    """
    try:
        end = 1 + body[0]
        bits = int.from_bytes(body[1:end], "little")
        values = _decode(body[end + 1 :])
        return dict(zip(_names_of(bits, names), values, strict=True)), body[end]
    except (msgspec.MsgspecError, LookupError, ValueError) as error:
        raise BadInputError(f"row body of {len(body)} bytes: {error}") from error


def _names_of(bits: int, names: Mapping[int, str]) -> list[str]:
    return [names[number] for number in range(bits.bit_length()) if bits >> number & 1]


Record = tuple[int, int, int, int, int | None, int | None, bytes, int]
"""A row as the samples table has it, its checksum last."""


def records_of(
    log: int, rows: Iterable[LogRow], shape: Shape, new_shape: Callable[[int, Iterable[str]], Shape]
) -> list[Record]:
    """Make the records of one log's rows; `new_shape` is asked where the registers change.

    One loop without calls of our own, because it runs for every row of every commit.
    """
    pack, crc32, qualities, encode = _HEAD.pack, zlib.crc32, _QUALITIES, _encode
    size, head, values = shape
    records: list[Record] = []
    for row in rows:
        registers = row.registers
        try:
            body = head + qualities[row.quality] + encode(values(registers))
        except KeyError:
            size = -1
        if len(registers) != size:
            size, head, values = new_shape(log, registers)
            body = head + qualities[row.quality] + encode(values(registers))
        seq, boot, heard_ms = row.seq, row.boot, row.monotonic_ms
        clock_ms, captured_ms = row.meter_clock_ms, row.captured_at_ms
        fixed = pack(
            log,
            seq,
            boot,
            heard_ms,
            _NO_TIME if clock_ms is None else clock_ms,
            _NO_TIME if captured_ms is None else captured_ms,
        )
        records.append((log, seq, boot, heard_ms, clock_ms, captured_ms, body, crc32(fixed + body)))
    return records


def checksum(
    log: int,
    seq: int,
    boot: int,
    monotonic_ms: int,
    meter_clock_ms: int | None,
    captured_at_ms: int | None,
    body: bytes,
) -> int:
    """CRC-32 over the whole row: SQLite's own checks found 5 of 60 flipped bits (measured)."""
    head = _HEAD.pack(
        log,
        seq,
        boot,
        monotonic_ms,
        _NO_TIME if meter_clock_ms is None else meter_clock_ms,
        _NO_TIME if captured_at_ms is None else captured_at_ms,
    )
    return zlib.crc32(head + body)
