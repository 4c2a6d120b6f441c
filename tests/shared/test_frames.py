"""Frames: what is encoded is what is decoded, within the limits of the specification."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import FrameError
from shared.frames import (
    FRAME_VERSION,
    LOG_ID_BYTES,
    MAX_FRAME_BYTES,
    MAX_GAPS,
    MAX_RUN_CHARS,
    MAX_SAMPLES,
    MAX_SEQ,
    Column,
    Frame,
    Gap,
    GapKind,
    decode_frame,
    encode_frame,
    frame_of,
    read_envelope,
)
from shared.readings import MAX_METER_ID_CHARS, MAX_REGISTERS_PER_SAMPLE, StampedSample
from shared.units import EARLIEST_PLAUSIBLE_MS, INT64_MAX, INT64_MIN, LATEST_PLAUSIBLE_MS

LOG_ID = bytes(range(LOG_ID_BYTES))
START_MS = 1_790_000_000_000
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=MAX_RUN_CHARS
)
VALUES = st.one_of(
    st.integers(-5_000, 5_000),
    st.integers(0, 10**9).map(lambda wh: wh * 1_000),
    st.integers(INT64_MIN // 2, INT64_MAX // 2),
)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """Draw any frame that keeps to the specification."""
    first_seq = draw(st.integers(0, MAX_SEQ - 200))
    spans = draw(st.lists(st.tuples(st.sampled_from(["samples", *GapKind]), st.integers(1, 9))))
    gaps: list[Gap] = []
    seq = first_seq
    count = 0
    for kind, length in spans or [(GapKind.DAMAGED, 1)]:
        if isinstance(kind, GapKind):
            gaps.append(Gap(kind, seq, seq + length - 1))
        else:
            count += length
        seq += length
    cells = st.lists(st.one_of(st.none(), VALUES), min_size=count, max_size=count)
    times = st.integers(EARLIEST_PLAUSIBLE_MS, LATEST_PLAUSIBLE_MS - 1)
    return Frame(
        log_id=draw(st.binary(min_size=LOG_ID_BYTES, max_size=LOG_ID_BYTES)),
        meter=draw(NAMES),
        revision=draw(st.integers(0, MAX_SEQ)),
        first_seq=first_seq,
        last_seq=seq - 1,
        times_ms=draw(st.lists(times, min_size=count, max_size=count)),
        columns=[
            Column(name, draw(NAMES), draw(st.integers(0, INT64_MAX)), draw(cells))
            for name in draw(st.lists(NAMES, unique=True, max_size=5))
        ],
        qualities=draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)),
        gaps=gaps,
    )


def steady_frame(count: int, registers: int = 1) -> Frame:
    """Make a frame of `count` samples ten seconds apart."""
    samples = [
        StampedSample(
            seq, START_MS + seq * 10_000, {f"r{n}_mwh": seq * 7 for n in range(registers)}
        )
        for seq in range(1, count + 1)
    ]
    return frame_of(LOG_ID, "meter-1", 0, samples)


def code_of(frame: Frame) -> str:
    """Say with which code encoding refuses a frame."""
    with pytest.raises(FrameError) as refused:
        encode_frame(frame)
    return refused.value.code


@given(frames())
def test_what_is_encoded_is_what_is_decoded(frame: Frame) -> None:
    """Absent values, gaps, runs, moduli, qualities and signs all come back as they went."""
    decoded = decode_frame(encode_frame(frame))

    assert decoded == frame


@given(frames())
def test_encoding_again_gives_the_same_bytes(frame: Frame) -> None:
    """A store that keys payloads by their content meets no second spelling of a frame."""
    payload = encode_frame(frame)

    again = encode_frame(decode_frame(payload))

    assert again == payload


@given(frames())
def test_samples_and_gaps_cover_the_range_once(frame: Frame) -> None:
    """Every sequence of the range is a sample or in a gap, and none is both."""
    in_gaps = [seq for gap in frame.gaps for seq in range(gap.first_seq, gap.last_seq + 1)]

    covered = sorted(frame.sequences() + in_gaps)

    assert covered == list(range(frame.first_seq, frame.last_seq + 1))


@given(st.lists(st.tuples(VALUES, st.booleans(), st.integers(0, 3)), min_size=1, max_size=30))
def test_samples_come_back_out_of_a_frame(rows: list[tuple[int, bool, int]]) -> None:
    """`frame_of` and `samples` are each other's inverse, registers that are lacking included."""
    samples = [
        StampedSample(
            9 + place,
            START_MS + place,
            {"import_mwh": value} if only else {"import_mwh": value, "power_import_w": place},
            quality,
        )
        for place, (value, only, quality) in enumerate(rows)
    ]

    frame = decode_frame(encode_frame(frame_of(LOG_ID, "meter-1", 3, samples)))

    assert list(frame.samples()) == samples
    assert (frame.first_seq, frame.last_seq, frame.revision) == (9, 8 + len(rows), 3)


def test_frame_of_reaches_to_the_gaps_at_its_ends() -> None:
    """The range runs from the first gap or sample to the last."""
    samples = [StampedSample(5, START_MS, {"gas_l": 1})]
    gaps = [Gap(GapKind.WITHHELD, 2, 4), Gap(GapKind.DAMAGED, 6, 9)]

    frame = frame_of(LOG_ID, "meter-1", 0, samples, runs={"gas_l": ("swap-1", 100)}, gaps=gaps)

    assert (frame.first_seq, frame.last_seq) == (2, 9)
    assert frame.columns == [Column("gas_l", "swap-1", 100, [1])]
    assert frame.sequences() == [5]


