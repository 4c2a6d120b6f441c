"""Frame v1: a run of one log's samples, columnar, delta-coded, deflated (docs/reference/frame.md).

A frame covers its range of sequences wholly: with samples, and with gaps that say why not.
Pure: bytes to `Frame` and back; every limit is checked before memory is spent.
"""

import enum
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import msgspec

from shared.columns import (
    Deltas,
    WireColumn,
    columns_of,
    from_deltas,
    from_run_lengths,
    from_wire,
    to_deltas,
    to_run_lengths,
    to_wire,
)
from shared.errors import FrameError
from shared.readings import MAX_METER_ID_CHARS, MAX_REGISTERS_PER_SAMPLE, StampedSample
from shared.units import EARLIEST_PLAUSIBLE_MS, INT64_MAX, LATEST_PLAUSIBLE_MS

FRAME_VERSION = 1
"""The version that `encode_frame` writes; `DECODERS` names all that can be read."""

LOG_ID_BYTES = 16

MAX_FRAME_BYTES = 128 * 1024
"""AWS IoT Core's largest MQTT payload."""

MAX_INFLATED_BYTES = 1 << 20
"""Eight times the largest payload: a frame of ordinary columns deflates three to one."""

MAX_SAMPLES = 8_640
"""One day at a sample every ten seconds."""

MAX_GAPS = 1_024
MAX_SEQ = 2**53 - 1
"""The largest integer JSON carries exactly: sequences travel in receipts as JSON."""

MAX_RUN_CHARS = 64
COMPRESSION_LEVEL = 3
"""Within 5 % of the smallest on differences of a household, at a third of the time (measured)."""


class GapKind(enum.StrEnum):
    """Why a frame holds no samples for a part of its range."""

    WITHHELD = "withheld"
    """The household's consent does not let them leave the hub."""
    THINNED = "thinned"
    """Given up to make room, oldest detail first."""
    DAMAGED = "damaged"
    """Their rows failed their checksum."""
    UNTIMED = "untimed"
    """Nobody knows when they were taken, nor ever will."""


