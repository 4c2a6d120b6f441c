"""Hostile bytes: nothing but FrameError, with the code that names the fault."""

import random
import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.columns import MAX_QUALITY
from shared.errors import FrameError
from shared.frames import (
    FRAME_VERSION,
    MAX_FRAME_BYTES,
    MAX_GAPS,
    MAX_INFLATED_BYTES,
    MAX_SAMPLES,
    MAX_SEQ,
    Gap,
    GapKind,
    decode_frame,
    encode_frame,
    frame_of,
    read_envelope,
)
from shared.readings import MAX_REGISTERS_PER_SAMPLE, StampedSample
from shared.units import EARLIEST_PLAUSIBLE_MS, LATEST_PLAUSIBLE_MS

LOG_ID = bytes(16)
NOW_MS = 1_790_000_000_000
pack = msgspec.msgpack.encode
GOOD = encode_frame(
    frame_of(
        LOG_ID,
        "meter-1",
        0,
        [
            StampedSample(3 + n, NOW_MS + n * 1_000, {"import_mwh": 9_000 * n, "x": -n}, n // 4)
            for n in range(12)
        ],
        runs={"import_mwh": ("run-2", 10**12)},
        gaps=[Gap(GapKind.WITHHELD, 1, 2)],
    )
)


def envelope(*, body: Any = None, **changed: Any) -> bytes:
    """Spell an envelope of one sample, with some fields changed; `body` is a list of fields."""
    fields: dict[str, Any] = {
        "version": FRAME_VERSION,
        "log_id": LOG_ID,
        "revision": 0,
        "first_seq": 7,
        "last_seq": 7,
    }
    packed = zlib.compress(pack(body if body is not None else body_of()))
    return pack([*(fields | changed).values(), packed])


def body_of(**changed: Any) -> list[Any]:
    """Spell a body of one sample of one register."""
    fields: dict[str, Any] = {
        "meter": "meter-1",
        "times": [1, NOW_MS, []],
        "columns": [["import_mwh", "", 0, [1, 5, []], []]],
        "qualities": [[1, 0]],
        "gaps": [],
    }
    return list((fields | changed).values())


def column(**changed: Any) -> list[list[Any]]:
    """Spell the one column of a body."""
    fields: dict[str, Any] = {
        "register": "import_mwh",
        "run": "",
        "modulus": 0,
        "coded": [1, 5, []],
        "absent": [],
    }
    return [list((fields | changed).values())]


def code_of(payload: bytes) -> str:
    """Say with which code decoding refuses the bytes."""
    with pytest.raises(FrameError) as refused:
        decode_frame(payload)
    return refused.value.code


def test_the_spelled_envelope_is_good_unchanged() -> None:
    """What the other tests change is otherwise a frame."""
    frame = decode_frame(envelope())

    assert [sample.registers for sample in frame.samples()] == [{"import_mwh": 5}]


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", "not-a-frame"),
        (b"\xc1", "not-a-frame"),
        (b"{}", "not-a-frame"),
        (bytes(MAX_FRAME_BYTES + 1), "too-large"),
        (GOOD + b"\x00", "not-a-frame"),
        (envelope(version=0), "not-a-frame"),
        (envelope(version=-1), "not-a-frame"),
        (envelope(version=FRAME_VERSION + 1), "later-version"),
        (envelope(log_id=bytes(15)), "not-a-frame"),
        (envelope(first_seq=8), "bad-range"),
        (envelope(first_seq=-1), "bad-range"),
        (envelope(last_seq=MAX_SEQ + 1), "bad-range"),
        (envelope(last_seq=8), "bad-range"),
        (envelope(revision=-1), "bad-range"),
        (envelope(revision=MAX_SEQ + 1), "bad-range"),
        (pack([1, LOG_ID, 0, 7, 7, b"no deflate"]), "not-a-frame"),
        (pack([1, LOG_ID, 0, 7, 7, zlib.compress(b"\xc1")]), "not-a-frame"),
        (pack([1, LOG_ID, 0, 7, 7, zlib.compress(pack(body_of()))[:-1]]), "not-a-frame"),
        (pack([1, LOG_ID, 0, 7, 7, zlib.compress(pack(body_of())) + b"!"]), "not-a-frame"),
        (pack([1, LOG_ID, 0, 7, 7, zlib.compress(pack(body_of())), 0]), "not-a-frame"),
        (envelope(body=[*body_of(), "an unknown field"]), "not-a-frame"),
        (envelope(body=body_of(gaps=[["mislaid", 7, 7]])), "not-a-frame"),
        (envelope(body=body_of(times=[1, EARLIEST_PLAUSIBLE_MS - 1, []])), "bad-time"),
        (envelope(body=body_of(times=[1, LATEST_PLAUSIBLE_MS, []])), "bad-time"),
        (envelope(body=body_of(times=[-1, -NOW_MS, []])), "bad-value"),
        (envelope(body=body_of(times=[0, 0, [1]])), "bad-value"),
        (envelope(body=body_of(meter="")), "bad-value"),
        (envelope(body=body_of(meter="m" * 65)), "bad-value"),
        (envelope(body=body_of(meter="meter\0")), "bad-value"),
        (envelope(body=body_of(gaps=[["damaged", 7, 7]])), "bad-range"),
        (envelope(body=body_of(qualities=[])), "bad-value"),
        (envelope(body=body_of(qualities=[[2, 0], [-1, 0]])), "bad-value"),
        (envelope(body=body_of(qualities=[[1, MAX_QUALITY + 1]])), "bad-value"),
        (envelope(body=body_of(qualities=[[1, -1]])), "bad-value"),
        (envelope(body=body_of(columns=column() * 2)), "bad-value"),
        (envelope(body=body_of(columns=column(register=""))), "bad-value"),
        (envelope(body=body_of(columns=column(register="r" * 65))), "bad-value"),
        (envelope(body=body_of(columns=column(run="r" * 65))), "bad-value"),
        (envelope(body=body_of(columns=column(register="import\0mwh"))), "bad-value"),
        (envelope(body=body_of(columns=column(run="\0"))), "bad-value"),
        (envelope(body=body_of(columns=column(modulus=-1))), "bad-value"),
        (envelope(body=body_of(columns=column(modulus=2**63))), "bad-value"),
        (envelope(body=body_of(columns=column(coded=[1, 2**63, []]))), "bad-value"),
        (envelope(body=body_of(columns=column(coded=[2**40, 2**40, []]))), "bad-value"),
        (envelope(body=body_of(columns=column(coded=[1, 5, [1]]))), "bad-value"),
        (envelope(body=body_of(columns=column(coded=[0, 0, []]))), "bad-value"),
        (envelope(body=body_of(columns=column(coded=[0, 0, []], absent=[1]))), "bad-value"),
        (envelope(body=body_of(columns=column(coded=[0, 0, []], absent=[-1]))), "bad-value"),
        (envelope(body=body_of(times=[1, NOW_MS, [0] * MAX_SAMPLES])), "too-large"),
        (envelope(body=body_of(columns=column() * (MAX_REGISTERS_PER_SAMPLE + 1))), "too-large"),
        (
            envelope(
                first_seq=5,
                last_seq=13,
                body=["m", [0, 0, []], [], [], [["damaged", 5, 9], ["damaged", 9, 12]]],
            ),
            "bad-range",
        ),
        (
            envelope(
                first_seq=0,
                last_seq=MAX_GAPS + 1,
                body=body_of(gaps=[["damaged", n, n] for n in range(MAX_GAPS + 1)]),
            ),
            "too-large",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_each_fault_has_its_code(payload: bytes, code: str) -> None:
    """A frame that breaks a rule is refused with the code of the specification."""
    assert code_of(payload) == code


def test_text_that_is_not_utf8_is_not_a_frame() -> None:
    """A meter's id in another encoding is refused like any other noise."""
    packed = pack(body_of(meter="mmmm")).replace(b"mmmm", b"\xff\xfe\xfd\xfc")

    code = code_of(pack([1, LOG_ID, 0, 7, 7, zlib.compress(packed)]))

    assert code == "not-a-frame"


def test_a_deflate_bomb_is_stopped_at_the_limit() -> None:
    """A body of a hundred megabytes in a hundred kilobytes costs no more than the limit."""
    bomb = zlib.compress(bytes(100 * MAX_INFLATED_BYTES), 9)

    code = code_of(pack([1, LOG_ID, 0, 7, 7, bomb]))

    assert len(bomb) < MAX_FRAME_BYTES
    assert code == "inflates-too-large"


def test_a_body_of_exactly_the_limit_is_inflated() -> None:
    """The limit itself is allowed: the body is then refused for what it is, not for its size."""
    code = code_of(pack([1, LOG_ID, 0, 7, 7, zlib.compress(bytes(MAX_INFLATED_BYTES))]))

    assert code == "not-a-frame"


def test_one_byte_past_the_limit_inflates_too_large() -> None:
    """The bound is exact."""
    code = code_of(pack([1, LOG_ID, 0, 7, 7, zlib.compress(bytes(MAX_INFLATED_BYTES + 1))]))

    assert code == "inflates-too-large"


@pytest.mark.parametrize("length", range(len(GOOD)))
def test_a_frame_cut_short_anywhere_is_not_a_frame(length: int) -> None:
    """No prefix of a frame passes for one."""
    assert code_of(GOOD[:length]) == "not-a-frame"


@settings(max_examples=500)
@given(st.integers(0, 2**32))
def test_changed_bytes_raise_nothing_but_frame_errors(seed: int) -> None:
    """Whatever a link or an attacker does to a frame, it decodes or is refused."""
    rng = random.Random(seed)
    changed = bytearray(GOOD)
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)

    assert_decodes_or_is_refused(bytes(changed))


@settings(max_examples=500)
@given(st.integers(0, 2**32))
def test_changed_bodies_raise_nothing_but_frame_errors(seed: int) -> None:
    """The same for the body before deflate, where its checksum does not catch the change."""
    rng = random.Random(seed)
    changed = bytearray(zlib.decompress(read_envelope(GOOD).body))
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)

    assert_decodes_or_is_refused(pack([1, LOG_ID, 0, 1, 14, zlib.compress(bytes(changed))]))


