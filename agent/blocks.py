"""A block: a sealed segment of one log, its rows as columns, deflated, under one checksum. Pure.

A block is whole in itself: register names are in it, so that it can be read without any table.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from agent.columns import Columns
from agent.rows import LogRow
from shared.columns import (
    Deltas,
    WireColumn,
    columns_of,
    from_deltas,
    from_wire,
    to_deltas,
    to_wire,
)
from shared.errors import BadInputError
from shared.frames import COMPRESSION_LEVEL

BLOCK_ROWS = 360
"""One hour at a row every ten seconds: a P1 meter's 18 registers take 5.5 B a row (measured)."""

AS_COMMITTED, EVERY_ROW, HALF_HOURS, DAYS = range(-1, 3)
"""What is left in a block, its `detail`: a commit's rows before they are sealed with others, every
row of a segment, or what thinning left of it."""

COMMIT_LEVEL = 1
"""Of deflate, for sixty rows: half the time of level 6 and 7 % larger, until they are sealed."""

PLAIN_LEVEL, PLAIN_BYTES_MAX = 0, 1_024
"""A body within a page is deflated when it is sealed, not before: of eight rows that takes two
fifths of a commit's time and saves the card a page of five (measured). Who inflates it sees no
difference."""

COMMIT_WINDOW_BITS, COMMIT_MEMORY_LEVEL = 12, 5
"""Of deflate too: 32 KiB to be laid out for each commit, not 256, and the same bytes come of it.

Sixty rows of 18 registers are 5.5 KB, whose repetitions lie within a column of 540 B at most.
"""

MAX_UNPACKED_BYTES = 1 << 22
"""A block of the most registers a sample has, each value of nine bytes, is a tenth of it."""

_HEAD = struct.Struct("<qqqqq")


class BlockHead(NamedTuple):
    """What a block's row says beside its body: which log and sequences, how many rows are left."""

    log: int
    first_seq: int
    last_seq: int
    row_count: int
    detail: int


