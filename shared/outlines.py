"""What a frame says without its samples: its place, its runs, its half hours' edges. Pure.

The ordinary frame of a meter comes in order of time, whole, with counters that do not fall. Its
edges are sums of the differences as they came over the wire, so that no sample is laid out. Any
other frame is decoded whole, which also says what is wrong with it: the outline of a frame is the
same either way.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from itertools import accumulate
from operator import or_
from typing import Annotated, Any, NamedTuple, Protocol

import msgspec

from shared.columns import MAX_QUALITY
from shared.errors import FrameError
from shared.frames import (
    MAX_SAMPLES,
    Envelope,
    Frame,
    Gap,
    check_names,
    check_shape,
    decode_body,
    inflate,
)
from shared.meterdays import Edges, SlotEdges, edges_of_each, spans_of_rising
from shared.readings import COUNTERS, REGISTERS
from shared.units import EARLIEST_PLAUSIBLE_MS, INT64_MAX, LATEST_PLAUSIBLE_MS, SLOT_MS

MAX_STEP = 2**36
"""What may fall and differs by more from sample to sample is looked at value by value."""

_VERSION = 1
_Scale = Annotated[int, msgspec.Meta(gt=0)]
_Rise = Annotated[int, msgspec.Meta(ge=0)]
_Step = Annotated[int, msgspec.Meta(ge=-MAX_STEP, le=MAX_STEP)]
_Nothing = Annotated[list[int], msgspec.Meta(max_length=0)]
_Qualities = Annotated[list[tuple[int, int]], msgspec.Meta(min_length=1, max_length=1)]
_Span = tuple[int, int, int]
"""A slot, and the places of the first and the last sample in it."""


class Outline(NamedTuple):
    """A frame without its samples; `span_ms` is None where it has none.

    `runs` gives the modulus of each counter by (register, run), `edges` its half hours. `registers`
    are all that it has; `below_zero` names a counter that is below zero somewhere, else "".
    """

    log_id: bytes
    meter: str
    revision: int
    first_seq: int
    last_seq: int
    span_ms: tuple[int, int] | None
    gaps: Sequence[Gap]
    registers: Sequence[str]
    runs: dict[tuple[str, str], int]
    edges: dict[tuple[str, str], SlotEdges]
    below_zero: str = ""


class _Steps(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """As `shared.columns.Deltas`, of one value at least: of times."""

    scale: _Scale
    first: int
    deltas: list[int]


class _Rising(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """As `_Steps`, of a counter: from zero, and never down."""

    scale: _Scale
    first: _Rise
    deltas: list[_Rise]


class _Small(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """As `_Steps`, of what may fall: in small steps."""

    scale: _Scale
    first: int
    deltas: list[_Step]


class _Column(Protocol):
    """As `shared.columns.WireColumn`, of a register that is known and that no sample lacks."""

    run: str
    modulus: int
    coded: _Rising | _Small


class _Body(Protocol):
    meter: str
    times: _Steps
    columns: list[_Column]
    qualities: list[tuple[int, int]]
    gaps: list[Gap]


def _struct(name: str, fields: list[tuple[str, Any]], tag: str | None = None) -> type[Any]:
    return msgspec.defstruct(
        name, fields, frozen=True, array_like=True, forbid_unknown_fields=True, tag=tag
    )


def _column_of(register: str) -> type[_Column]:
    """Make the type of one register's column: its name, which comes first, says how to read on.

    So the steps of a counter are seen to rise as they are read, and not once more after that.
    """
    steps = _Rising if register in COUNTERS else _Small
    fields = [("run", str), ("modulus", int), ("coded", steps), ("absent", _Nothing)]
    return _struct("_Column", fields, tag=register)


_REGISTER_OF: dict[type[_Column], str] = {_column_of(name): name for name in REGISTERS}

_decode: Callable[[bytes], _Body] = msgspec.msgpack.Decoder(
    _struct(
        "_Body",
        [
            ("meter", str),
            ("times", _Steps),
            ("columns", list[reduce(or_, _REGISTER_OF)]),  # type: ignore[misc]
            ("qualities", _Qualities),
            ("gaps", list[Gap]),
        ],
    )
).decode


def read_outline(envelope: Envelope) -> Outline:
    """Read the outline of the frame in an envelope; raises FrameError as `decode_body`."""
    if envelope.version == _VERSION:
        try:
            outline = _ordinary(envelope, _decode(inflate(envelope.body)))
        except (FrameError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            outline = None
        if outline is not None:
            return outline
    return outline_of(decode_body(envelope))


def outline_of(frame: Frame) -> Outline:
    """Draw the outline of a frame that is decoded."""
    counters = [column for column in frame.columns if column.register in COUNTERS]
    keys = [(column.register, column.run) for column in counters]
    edges = edges_of_each(frame.times_ms, [column.values for column in counters])
    return Outline(
        frame.log_id,
        frame.meter,
        frame.revision,
        frame.first_seq,
        frame.last_seq,
        frame.span_ms,
        frame.gaps,
        [column.register for column in frame.columns],
        {key: column.modulus for key, column in zip(keys, counters, strict=True)},
        dict(zip(keys, edges, strict=True)),
        next((one.register for one in counters if _is_below_zero(one.values)), ""),
    )


def _is_below_zero(values: Sequence[int | None]) -> bool:
    return any(value is not None and value < 0 for value in values)


def _ordinary(envelope: Envelope, body: _Body) -> Outline | None:
    """Draw the outline of an ordinary frame; None for any other, be it wrong or only rare."""
    count = len(body.times.deltas) + 1
    names = [_REGISTER_OF[type(column)] for column in body.columns]
    check_shape(envelope, body.meter, names, count, body.gaps)
    named = zip(names, body.columns, strict=True)
    check_names(body.meter, [(name, column.run, column.modulus) for name, column in named])
    length, quality = body.qualities[0]
    if length != count or not 0 <= quality <= MAX_QUALITY:
        return None
    times = _Times.of(body.times)
    if times is None:
        return None
    runs: dict[tuple[str, str], int] = {}
    edges: dict[tuple[str, str], SlotEdges] = {}
    for name, column in zip(names, body.columns, strict=True):
        coded = column.coded
        if len(coded.deltas) + 1 != count:
            return None
        if isinstance(coded, _Small):
            if not _is_bounded(coded):
                return None
            continue
        found = _edges(coded, times)
        if found is None:
            return None
        key = (name, column.run)
        runs[key], edges[key] = column.modulus, found
    return Outline(
        envelope.log_id,
        body.meter,
        envelope.revision,
        envelope.first_seq,
        envelope.last_seq,
        (times.ends_ms[0][0], times.ends_ms[-1][1]),
        body.gaps,
        names,
        runs,
        edges,
    )


def _is_bounded(coded: _Small) -> bool:
    """Tell whether no value can pass 64 bits, however the steps lie."""
    return (abs(coded.first) + MAX_SAMPLES * MAX_STEP) * coded.scale <= INT64_MAX


class _Times(NamedTuple):
    """The slots of rising times: their places, and the first and the last time in each."""

    spans: Sequence[_Span]
    ends_ms: Sequence[tuple[int, int]]

    @classmethod
    def of(cls, coded: _Steps) -> "_Times | None":
        """Sort times into slots; None where they do not rise, or nothing can be from then."""
        first_ms, steps = coded.first * coded.scale, coded.deltas
        if first_ms < EARLIEST_PLAUSIBLE_MS:
            return None
        if steps and steps.count(steps[0]) == len(steps):
            step_ms = steps[0] * coded.scale
            last_ms = first_ms + step_ms * len(steps)
            if step_ms <= 0 or last_ms >= LATEST_PLAUSIBLE_MS:
                return None
            spans = list(_spans_of_steps(first_ms, step_ms, len(steps)))
            ends = [(first_ms + step_ms * a, first_ms + step_ms * b) for _, a, b in spans]
            return cls(spans, ends)
        if min(steps, default=1) <= 0:
            return None
        scaled = list(accumulate(steps, initial=coded.first))
        times_ms = scaled if coded.scale == 1 else [one * coded.scale for one in scaled]
        if times_ms[-1] >= LATEST_PLAUSIBLE_MS:
            return None
        spans = spans_of_rising(times_ms)
        return cls(spans, [(times_ms[a], times_ms[b]) for _, a, b in spans])


def _spans_of_steps(first_ms: int, step_ms: int, step_count: int) -> Iterator[_Span]:
    """List the slots of times that rise evenly."""
    place = 0
    while place <= step_count:
        slot = (first_ms + step_ms * place - 1) // SLOT_MS
        last = min(((slot + 1) * SLOT_MS - first_ms) // step_ms, step_count)
        yield slot, place, last
        place = last + 1


def _edges(coded: _Rising, times: _Times) -> SlotEdges | None:
    """Add a counter's steps up to its values at the ends of each slot; None past 64 bits."""
    steps, scale, value = coded.deltas, coded.scale, coded.first
    edges: SlotEdges = {}
    for (slot, first, last), (opened_ms, closed_ms) in zip(times.spans, times.ends_ms, strict=True):
        if first:
            value += steps[first - 1]
        opening = value * scale
        value += sum(steps[first:last])
        edges[slot] = Edges(opened_ms, opening, closed_ms, value * scale)
    # It is nowhere greater than at its end.
    return edges if value * scale <= INT64_MAX else None
