"""Outlines: the same whether a frame is ordinary or decoded whole, and the same refusals."""

import random
import zlib
from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import outlines
from shared.errors import FrameError
from shared.frames import (
    Envelope,
    Frame,
    Gap,
    GapKind,
    decode_body,
    decode_frame,
    encode_frame,
    frame_of,
    read_envelope,
)
from shared.outlines import Outline, outline_of, read_outline
from shared.readings import REGISTERS, StampedSample
from shared.units import EARLIEST_PLAUSIBLE_MS, INT64_MAX, LATEST_PLAUSIBLE_MS, SLOT_MS

LOG_ID = bytes(range(16))
START_MS = 1_772_323_200_000
KEY = ("import_mwh", "")


def _read(payload: bytes) -> Outline:
    return read_outline(read_envelope(payload))


def _frame(
    times_ms: Sequence[int], values: Sequence[int], register: str = "import_mwh", quality: int = 0
) -> Frame:
    samples = [
        StampedSample(seq, at_ms, {register: value}, quality)
        for seq, (at_ms, value) in enumerate(zip(times_ms, values, strict=True), 1)
    ]
    return frame_of(LOG_ID, "M1", 0, samples)


def _is_ordinary(payload: bytes, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Tell whether an outline is read without the frame."""
    asked: list[Envelope] = []

    def decode(envelope: Envelope) -> Frame:
        asked.append(envelope)
        return decode_body(envelope)

    monkeypatch.setattr(outlines, "decode_body", decode)
    _read(payload)
    return not asked


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """Draw frames, most of them ordinary: others with falls, gaps, lacks and times out of order."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    rare = {
        name for name in ("fall", "gap", "lack", "order", "even", "below") if rng.random() < 0.3
    }
    at_ms, value = START_MS + rng.randint(0, SLOT_MS), rng.choice((0, 10**9))
    scale = rng.choice((1, 1_000))
    step_ms = rng.choice((1_000, 10_000, SLOT_MS, 7 * SLOT_MS))
    samples, gaps, seq = [], [], rng.randint(0, 9)
    for _ in range(rng.randint(1, 60)):
        if "gap" in rare and rng.random() < 0.1:
            gaps.append(Gap(rng.choice(list(GapKind)), seq, seq + 3))
            seq += 4
        at_ms += step_ms if "even" in rare else rng.randint(1, step_ms)
        if "order" in rare and rng.random() < 0.1:
            at_ms -= step_ms
        value += rng.randint(-5 if "fall" in rare else 0, 5) * scale
        registers = {
            "import_mwh": value - (10**9 if "below" in rare else 0),
            "gas_l": value // 7,
            "power_import_w": rng.randint(-9_000, 9_000),
        }
        if "lack" in rare and rng.random() < 0.1:
            del registers[rng.choice(list(registers))]
        samples.append(StampedSample(seq, at_ms, registers, rng.choice((0, 0, 0, 2))))
        seq += 1
    runs = {"gas_l": ("0a:7", 10**8)} if rng.random() < 0.5 else None
    return frame_of(LOG_ID, "M1", rng.randint(0, 2), samples, runs=runs, gaps=gaps)


@settings(max_examples=200, deadline=None)
@given(frames())
def test_an_outline_is_the_same_without_the_frame(frame: Frame) -> None:
    """Whatever a frame is like, what is read of its bytes is what its samples say."""
    payload = encode_frame(frame)

    assert _read(payload) == outline_of(decode_frame(payload))


def test_the_edges_are_the_first_and_the_last_of_each_half_hour() -> None:
    """One on the boundary closes the half hour before it."""
    times_ms = [START_MS + n * 600_000 for n in range(1, 6)]

    outline = _read(encode_frame(_frame(times_ms, [1_000, 3_000, 4_000, 4_000, 9_000])))

    slot = START_MS // SLOT_MS
    assert outline.edges == {
        KEY: {
            slot: (times_ms[0], 1_000, times_ms[2], 4_000),
            slot + 1: (times_ms[3], 4_000, times_ms[4], 9_000),
        }
    }
    assert outline.span_ms == (times_ms[0], times_ms[-1])