@given(st.binary(max_size=300))
@example(b"\x91" * 100_000)
@example(b"\x96\x02\xc4\x10" + LOG_ID + b"\x00\x07\x07" + b"\x91" * 100_000)
def test_noise_raises_nothing_but_frame_errors(noise: bytes) -> None:
    """Bytes of any kind, nesting past Python's own limit included."""
    assert_decodes_or_is_refused(noise)


def assert_decodes_or_is_refused(payload: bytes) -> None:
    """Decode; what decodes can be encoded and is a whole frame, what does not raises FrameError."""
    try:
        frame = decode_frame(payload)
    except FrameError:
        return
    assert decode_frame(encode_frame(frame)) == frame


@pytest.mark.parametrize("body", [b"x", {"any": "thing"}, [1, 2], None, 5])
def test_the_envelope_of_a_later_version_is_read(body: object) -> None:
    """Only the first five fields are promised; what follows may be of any kind and number."""
    payload = pack([FRAME_VERSION + 1, LOG_ID, 4, 7, 9, body, "more"])

    envelope_read = read_envelope(payload)

    assert (envelope_read.version, envelope_read.log_id) == (FRAME_VERSION + 1, LOG_ID)
    assert (envelope_read.revision, envelope_read.first_seq, envelope_read.last_seq) == (4, 7, 9)
    assert code_of(payload) == "later-version"