class Gap(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A part of a frame's range, both ends included, that holds no samples."""

    kind: GapKind
    first_seq: int
    last_seq: int


class Column(msgspec.Struct, frozen=True):
    """One register of every sample in a frame; None where a sample lacks it.

    `run` names the register run ("" is the meter's first); `modulus` is the span of the register
    once it has wrapped, else 0.
    """

    register: str
    run: str
    modulus: int
    values: list[int | None]


class Frame(msgspec.Struct, frozen=True, dict=True):
    """A decoded frame: `times_ms[i]` and every column's `values[i]` belong to `sequences()[i]`."""

    log_id: bytes
    meter: str
    revision: int
    first_seq: int
    last_seq: int
    times_ms: list[int]
    columns: list[Column]
    qualities: list[int]
    gaps: list[Gap] = []

    @cached_property
    def span_ms(self) -> tuple[int, int] | None:
        """The least and the greatest time; None where there is no sample."""
        return (min(self.times_ms), max(self.times_ms)) if self.times_ms else None

    def sequences(self) -> list[int]:
        """List the sequence of each sample: the range without its gaps."""
        if not self.gaps:
            return list(range(self.first_seq, self.last_seq + 1))
        sequences: list[int] = []
        start = self.first_seq
        for gap in self.gaps:
            sequences.extend(range(start, gap.first_seq))
            start = gap.last_seq + 1
        sequences.extend(range(start, self.last_seq + 1))
        return sequences

    def samples(self) -> Iterator[StampedSample]:
        """Yield the samples one by one, in the order of their sequences."""
        for place, seq in enumerate(self.sequences()):
            registers = {
                column.register: value
                for column in self.columns
                if (value := column.values[place]) is not None
            }
            yield StampedSample(seq, self.times_ms[place], registers, self.qualities[place])


class Envelope(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The outer array, whose first five fields mean the same in every version.

    `body` is empty where a later version has something else in its place.
    """

    version: int
    log_id: bytes
    revision: int
    first_seq: int
    last_seq: int
    body: bytes


class _Head(msgspec.Struct, frozen=True, array_like=True):
    """The fields of every version; what a later one has after them is passed over."""

    version: int
    log_id: bytes
    revision: int
    first_seq: int
    last_seq: int


class _Body(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    meter: str
    times: Deltas
    columns: list[WireColumn]
    qualities: list[tuple[int, int]]
    gaps: list[Gap]


_encode = msgspec.msgpack.Encoder().encode
_decode_envelope = msgspec.msgpack.Decoder(Envelope).decode
_decode_head = msgspec.msgpack.Decoder(_Head).decode
_decode_body = msgspec.msgpack.Decoder(_Body).decode

_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on hostile bytes: text that is not UTF-8 and deep nesting have their own."""


def frame_of(
    log_id: bytes,
    meter: str,
    revision: int,
    samples: Sequence[StampedSample],
    *,
    runs: dict[str, tuple[str, int]] | None = None,
    gaps: Sequence[Gap] = (),
) -> Frame:
    """Build a frame from samples in order of sequence and the gaps between them.

    `runs` gives (run, modulus) for the registers that are not in their first run or have wrapped.
    """
    ends = [seq for gap in gaps for seq in (gap.first_seq, gap.last_seq)]
    if samples:
        ends += [samples[0].seq, samples[-1].seq]
    columns = [
        Column(name, *(runs or {}).get(name, ("", 0)), list(values))
        for name, values in columns_of([sample.registers for sample in samples]).items()
    ]
    return Frame(
        log_id=log_id,
        meter=meter,
        revision=revision,
        first_seq=min(ends),
        last_seq=max(ends),
        times_ms=[sample.taken_at_ms for sample in samples],
        columns=columns,
        qualities=[sample.quality for sample in samples],
        gaps=list(gaps),
    )


def encode_frame(frame: Frame) -> bytes:
    """Encode a frame as it goes over the wire.

    Raises FrameError where the frame is larger than the limits or does not cover its range; that
    its times and values are in bounds is the log's word, and checked by whoever decodes it.
    """
    _check_frame(frame)
    body = _Body(
        meter=frame.meter,
        times=to_deltas(frame.times_ms),
        columns=[to_wire(c.register, c.run, c.modulus, c.values) for c in frame.columns],
        qualities=to_run_lengths(frame.qualities),
        gaps=frame.gaps,
    )
    try:
        packed = _encode(body)
    except OverflowError as error:
        raise FrameError("bad-value", f"two values in a row differ too much: {error}") from error
    if len(packed) > MAX_INFLATED_BYTES:
        raise FrameError("too-large", f"body of {len(packed)} bytes", hint="frame fewer samples")
    payload = _encode(
        Envelope(
            FRAME_VERSION,
            frame.log_id,
            frame.revision,
            frame.first_seq,
            frame.last_seq,
            zlib.compress(packed, COMPRESSION_LEVEL),
        )
    )
    if len(payload) > MAX_FRAME_BYTES:
        raise FrameError("too-large", f"frame of {len(payload)} bytes", hint="frame fewer samples")
    return payload


def read_envelope(payload: bytes) -> Envelope:
    """Read what every version of a frame says in the clear: version, log, revision and range."""
    if len(payload) > MAX_FRAME_BYTES:
        raise FrameError("too-large", f"{len(payload)} bytes; the limit is {MAX_FRAME_BYTES}")
    envelope = _unpack_envelope(payload)
    if envelope.version < FRAME_VERSION:
        raise FrameError("not-a-frame", f"version {envelope.version} never was")
    if len(envelope.log_id) != LOG_ID_BYTES:
        raise FrameError("not-a-frame", f"log id of {len(envelope.log_id)} bytes")
    if not 0 <= envelope.first_seq <= envelope.last_seq <= MAX_SEQ:
        raise FrameError("bad-range", f"range {envelope.first_seq} to {envelope.last_seq}")
    if not 0 <= envelope.revision <= MAX_SEQ:
        raise FrameError("bad-range", f"revision {envelope.revision}")
    return envelope


def _unpack_envelope(payload: bytes) -> Envelope:
    try:
        return _decode_envelope(payload)
    except _UNREADABLE as error:
        try:
            head = _decode_head(payload)
        except _UNREADABLE:
            head = None
        if head is None or head.version <= FRAME_VERSION:
            raise FrameError("not-a-frame", f"envelope of {len(payload)} bytes: {error}") from error
    return Envelope(
        head.version, head.log_id, head.revision, head.first_seq, head.last_seq, body=b""
    )


def decode_frame(payload: bytes) -> Frame:
    """Decode a frame of a version that is known and check every rule of its specification.

    Raises FrameError whose code is "too-large", "not-a-frame", "later-version",
    "inflates-too-large", "bad-range", "bad-time" or "bad-value".
    """
    return decode_body(read_envelope(payload))


def decode_body(envelope: Envelope) -> Frame:
    """Decode the frame of an envelope as `read_envelope` gives it; raises as `decode_frame`."""
    decode = DECODERS.get(envelope.version)
    if decode is None:
        raise FrameError(
            "later-version", f"frame version {envelope.version}, ours is {FRAME_VERSION}"
        )
    return decode(envelope)


def _decode_v1(envelope: Envelope) -> Frame:
    try:
        body = _decode_body(inflate(envelope.body))
    except _UNREADABLE as error:
        raise FrameError("not-a-frame", f"frame body: {error}") from error
    count = len(body.times.deltas) + 1 if body.times.scale else 0
    if count > MAX_SAMPLES or len(body.columns) > MAX_REGISTERS_PER_SAMPLE:
        raise FrameError("too-large", f"{count} samples of {len(body.columns)} registers")
    times = from_deltas(body.times)
    if count and not EARLIEST_PLAUSIBLE_MS <= times.least <= times.greatest < LATEST_PLAUSIBLE_MS:
        raise FrameError("bad-time", f"times from {times.least} to {times.greatest} ms")
    frame = Frame(
        log_id=envelope.log_id,
        meter=body.meter,
        revision=envelope.revision,
        first_seq=envelope.first_seq,
        last_seq=envelope.last_seq,
        times_ms=times.values,
        columns=[Column(c.register, c.run, c.modulus, from_wire(c, count)) for c in body.columns],
        qualities=from_run_lengths(body.qualities, count),
        gaps=body.gaps,
    )
    _check_frame(frame)
    check_names(frame.meter, [(c.register, c.run, c.modulus) for c in frame.columns])
    return frame


DECODERS: dict[int, Callable[[Envelope], Frame]] = {1: _decode_v1}
"""Reads the body of each version that this program knows; a later one adds its own here."""


def inflate(body: bytes) -> bytes:
    """Inflate a frame's body within its limit; raises FrameError as `decode_frame`."""
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(body, MAX_INFLATED_BYTES)
    except zlib.error as error:
        raise FrameError("not-a-frame", f"frame body does not inflate: {error}") from error
    if not inflater.eof:
        if inflater.unconsumed_tail:
            raise FrameError("inflates-too-large", f"body passes {MAX_INFLATED_BYTES} bytes")
        raise FrameError("not-a-frame", "frame body is cut short")
    if inflater.unused_data:
        raise FrameError("not-a-frame", f"{len(inflater.unused_data)} bytes after the body")
    return inflated


def _check_frame(frame: Frame) -> None:
    names = [column.register for column in frame.columns]
    check_shape(frame, frame.meter, names, len(frame.times_ms), frame.gaps)


def check_shape(
    place: Envelope | Frame,
    meter: str,
    names: Sequence[str],
    sample_count: int,
    gaps: Sequence[Gap],
) -> None:
    """Hold a frame to the limits and to whole coverage of its range, whichever side made it.

    Raises FrameError.
    """
    if sample_count > MAX_SAMPLES:
        raise FrameError("too-large", f"{sample_count} samples; the limit is {MAX_SAMPLES}")
    if len(gaps) > MAX_GAPS:
        raise FrameError("too-large", f"{len(gaps)} gaps; the limit is {MAX_GAPS}")
    if not 0 < len(meter) <= MAX_METER_ID_CHARS:
        raise FrameError("bad-value", f"meter id of {len(meter)} characters")
    registers = set(names)
    if len(registers) != len(names) or len(registers) > MAX_REGISTERS_PER_SAMPLE:
        raise FrameError("bad-value", f"{len(names)} columns, {len(registers)} registers")
    _check_coverage(place, sample_count, gaps)


def _check_coverage(place: Envelope | Frame, sample_count: int, gaps: Sequence[Gap]) -> None:
    covered = sample_count
    next_free = place.first_seq
    for gap in gaps:
        if not next_free <= gap.first_seq <= gap.last_seq <= place.last_seq:
            raise FrameError("bad-range", f"gap {gap.first_seq} to {gap.last_seq}")
        next_free = gap.last_seq + 1
        covered += gap.last_seq - gap.first_seq + 1
    if covered != place.last_seq - place.first_seq + 1:
        raise FrameError(
            "bad-range", f"{covered} places for range {place.first_seq} to {place.last_seq}"
        )


def check_names(meter: str, columns: Sequence[tuple[str, str, int]]) -> None:
    """Hold the names of columns to their lengths, and to what PostgreSQL's text can keep.

    Of each its register, its run and its modulus. Raises FrameError.
    """
    if any("\0" in name for name in [meter, *(name for one in columns for name in one[:2])]):
        raise FrameError("bad-value", "a meter, register or run name holds a NUL character")
    for register, run, modulus in columns:
        if not 0 < len(register) <= MAX_RUN_CHARS or len(run) > MAX_RUN_CHARS:
            raise FrameError("bad-value", f"register name of {len(register)} characters")
        if not 0 <= modulus <= INT64_MAX:
            raise FrameError("bad-value", f"{register}: modulus {modulus}")
