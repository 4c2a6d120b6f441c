"""docs/reference/frame.md: its example is a frame, byte by byte, and its limits are the code's."""

import zlib
from pathlib import Path

import msgspec
import pytest

from shared import columns, frames, readings
from shared.frames import Gap, GapKind, decode_frame, encode_frame, frame_of, read_envelope
from shared.readings import Quality, StampedSample

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "frame.md").read_text()
START_MS = 1_790_000_000_000
FRAME = frame_of(
    bytes(range(16)),
    "E0001",
    0,
    [
        StampedSample(41, START_MS, {"import_mwh": 5_000_000, "power_import_w": 400}),
        StampedSample(42, START_MS + 10_000, {"import_mwh": 5_001_000}),
        StampedSample(
            45,
            START_MS + 40_000,
            {"import_mwh": 5_005_000, "power_import_w": 390},
            Quality.HUB_TIME,
        ),
    ],
    runs={"import_mwh": ("run-2", 0)},
    gaps=[Gap(GapKind.WITHHELD, 43, 44)],
)


def array(length: int, meaning: str) -> tuple[bytes, str]:
    """Spell the head of a short MessagePack array."""
    return bytes([0x90 | length]), meaning


def field(value: object, meaning: str) -> tuple[bytes, str]:
    """Spell one value."""
    return msgspec.msgpack.encode(value), meaning


BODY = [
    array(5, "the body: five fields"),
    field("E0001", "`meter`"),
    array(3, "`times`: scale, first, deltas"),
    field(10_000, "scale: all times are whole tens of seconds"),
    field(START_MS // 10_000, "first: 1790000000000 ms ÷ 10000"),
    array(2, "two differences for three samples"),
    field(1, "10 s later"),
    field(3, "30 s later"),
    array(2, "`columns`: two registers"),
    array(5, "a column: five fields"),
    field("import_mwh", "register"),
    field("run-2", "run: the second of this register"),
    field(0, "modulus: it has not wrapped"),
    array(3, "scale, first, deltas"),
    field(1_000, "scale: the meter counts whole watt hours"),
    field(5_000, "first: 5000000 mWh ÷ 1000"),
    array(2, "two differences"),
    field(1, "1 Wh more"),
    field(4, "4 Wh more"),
    array(0, "absent: no sample lacks it"),
    array(5, "a column: five fields"),
    field("power_import_w", "register"),
    field("", "run: its first"),
    field(0, "modulus"),
    array(3, "scale, first, deltas"),
    field(10, "scale"),
    field(40, "first: 400 W ÷ 10"),
    array(1, "one difference for the two samples that have it"),
    field(-1, "10 W less"),
    array(1, "absent: one place"),
    field(1, "the second sample (sequence 42) lacks it"),
    array(2, "`qualities`: two stretches"),
    array(2, "length, quality"),
    field(2, "two samples"),
    field(0, "checked, with the meter's own time"),
    array(2, "length, quality"),
    field(1, "one sample"),
    field(2, "`taken_at_ms` is the hub's"),
    array(1, "`gaps`: one"),
    array(3, "kind, first, last"),
    field("withheld", "consent does not let them leave the hub"),
    field(43, "first sequence"),
    field(44, "last sequence, included"),
]


def rows(pieces: list[tuple[bytes, str]]) -> str:
    """Render pieces as the document's table rows."""
    lines = []
    offset = 0
    for piece, meaning in pieces:
        lines.append(f"| {offset} | `{piece.hex(' ')}` | {meaning} |")
        offset += len(piece)
    return "\n".join(lines)


def documented_payload() -> bytes:
    """Read the whole frame out of the document's one block of hex."""
    return bytes.fromhex(PAGE.split("```hex\n")[1].split("```")[0])


def test_the_body_is_what_the_document_says_byte_by_byte() -> None:
    """Every byte of the inflated body has its row."""
    body = zlib.decompress(read_envelope(encode_frame(FRAME)).body)

    assert b"".join(piece for piece, _ in BODY) == body
    assert rows(BODY) in PAGE, f"put this into frame.md:\n{rows(BODY)}"


def test_the_envelope_is_what_the_document_says_byte_by_byte() -> None:
    """Every byte before the deflated body has its row."""
    payload = encode_frame(FRAME)
    deflated = read_envelope(documented_payload()).body
    pieces = [
        array(6, "the envelope: six fields"),
        field(1, "`version`"),
        field(FRAME.log_id, "`log_id`: 16 bytes"),
        field(0, "`revision`"),
        field(41, "`first_seq`"),
        field(45, "`last_seq`"),
        (b"\xc4" + bytes([len(deflated)]), f"`body`: {len(deflated)} bytes, deflated"),
    ]

    assert payload.startswith(b"".join(piece for piece, _ in pieces[:-1]))
    assert documented_payload() == b"".join(piece for piece, _ in pieces) + deflated
    assert rows(pieces) in PAGE, f"put this into frame.md:\n{rows(pieces)}"


def test_the_documented_bytes_are_the_documented_frame() -> None:
    """Deflate may spell a body otherwise elsewhere; these bytes decode to this frame anywhere."""
    assert decode_frame(documented_payload()) == FRAME, encode_frame(FRAME).hex(" ", 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_FRAME_BYTES", frames.MAX_FRAME_BYTES),
        ("MAX_INFLATED_BYTES", frames.MAX_INFLATED_BYTES),
        ("MAX_SAMPLES", frames.MAX_SAMPLES),
        ("MAX_GAPS", frames.MAX_GAPS),
        ("MAX_SEQ", frames.MAX_SEQ),
        ("MAX_RUN_CHARS", frames.MAX_RUN_CHARS),
        ("MAX_QUALITY", columns.MAX_QUALITY),
        ("MAX_METER_ID_CHARS", readings.MAX_METER_ID_CHARS),
        ("MAX_REGISTERS_PER_SAMPLE", readings.MAX_REGISTERS_PER_SAMPLE),
        ("LOG_ID_BYTES", frames.LOG_ID_BYTES),
    ],
)
def test_every_limit_stands_in_the_document(name: str, value: int) -> None:
    """A limit that changes in the code changes in the specification."""
    assert f"| `{name}` | {value} |" in PAGE


@pytest.mark.parametrize("kind", GapKind)
def test_every_kind_of_gap_stands_in_the_document(kind: GapKind) -> None:
    """A reader of a frame knows why samples are not there."""
    assert f"| `{kind.value}` |" in PAGE