@pytest.mark.parametrize("every_ms", [10_000, SLOT_MS, 3 * SLOT_MS])
def test_an_ordinary_frame_is_never_laid_out(
    every_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times in even steps, counters that rise and powers that do not: no sample is made of them."""
    samples = [
        StampedSample(
            seq,
            START_MS + seq * every_ms,
            {"import_mwh": seq * seq, "export_mwh": 5_000, "power_import_w": (seq * 37) % 100 - 50},
        )
        for seq in range(1, 40)
    ]

    assert _is_ordinary(encode_frame(frame_of(LOG_ID, "M1", 0, samples)), monkeypatch)


def test_times_in_uneven_steps_are_ordinary(monkeypatch: pytest.MonkeyPatch) -> None:
    """A meter that is now and then a second late."""
    times_ms = [START_MS + n * 10_000 + n % 3 * 1_000 for n in range(1, 400)]

    assert _is_ordinary(encode_frame(_frame(times_ms, range(1, 400))), monkeypatch)


@pytest.mark.parametrize(
    ("times_ms", "values"),
    [
        ([START_MS + 1, START_MS + 1], [5, 6]),
        ([START_MS + 2, START_MS + 1], [5, 6]),
        ([START_MS + 1, START_MS + 2], [6, 5]),
        ([START_MS + 1, START_MS + 2], [-5, 6]),
    ],
)
def test_what_is_rare_is_decoded_whole(
    times_ms: list[int], values: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Times that stand or go back, a counter that falls or is below zero: the frame is asked."""
    frame = _frame(times_ms, values)

    assert not _is_ordinary(encode_frame(frame), monkeypatch)
    assert _read(encode_frame(frame)) == outline_of(frame)


@pytest.mark.parametrize("values", [[5, 2**40], [0, INT64_MAX], [INT64_MAX - 9, INT64_MAX]])
def test_a_counter_may_leap_as_far_as_there_are_numbers(
    values: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it ends it is greatest: no step before that needs a bound."""
    frame = _frame([START_MS + 1, START_MS + 2], values)

    assert _is_ordinary(encode_frame(frame), monkeypatch)
    assert _read(encode_frame(frame)) == outline_of(frame)


@pytest.mark.parametrize("values", [[5, 2**40], [2**40, 5], [INT64_MAX - 9, INT64_MAX]])
def test_what_may_fall_is_decoded_whole_where_it_leaps(
    values: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its greatest value may be anywhere."""
    frame = _frame([START_MS + 1, START_MS + 2], values, register="power_import_w")

    assert not _is_ordinary(encode_frame(frame), monkeypatch)
    assert _read(encode_frame(frame)) == outline_of(frame)


def test_a_register_that_nobody_knows_is_decoded_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later hub's: it is kept, and what is known beside it has its edges."""
    registers = {"import_mwh": 7, "of_the_future_mwh": 8}
    frame = frame_of(LOG_ID, "M1", 0, [StampedSample(1, START_MS + 1, registers)])

    assert not _is_ordinary(encode_frame(frame), monkeypatch)
    assert _read(encode_frame(frame)) == outline_of(frame)
    assert list(_read(encode_frame(frame)).edges) == [KEY]


@pytest.mark.parametrize("register", sorted(REGISTERS))
def test_every_known_register_is_ordinary(register: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the table's costs more than another."""
    frame = _frame([START_MS + 1, START_MS + 2], [5, 6], register=register)

    assert _is_ordinary(encode_frame(frame), monkeypatch)
    assert _read(encode_frame(frame)) == outline_of(frame)


def test_a_frame_of_gaps_alone_has_no_span() -> None:
    """It says that there is nothing, and that counts."""
    gap = Gap(GapKind.WITHHELD, 4, 9)

    outline = _read(encode_frame(frame_of(LOG_ID, "M1", 0, [], gaps=[gap])))

    assert (outline.span_ms, outline.gaps, outline.edges) == (None, [gap], {})


def test_a_counter_below_zero_is_named() -> None:
    """Whoever takes frames in refuses it; power may have a sign."""
    counter = _frame([START_MS + 1, START_MS + 2], [-5, 6])
    power = _frame([START_MS + 1, START_MS + 2], [-5, 6], register="power_import_w")

    assert _read(encode_frame(counter)).below_zero == "import_mwh"
    assert _read(encode_frame(power)).below_zero == ""


def _payload(times: object, columns: object, qualities: object, meter: str = "M1") -> bytes:
    body = zlib.compress(msgspec.msgpack.encode([meter, times, columns, qualities, []]))
    return msgspec.msgpack.encode([1, LOG_ID, 0, 1, 3, body])


TIMES = [1, START_MS + 1, [5, 5]]
COLUMN = ["import_mwh", "", 0, [1, 7, [1, 1]], []]
WRONG = [
    _payload(TIMES, [COLUMN], [[2, 0]]),
    _payload(TIMES, [COLUMN], [[3, -1]]),
    _payload(TIMES, [COLUMN], [[3, 1 << 16]]),
    _payload(TIMES, [COLUMN, COLUMN], [[3, 0]]),
    _payload(TIMES, [["import_mwh", "", 0, [1, 7, [1]], []]], [[3, 0]]),
    _payload(TIMES, [["import_mwh", "", -1, [1, 7, [1, 1]], []]], [[3, 0]]),
    _payload(TIMES, [["import_mwh", "", 0, [-1, 7, [1, 1]], []]], [[3, 0]]),
    _payload(TIMES, [["import_mwh", "", 0, [1, INT64_MAX, [1, 1]], []]], [[3, 0]]),
    _payload(TIMES, [["import_mwh", "", 0, [2**62, 7, [1, 1]], []]], [[3, 0]]),
    _payload(TIMES, [["import_mwh", "", 0, [1, INT64_MAX - 1, [1, 1]], []]], [[3, 0]]),
    _payload(TIMES, [["import_mwh", "", 0, [1, 7, [2**64 - 1, 1]], []]], [[3, 0]]),
    _payload([1, START_MS, [2**64 - 1, 1]], [], [[3, 0]]),
    _payload(TIMES, [["power_import_w", "", 0, [2**40, 7, [2**30, 1]], []]], [[3, 0]]),
    _payload(TIMES, [["", "", 0, [1, 7, [1, 1]], []]], [[3, 0]]),
    _payload(TIMES, [["a\0", "", 0, [1, 7, [1, 1]], []]], [[3, 0]]),
    _payload(TIMES, [COLUMN], [[3, 0]], meter=""),
    _payload([1, START_MS, [5]], [], [[2, 0]]),
    _payload([1, EARLIEST_PLAUSIBLE_MS - 1, [1, 1]], [], [[3, 0]]),
    _payload([1, LATEST_PLAUSIBLE_MS - 2, [1, 1]], [], [[3, 0]]),
    _payload([1, LATEST_PLAUSIBLE_MS - 3, [1, 2]], [], [[3, 0]]),
    _payload([0, START_MS, [5, 5]], [], [[3, 0]]),
    msgspec.msgpack.encode([1, LOG_ID, 0, 1, 3, b"noise"]),
    msgspec.msgpack.encode([2, LOG_ID, 0, 1, 3, b"later"]),
]


@pytest.mark.parametrize("payload", WRONG)
def test_what_no_frame_may_be_is_refused_as_a_frame_is(payload: bytes) -> None:
    """With the same code and the same words."""
    with pytest.raises(FrameError) as of_frame:
        decode_frame(payload)

    with pytest.raises(FrameError) as of_outline:
        _read(payload)

    assert (of_outline.value.code, str(of_outline.value)) == (
        of_frame.value.code,
        str(of_frame.value),
    )


@settings(max_examples=300, deadline=None)
@given(frames(), st.integers(0, 2**32))
def test_a_damaged_body_is_taken_or_refused_as_the_frame_is(frame: Frame, seed: int) -> None:
    """Any byte of it may be another: both ways agree on what it says, or that it says nothing."""
    rng = random.Random(seed)
    envelope = read_envelope(encode_frame(frame))
    body = bytearray(zlib.decompress(envelope.body))
    for _ in range(rng.randint(1, 3)):
        body[rng.randrange(len(body))] = rng.choice((0, 1, 0x7F, 0x80, 0xC0, 0xFF, 0xCD, 0xD3))
    damaged = msgspec.structs.replace(envelope, body=zlib.compress(bytes(body)))

    assert _said(damaged, read_outline) == _said(damaged, lambda one: outline_of(decode_body(one)))


def _said(envelope: Envelope, read: Callable[[Envelope], Outline]) -> Outline | str:
    """Give what is read, or the code of what is wrong."""
    try:
        return read(envelope)
    except FrameError as error:
        return error.code
