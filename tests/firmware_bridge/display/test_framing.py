"""Panel frames: what goes in comes out, whatever stands between, and nothing else does."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.display.faults import Fault, PanelFrameError
from firmware_bridge.display.framing import (
    COBS_BYTES_MAX,
    Console,
    Damaged,
    PanelFrame,
    Piece,
    SmpLine,
    Splitter,
    open_frame,
    seal_frame,
)

BODY_BYTES_MAX = 251


def split(raw: bytes) -> list[Piece]:
    """Feed all at once."""
    return Splitter().feed(raw)


@given(st.integers(0, 255), st.integers(0, 255), st.binary(min_size=1, max_size=BODY_BYTES_MAX))
def test_a_frame_comes_out_as_it_went_in(kind: int, sequence: int, body: bytes) -> None:
    """Any type, sequence and body; there is no zero but at both ends."""
    sealed = seal_frame(kind, sequence, body)

    assert 0 not in sealed[1:-1]
    assert len(sealed) <= COBS_BYTES_MAX + 2
    assert split(sealed) == [PanelFrame(1, kind, sequence, body)]


def test_a_frame_too_long_is_not_made() -> None:
    """252 bytes of body are one too many."""
    with pytest.raises(ValueError, match="257 bytes"):
        seal_frame(5, 0, bytes(BODY_BYTES_MAX + 1))


@given(st.data())
def test_portions_do_not_matter(given_data: st.DataObject) -> None:
    """Frames, SMP lines and console lines come out alike however the stream is cut."""
    parts = st.sampled_from(
        [seal_frame(5, 1, b"\xa0"), b"\x06\x09AAA=\n", b"\x04\x14BB\n", b"boot 1.2\r\n", b"\x00"]
    )
    stream = b"".join(given_data.draw(st.lists(parts, max_size=8)))
    cuts = sorted(given_data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))

    splitter = Splitter()
    edges = [0, *cuts, len(stream)]
    found = [one for a, b in pairwise(edges) for one in splitter.feed(stream[a:b])]

    assert found == split(stream)


def test_one_line_carries_all_three() -> None:
    """Frames stand between SMP lines and a boot banner; each comes out as what it is."""
    frame = seal_frame(0x0B, 3, b"\xa0")
    stream = b"*** boot ***\r\n" + frame + b"\x06\x09AAsAAA==\n" + frame + b"\r\nlog\n\x04\x14Z\n"

    assert split(stream) == [
        Console(b"*** boot ***\r\n"),
        PanelFrame(1, 0x0B, 3, b"\xa0"),
        SmpLine(b"\x06\x09AAsAAA==\n"),
        PanelFrame(1, 0x0B, 3, b"\xa0"),
        Console(b"\r\n"),
        Console(b"log\n"),
        SmpLine(b"\x04\x14Z\n"),
    ]


def test_a_newline_within_a_frame_ends_nothing() -> None:
    """0x0A is a sequence and a value like any other."""
    sealed = seal_frame(0x0A, 0x0A, b"\xa1\x00\x0a")

    assert b"\n" in sealed
    assert split(sealed) == [PanelFrame(1, 0x0A, 0x0A, b"\xa1\x00\x0a")]


@given(st.integers(0, 9), st.integers(1, 255))
def test_a_changed_byte_costs_one_frame_at_most(place: int, change: int) -> None:
    """The frame after it is whole, delimiters changed or not."""
    good = seal_frame(5, 9, b"\xa1\x00\x01")
    spoiled = bytearray(good)
    spoiled[place] ^= change

    pieces = split(bytes(spoiled) + good)

    assert pieces[-1] == PanelFrame(1, 5, 9, b"\xa1\x00\x01")
    assert sum(isinstance(one, PanelFrame) for one in pieces) <= 2


@given(st.binary(max_size=3_000))
def test_babble_is_bounded(raw: bytes) -> None:
    """Whatever comes, no piece is longer than a frame, and a frame after it is found."""
    splitter = Splitter()

    pieces = splitter.feed(raw)

    for piece in pieces:
        if not isinstance(piece, PanelFrame):
            assert sum(map(len, piece[-1:])) <= COBS_BYTES_MAX + 1
    good = seal_frame(1, 2, b"\xa0")
    assert splitter.feed(b"\x00" + good)[-1] == PanelFrame(1, 1, 2, b"\xa0")


@pytest.mark.parametrize(
    ("encoded", "fault"),
    [
        (b"\x01" * (COBS_BYTES_MAX + 1), Fault.LONG),
        (b"\x05\x01\x05", Fault.COBS),
        (b"\x03\x01\x05", Fault.SHORT),
        (seal_frame(5, 9, b"\xa0")[1:-2] + b"\x01", Fault.CRC),
    ],
)
def test_bad_frames_are_told_apart(encoded: bytes, fault: Fault) -> None:
    """Each with its reason."""
    with pytest.raises(PanelFrameError) as caught:
        open_frame(encoded)

    assert caught.value.fault is fault


def test_a_frame_without_end_becomes_text() -> None:
    """It is told as too long once; what follows is console until a zero comes."""
    pieces = split(b"\x00\x05\x01" + b"x" * 600)

    assert isinstance(pieces[0], Damaged)
    assert pieces[0].fault is Fault.LONG
    assert isinstance(pieces[1], Console)
