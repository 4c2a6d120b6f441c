"""How the cloud keeps half hours: five columns, each as wide as its values need. Pure.

A half hour takes what differs in it: the times of a meter that is read regularly come to nothing,
a register that counts watt-hours takes two or three half bytes. (A hub's own days are
`shared.meterdays.pack_day`, which the program before it must be able to read.)
"""

import math
import struct
from collections.abc import Mapping, Sequence
from itertools import accumulate, repeat
from operator import add, sub

import msgspec

from shared.meterdays import Edges, SlotEdges
from shared.units import SLOT_MS

WORD_DIGITS = 16
"""A 64-bit word in hexadecimal: what no difference of two values passes."""

BITS_OF_DIGIT = 4


class Digits(msgspec.Struct, frozen=True, array_like=True):
    """Values as `least` plus `scale` times a number; the numbers follow one another in half bytes.

    Each takes as many as the greatest.
    """

    least: int
    scale: int
    numbers: bytes


Coded = int | Digits
"""A column; an integer where all its values are the same."""


class Columns(msgspec.Struct, frozen=True, array_like=True):
    """What is packed; by `Edges`, in order of slot, but for two columns.

    `skipped` are the unknown slots before each; `rises` are from each closing to the next opening.
    """

    count: int
    first: int
    opening: int
    skipped: Coded
    after_start_ms: Coded
    before_end_ms: Coded
    used: Coded
    rises: Coded


encode = msgspec.msgpack.Encoder().encode
"""Writes columns, each coded."""

read_columns = msgspec.msgpack.Decoder(Columns).decode
"""Reads the columns of packed slots, each still coded."""

NO_SLOTS = encode(Columns(0, 0, 0, 0, 0, 0, 0, 0))
"""What is packed where nothing is known."""


def pack_slots(edges: Mapping[int, Edges]) -> bytes:
    """Pack the edges of slots, few or many; there may be none."""
    if not edges:
        return NO_SLOTS
    slots = sorted(edges)
    opened_ms, openings, closed_ms, closings = zip(*map(edges.__getitem__, slots), strict=True)
    starts_ms = [slot * SLOT_MS for slot in slots]
    return encode(
        Columns(
            len(slots),
            slots[0],
            openings[0],
            code_column([slot - place for place, slot in enumerate(slots, slots[0])]),
            code_column(list(map(sub, opened_ms, starts_ms))),
            code_column(list(map(sub, map(add, starts_ms, repeat(SLOT_MS)), closed_ms))),
            code_column(list(map(sub, closings, openings))),
            code_column(list(map(sub, openings[1:], closings))),
        )
    )


def unpack_slots(packed: bytes) -> SlotEdges:
    """Unpack what `pack_slots` packed."""
    found = read_columns(packed)
    count = found.count
    if not count:
        return {}
    in_row = range(found.first, found.first + count)
    slots = list(map(add, in_row, decode_column(found.skipped, count)))
    starts_ms = [slot * SLOT_MS for slot in slots]
    used = decode_column(found.used, count)
    rises = decode_column(found.rises, count - 1)
    openings = list(accumulate(map(add, used, rises), initial=found.opening))
    before_end_ms = map(sub, repeat(SLOT_MS), decode_column(found.before_end_ms, count))
    columns = (
        map(add, starts_ms, decode_column(found.after_start_ms, count)),
        openings,
        map(add, starts_ms, before_end_ms),
        map(add, openings, used),
    )
    return dict(zip(slots, map(Edges._make, zip(*columns, strict=True)), strict=True))


def code_column(values: Sequence[int]) -> Coded:
    """Code the values of a column."""
    least, greatest = min(values, default=0), max(values, default=0)
    if least == greatest:
        return least
    above = [value - least for value in values]
    scale = math.gcd(*above)
    if scale != 1:
        above = [value // scale for value in above]
    width = (((greatest - least) // scale).bit_length() + 3) // 4
    words = struct.pack(f">{len(above)}Q", *above).hex().encode()
    size = width * len(above)
    digits = bytearray(b"0" * (size + size % 2))
    for place in range(width):
        digits[place:size:width] = words[WORD_DIGITS - width + place :: WORD_DIGITS]
    return Digits(least, scale, bytes.fromhex(digits.decode()))


def decode_column(
    coded: Coded, count: int, start: int = 0, stop: int | None = None
) -> Sequence[int]:
    """Read the values of a column of so many, or those from `start` to before `stop` alone."""
    stop = count if stop is None else stop
    if isinstance(coded, int):
        return [coded] * (stop - start)
    digits = coded.numbers.hex().encode()
    width = width_of(len(coded.numbers), count)
    digits, count = digits[start * width : stop * width], stop - start
    words = bytearray(b"0" * (WORD_DIGITS * count))
    for place in range(width):
        words[WORD_DIGITS - width + place :: WORD_DIGITS] = digits[place : width * count : width]
    numbers = struct.unpack(f">{count}Q", bytes.fromhex(words.decode()))
    least, scale = coded.least, coded.scale
    if scale == 1:
        return [least + number for number in numbers] if least else numbers
    return [least + scale * number for number in numbers]


def width_of(size: int, count: int) -> int:
    """Tell how many half bytes each of `count` values takes in a column of so many bytes.

    Half a byte may be left over, and never as much as a number of each value.
    """
    return 2 * size // count