class _Body(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    seqs: Deltas
    boots: Deltas
    heard: Deltas
    meter_clocks: WireColumn
    captures: WireColumn
    qualities: Deltas
    registers: list[WireColumn]


class _CommitBody(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Columns as they are, coded in two calls: a commit waits for them."""

    fixed: tuple[list[int], list[int], list[int], list[int | None], list[int | None], list[int]]
    registers: dict[str, list[int | None]]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Body).decode
_decode_commit = msgspec.msgpack.Decoder(_CommitBody).decode
_COMMIT_HEAD = 0x92
"""What MessagePack begins an array of two with: by it the one body is told from the other."""

_fields = msgspec.structs.astuple


def pack_rows(rows: Sequence[LogRow]) -> bytes:
    """Pack rows in order of sequence; raises BadInputError where no column can hold them."""
    names = dict.fromkeys(name for row in rows for name in row.registers)
    try:
        body = _encode(
            _Body(
                seqs=to_deltas([row.seq for row in rows]),
                boots=to_deltas([row.boot for row in rows]),
                heard=to_deltas([row.monotonic_ms for row in rows]),
                meter_clocks=to_wire("", "", 0, [row.meter_clock_ms for row in rows]),
                captures=to_wire("", "", 0, [row.captured_at_ms for row in rows]),
                qualities=to_deltas([row.quality for row in rows]),
                registers=[
                    to_wire(name, "", 0, [row.registers.get(name) for row in rows])
                    for name in names
                ],
            )
        )
    except OverflowError as error:
        raise BadInputError(f"two values in a row differ too much: {error}") from error
    _check_size(body, len(rows))
    return zlib.compress(body, COMPRESSION_LEVEL)


def pack_commit(rows: Sequence[LogRow]) -> bytes:
    """Pack a commit's rows in a tenth of the time, somewhat larger; raises BadInputError too."""
    try:
        seqs, boots, heard, clocks, captures, registers, qualities = zip(
            *map(_fields, rows), strict=True
        )
        fixed = (seqs, boots, heard, clocks, captures, qualities)
        body = _encode((fixed, columns_of(registers)))
    except OverflowError as error:
        raise BadInputError(f"a value passes 64 bits: {error}") from error
    _check_size(body, len(rows))
    level = PLAIN_LEVEL if len(body) <= PLAIN_BYTES_MAX else COMMIT_LEVEL
    deflater = zlib.compressobj(level, zlib.DEFLATED, COMMIT_WINDOW_BITS, COMMIT_MEMORY_LEVEL)
    return deflater.compress(body) + deflater.flush()


def _check_size(body: bytes, count: int) -> None:
    if len(body) > MAX_UNPACKED_BYTES:
        raise BadInputError(f"a block of {count} rows is {len(body)} bytes")


def unpack_columns(body: bytes) -> Columns:
    """Undo either packing; raises BadInputError where the bytes are no block."""
    try:
        inflater = zlib.decompressobj()
        inflated = inflater.decompress(body, MAX_UNPACKED_BYTES)
        if not inflater.eof:
            raise BadInputError(f"block of {len(body)} bytes is cut short or too large")
        if inflated[:1] == bytes([_COMMIT_HEAD]):
            return _columns_of_commit(_decode_commit(inflated))
        return _columns_of(_decode(inflated))
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        raise BadInputError(f"block of {len(body)} bytes: {error}") from error


def _columns_of(packed: _Body) -> Columns:
    seqs = from_deltas(packed.seqs).values
    count = len(seqs)
    return _of_one_length(
        Columns(
            seqs,
            from_deltas(packed.boots).values,
            from_deltas(packed.heard).values,
            from_wire(packed.meter_clocks, count),
            from_wire(packed.captures, count),
            from_deltas(packed.qualities).values,
            {column.register: from_wire(column, count) for column in packed.registers},
        )
    )


def _columns_of_commit(body: _CommitBody) -> Columns:
    return _of_one_length(Columns(*body.fixed, body.registers))


def _of_one_length(columns: Columns) -> Columns:
    """Hold columns to one length: a body that was not written here may say anything."""
    count = len(columns.seqs)
    if any(len(values) != count for values in (*columns[:6], *columns.registers.values())):
        raise BadInputError(f"columns of a block of {count} rows differ in length")
    return columns


def block_checksum(head: BlockHead, body: bytes) -> int:
    """CRC-32 over a block's head and body: a block is sound as a whole, or damaged by its range."""
    return zlib.crc32(body, zlib.crc32(_HEAD.pack(*head)))


def read_columns(head: BlockHead, body: bytes, checksum: int) -> Columns | None:
    """Unpack a block; None where it is damaged, whatever of it rotted."""
    try:
        if block_checksum(head, body) != checksum:
            return None
        columns = unpack_columns(body)
    except (BadInputError, TypeError, struct.error):
        return None
    return columns if _fits(head, columns) else None


def read_block(head: BlockHead, body: bytes, checksum: int) -> list[LogRow] | None:
    """Unpack a block into its rows; None where it is damaged."""
    columns = read_columns(head, body, checksum)
    return columns.rows() if columns is not None else None


def _fits(head: BlockHead, columns: Columns) -> bool:
    seqs = columns.seqs
    is_within = bool(seqs) and head.first_seq <= seqs[0] and seqs[-1] <= head.last_seq
    return len(seqs) == head.row_count and is_within and columns.is_rising


def make_block(
    log: int, rows: Sequence[LogRow], *, detail: int = 0, span: Iterable[int] = ()
) -> tuple[BlockHead, bytes, int]:
    """Make a block of rows over a span of sequences (default: theirs): head, body, checksum.

    Raises BadInputError where the rows do not come back as they are: nothing is ever deleted on the
    word of a block that was not read again.
    """
    first_seq, last_seq = tuple(span) or (rows[0].seq, rows[-1].seq)
    head = BlockHead(log, first_seq, last_seq, len(rows), detail)
    body = pack_rows(rows)
    checksum = block_checksum(head, body)
    if read_block(head, body, checksum) != list(rows):
        raise BadInputError(f"rows {first_seq} to {last_seq} do not come back from their block")
    return head, body, checksum


def make_commit_block(log: int, rows: Sequence[LogRow]) -> tuple[BlockHead, bytes, int]:
    """Make a block of a commit's rows, which replaces nothing: it need not be read again first."""
    head = BlockHead(log, rows[0].seq, rows[-1].seq, len(rows), AS_COMMITTED)
    body = pack_commit(rows)
    return head, body, block_checksum(head, body)
