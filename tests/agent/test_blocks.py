"""Blocks: rows come back as they were, and any rotten byte damages the block as a whole."""

import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.blocks import (
    AS_COMMITTED,
    PLAIN_BYTES_MAX,
    BlockHead,
    block_checksum,
    make_block,
    make_commit_block,
    pack_commit,
    pack_rows,
    read_block,
    unpack_columns,
)
from agent.rows import LogRow
from shared.errors import BadInputError
from tests.support.hubs import row_at, rows_every

Make = Callable[[int, list[LogRow]], tuple[BlockHead, bytes, int]]

int62 = st.integers(-(2**62), 2**62)
registers = st.dictionaries(st.sampled_from(["import_mwh", "gas_l", "power_import_w"]), int62)
fields = st.tuples(
    st.integers(1, 90), st.integers(1, 9), int62, st.none() | int62, st.none() | int62, registers
)


@st.composite
def row_runs(draw: st.DrawFn) -> list[LogRow]:
    """Draw rows in rising order of sequence, not all of them there."""
    rows, seq = [], 0
    for step, boot, heard, clock, captured, said in draw(st.lists(fields, min_size=1, max_size=30)):
        seq += step
        rows.append(LogRow(seq, boot, heard, clock, captured, said, draw(st.integers(0, 255))))
    return rows


@given(row_runs())
def test_rows_come_back_as_they_were(rows: list[LogRow]) -> None:
    """Any rows, with any registers, holes and clocks, survive a block."""
    try:
        head, body, checksum = make_block(7, rows)
    except BadInputError as error:
        assert "differ too much" in error.message  # noqa: PT017 (any other fault fails)
        return

    assert read_block(head, body, checksum) == rows
    assert head == BlockHead(7, rows[0].seq, rows[-1].seq, len(rows), 0)


@given(row_runs())
def test_rows_of_a_commit_come_back_as_they_were(rows: list[LogRow]) -> None:
    """Any rows, however far apart their values are, survive the block a commit writes."""
    head, body, checksum = make_commit_block(7, rows)

    assert read_block(head, body, checksum) == rows
    assert head == BlockHead(7, rows[0].seq, rows[-1].seq, len(rows), AS_COMMITTED)


def test_a_value_past_64_bits_is_refused() -> None:
    """What no column holds is said, and not cut off."""
    rows = [row_at(seq, seq, {"import_mwh": -(2**63) - 1}) for seq in (1, 2)]

    with pytest.raises(BadInputError, match="64 bits"):
        make_commit_block(1, rows)


@pytest.mark.parametrize("make", [make_block, make_commit_block])
def test_every_rotten_byte_damages_the_block(make: Make) -> None:
    """A block is sound as a whole or not at all."""
    head, body, checksum = make(1, rows_every(40))

    for place in range(len(body)):
        rotten = bytearray(body)
        rotten[place] ^= 1
        assert read_block(head, bytes(rotten), checksum) is None


@pytest.mark.parametrize("place", range(5))
def test_a_rotten_head_damages_the_block(place: int) -> None:
    """A block whose numbers say another log, range or count is damaged too."""
    head, body, checksum = make_block(1, rows_every(40))
    other = BlockHead(*(value + (place == n) for n, value in enumerate(head)))

    assert read_block(other, body, checksum) is None


def test_a_head_that_does_not_fit_its_rows_is_damage() -> None:
    """A sound checksum over a range that the rows are not in is no sound block."""
    body = pack_rows(rows_every(5))
    for head in (
        BlockHead(1, 2, 5, 5, 0),
        BlockHead(1, 1, 4, 5, 0),
        BlockHead(1, 1, 5, 4, 0),
    ):
        assert read_block(head, body, block_checksum(head, body)) is None


def test_a_small_commit_is_not_deflated_before_it_is_sealed() -> None:
    """It would take longer than all else; whoever inflates what was written sees no difference."""
    small, large = rows_every(6), rows_every(120)

    plain, deflated = pack_commit(small), pack_commit(large)

    assert len(plain) > len(zlib.decompress(plain)) <= PLAIN_BYTES_MAX
    assert len(deflated) < len(zlib.decompress(deflated)) / 2 > PLAIN_BYTES_MAX / 2
    assert unpack_columns(plain).rows() == small
    assert unpack_columns(deflated).rows() == large


@pytest.mark.parametrize("count", [6, 120])
def test_every_rotten_byte_of_a_commit_damages_it(count: int) -> None:
    """Deflated or not: what is plain has deflate's own sum and the block's."""
    head, body, checksum = make_commit_block(1, rows_every(count))

    sound = [
        read_block(head, body[:place] + bytes([body[place] ^ bit]) + body[place + 1 :], checksum)
        for place in range(len(body))
        for bit in (1, 128)
    ]

    assert not any(sound)


def test_bytes_that_are_no_block_are_refused() -> None:
    """Short, foreign and empty bytes raise the error that says so."""
    halves = [pack(rows_every(5))[:-1] for pack in (pack_rows, pack_commit)]
    uneven = zlib.compress(b"\x92\x96\x91\x01\x90\x90\x90\x90\x90\x80")
    for wrong in (b"", b"not deflated", uneven, *halves):
        with pytest.raises(BadInputError):
            unpack_columns(wrong)


def test_values_that_differ_too_much_are_refused() -> None:
    """Two values whose difference passes 64 bits do not fit one column."""
    rows = [row_at(1, 0, {"a_w": 2**63 - 1}), row_at(2, 0, {"a_w": -(2**63)})]

    with pytest.raises(BadInputError, match="differ too much"):
        make_block(1, rows)