def test_values_reach_to_both_ends_of_64_bits() -> None:
    """The least and the greatest value of a register stand in one frame."""
    samples = [
        StampedSample(1, START_MS, {"a": INT64_MIN, "b": INT64_MAX}),
        StampedSample(2, START_MS, {"a": INT64_MAX, "b": 0}),
    ]
    frame = frame_of(LOG_ID, "meter-1", 0, samples)

    decoded = decode_frame(encode_frame(frame))

    assert decoded == frame


def test_a_fall_through_all_64_bits_is_refused_by_the_encoder() -> None:
    """The one difference that MessagePack cannot hold is named, not raised as OverflowError."""
    samples = [
        StampedSample(1, START_MS, {"a": INT64_MAX}),
        StampedSample(2, START_MS, {"a": INT64_MIN}),
    ]

    code = code_of(frame_of(LOG_ID, "meter-1", 0, samples))

    assert code == "bad-value"


def test_a_day_of_ten_second_samples_fits_one_frame() -> None:
    """The limit of samples is a day, and such a frame is far below the limit of bytes."""
    frame = steady_frame(MAX_SAMPLES)

    payload = encode_frame(frame)

    assert decode_frame(payload) == frame
    assert len(payload) < MAX_FRAME_BYTES


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (steady_frame(MAX_SAMPLES + 1), "too-large"),
        (steady_frame(1, MAX_REGISTERS_PER_SAMPLE + 1), "bad-value"),
        (msgspec.structs.replace(steady_frame(3), meter=""), "bad-value"),
        (
            msgspec.structs.replace(steady_frame(3), meter="m" * (MAX_METER_ID_CHARS + 1)),
            "bad-value",
        ),
        (
            msgspec.structs.replace(steady_frame(1), columns=[Column("a", "", 0, [1])] * 2),
            "bad-value",
        ),
        (msgspec.structs.replace(steady_frame(3), last_seq=4), "bad-range"),
        (
            frame_of(
                LOG_ID, "m", 0, [], gaps=[Gap(GapKind.THINNED, s, s) for s in range(MAX_GAPS + 1)]
            ),
            "too-large",
        ),
        (
            frame_of(
                LOG_ID, "m", 0, [], gaps=[Gap(GapKind.THINNED, 5, 9), Gap(GapKind.DAMAGED, 9, 12)]
            ),
            "bad-range",
        ),
        (frame_of(LOG_ID, "m", 0, [], gaps=[Gap(GapKind.THINNED, 9, 5)]), "bad-range"),
    ],
    ids=[
        "samples",
        "registers",
        "no meter",
        "long meter",
        "a register twice",
        "uncovered",
        "gaps",
        "gaps that overlap",
        "a gap backwards",
    ],
)
def test_the_encoder_refuses_what_passes_a_limit(frame: Frame, code: str) -> None:
    """The hub hears at once what the cloud would reject."""
    assert code_of(frame) == code


def test_as_many_gaps_and_registers_as_the_limits_allow() -> None:
    """A frame exactly on its limits passes."""
    gaps = [Gap(GapKind.WITHHELD, seq, seq) for seq in range(100, 100 + MAX_GAPS)]
    samples = [
        StampedSample(
            99, START_MS, {f"{n:0>{MAX_RUN_CHARS}}": n for n in range(MAX_REGISTERS_PER_SAMPLE)}
        )
    ]
    frame = frame_of(LOG_ID, "m" * MAX_METER_ID_CHARS, 0, samples, gaps=gaps)

    decoded = decode_frame(encode_frame(frame))

    assert decoded == frame


def test_noise_larger_than_a_payload_is_refused() -> None:
    """Values that do not compress pass the limit of bytes before the limit of samples."""
    rng = random.Random(1)
    samples = [
        StampedSample(seq, START_MS, {f"r{n}": rng.getrandbits(62) for n in range(4)})
        for seq in range(MAX_SAMPLES)
    ]

    code = code_of(frame_of(LOG_ID, "m", 0, samples))

    assert code == "too-large"


def test_a_body_that_would_inflate_past_the_limit_is_not_sent() -> None:
    """A frame that compresses well but inflates too large is refused before the cloud must."""
    frame = steady_frame(MAX_SAMPLES, MAX_REGISTERS_PER_SAMPLE)
    wide = msgspec.structs.replace(
        frame,
        columns=[
            msgspec.structs.replace(one, values=[(-1) ** n * 10**6 + 1 for n in range(MAX_SAMPLES)])
            for one in frame.columns
        ],
    )

    code = code_of(wide)

    assert code == "too-large"


def test_the_envelope_is_read_without_the_body() -> None:
    """Version, log, revision and range stand in the clear."""
    payload = encode_frame(steady_frame(3))

    envelope = read_envelope(payload)

    assert (envelope.version, envelope.log_id, envelope.revision) == (FRAME_VERSION, LOG_ID, 0)
    assert (envelope.first_seq, envelope.last_seq) == (1, 3)
