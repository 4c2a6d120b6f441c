"""Half hours that go on where packed ones end: put behind them without unpacking any. Pure.

Nearly every frame that comes closes a register's newest half hour anew, or begins the next. All
before it stays as it was packed: what is told of the end (where the register stood, when) is read
from the columns, and the columns are written again from their last value on. Anything else (a half
hour before the last, the growth of a stretch's only one) is `None`, and left to those who unpack.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from cloud.climbs import last_closing
from cloud.packing import (
    BITS_OF_DIGIT,
    Coded,
    Columns,
    Digits,
    code_column,
    decode_column,
    encode,
    read_columns,
    width_of,
)
from shared.meterdays import Edges, SlotEdges, join
from shared.ranges import Range
from shared.units import SLOT_MS


def extend(packed: bytes, more: SlotEdges) -> tuple[bytes, list[Range]] | None:
    """Join edges into packed ones where none lies before the last of those; else None.

    Returns what is packed then, and the slots whose usage may differ since: those that changed, as
    far as the known ones beside them. What is packed unpacks to the same as if it had been
    unpacked, joined and packed again; a column may stay wider than its values need by now.
    """
    columns = read_columns(packed)
    if not columns.count or not more:
        return None
    slots = sorted(more)
    last = _slot_at(columns, columns.count - 1)
    if slots[0] < last:
        return None
    known = _last_edges(columns, last)
    joined = join(known, more[last]) if slots[0] == last else known
    new = slots[1:] if slots[0] == last else slots
    if joined == known and not new:
        return packed, []
    left = last
    if joined != known:
        if columns.count == 1:
            return None
        left = _slot_at(columns, columns.count - 2)
    tail = [(last, joined), *((slot, more[slot]) for slot in new)]
    return encode(_with_tail(columns, tail, joined.opening - known.opening)), [(left, slots[-1])]


def _slot_at(columns: Columns, place: int) -> int:
    return columns.first + place + _value_at(columns.skipped, columns.count, place)


def _last_edges(columns: Columns, slot: int) -> Edges:
    place, count = columns.count - 1, columns.count
    closing = last_closing(columns)
    return Edges(
        slot * SLOT_MS + _value_at(columns.after_start_ms, count, place),
        closing - _value_at(columns.used, count, place),
        (slot + 1) * SLOT_MS - _value_at(columns.before_end_ms, count, place),
        closing,
    )


def _with_tail(columns: Columns, tail: Sequence[tuple[int, Edges]], later: int) -> Columns:
    """Put slots in the place of the last one, the first of which opens by so much later."""
    kept, first = columns.count - 1, columns.first
    rises = [_value_at(columns.rises, kept, kept - 1) + later] if kept else []
    rises += [here.opening - before.closing for (_, before), (_, here) in pairwise(tail)]
    return Columns(
        kept + len(tail),
        first,
        columns.opening,
        _retail(
            columns.skipped, kept, [slot - first - n for n, (slot, _) in enumerate(tail, kept)]
        ),
        _retail(columns.after_start_ms, kept, [one.opening_at_ms - n * SLOT_MS for n, one in tail]),
        _retail(
            columns.before_end_ms, kept, [(n + 1) * SLOT_MS - one.closing_at_ms for n, one in tail]
        ),
        _retail(columns.used, kept, [one.closing - one.opening for _, one in tail]),
        _retail(columns.rises, max(kept - 1, 0), rises),
    )


def _retail(coded: Coded, kept: int, tail: Sequence[int]) -> Coded:
    """Write a column of `kept` values and one again, with a tail in the place of that one."""
    if isinstance(coded, int):
        return _after_same(coded, kept, tail)
    least, scale, numbers = coded.least, coded.scale, coded.numbers
    width = width_of(len(numbers), kept + 1)
    whole, half = divmod(kept * width, 2)
    found = _digits(tail, least, scale, width)
    if (found is None or not found.strip("0")) and _is_nothing(numbers, whole, half):
        return _after_same(least, kept, tail)
    if found is None:
        return code_column([*decode_column(coded, kept + 1)[:kept], *tail])
    digits = numbers[whole : whole + half].hex()[:half] + found
    return Digits(least, scale, numbers[:whole] + _bytes_of(digits))


def _is_nothing(numbers: bytes, whole: int, half: int) -> bool:
    """Tell whether so many bytes, and half of the next, are zero."""
    return numbers.count(0, 0, whole) == whole and not (half and numbers[whole] >> BITS_OF_DIGIT)


def _after_same(value: int, kept: int, tail: Sequence[int]) -> Coded:
    """Write a column of `kept` times the same and a tail, which is seldom below that."""
    if tail.count(value) == len(tail):
        return value
    above = [one - value for one in tail]
    if min(above) < 0 or not kept:
        return code_column([*[value] * kept, *tail])
    scale = math.gcd(*above)
    width = ((max(above) // scale).bit_length() + 3) // 4
    return Digits(
        value, scale, _bytes_of("0" * (kept * width) + (_digits(tail, value, scale, width) or ""))
    )


def _digits(values: Sequence[int], least: int, scale: int, width: int) -> str | None:
    """Write values as a column has its own; None where one does not fit."""
    found = ""
    for value in values:
        number, rest = divmod(value - least, scale)
        if rest or number < 0 or number >> BITS_OF_DIGIT * width:
            return None
        found += f"{number:0{width}x}"
    return found


def _bytes_of(digits: str) -> bytes:
    return bytes.fromhex(digits + "0" * (len(digits) % 2))


def _value_at(coded: Coded, count: int, place: int) -> int:
    if isinstance(coded, int):
        return coded
    width = width_of(len(coded.numbers), count)
    whole, half = divmod(place * width, 2)
    digits = coded.numbers[whole : whole + width // 2 + 1].hex()[half : half + width]
    return coded.least + coded.scale * int(digits, 16)
