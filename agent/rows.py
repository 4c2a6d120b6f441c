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
"""Register names one database may number: the canonical table has about ninety."""


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


class Shape(NamedTuple):
    """Which registers a sample has: how many, its body's head, and what reads their values.

    The values are in the order of the registers' numbers. Reading those of a sample that lacks one
    raises KeyError, so that a sample of as many registers has either just these or fails to be read.
    """

    size: int
    head: bytes
    values: Callable[[Mapping[str, int]], tuple[int, ...]]


def shape_of(names: Iterable[str], numbers: Mapping[str, int]) -> Shape:
    """Work out the shape of samples with these registers, numbered from 0 to MAX_REGISTERS - 1."""
    ordered = sorted(names, key=numbers.__getitem__)
    bits = sum(1 << numbers[name] for name in ordered)
    length = (bits.bit_length() + 7) // 8
    return Shape(len(ordered), bytes([length]) + bits.to_bytes(length, "little"), _getter(ordered))


def _getter(names: list[str]) -> Callable[[Mapping[str, int]], tuple[int, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda registers: tuple(registers[name] for name in names)


def encode_body(registers: Mapping[str, int], quality: int, shape: Shape) -> bytes:
    """Encode what a sample said: which registers, the quality, and their values."""
    return shape.head + _QUALITIES[quality] + _encode(shape.values(registers))


def decode_body(body: bytes, names: Mapping[int, str]) -> tuple[dict[str, int], int]:
    """Decode `encode_body`: registers and quality; raises BadInputError for a damaged body."""
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


def record_of(log: int, row: LogRow, shape: Shape) -> Record:
    """Make a row's record; one function, because it runs for every row of every commit."""
    boot, monotonic_ms = row.boot, row.monotonic_ms
    meter_clock_ms, captured_at_ms = row.meter_clock_ms, row.captured_at_ms
    body = encode_body(row.registers, row.quality, shape)
    head = _HEAD.pack(
        log,
        row.seq,
        boot,
        monotonic_ms,
        _NO_TIME if meter_clock_ms is None else meter_clock_ms,
        _NO_TIME if captured_at_ms is None else captured_at_ms,
    )
    return (
        log,
        row.seq,
        boot,
        monotonic_ms,
        meter_clock_ms,
        captured_at_ms,
        body,
        zlib.crc32(head + body),
    )


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
