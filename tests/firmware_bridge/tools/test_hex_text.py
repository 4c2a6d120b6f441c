"""Bytes come back from every way in which people write them down."""

import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firmware_bridge.tools.hexdump import read_dump
from firmware_bridge.tools.hexlines import digits_of, read_lines
from firmware_bridge.tools.recording import (
    GATHERED_BYTES,
    SAMPLED_LINES,
    Form,
    is_text,
    recordings_of,
    stream_of,
)

SEPARATED = {
    "plain": "{:02x}",
    "capital": "{:02X}",
    "spaced": "{:02x} ",
    "colons": "{:02X}:",
    "commas": "0x{:02x}, ",
    "hyphens": "{:02x}-",
}
PREFIXES = ["", "  ", "[12:01:02][D][uart_debug:114]: <<< ", "2026-03-01 10:22:33.123 RX: ", "> "]
TOOLS = [
    "xxd", "xxd -p", "xxd -c 8", "xxd -u", "xxd -g 1", "xxd -i", "hexdump -C", "hexdump",
    "od -t x1", "od -A x -t x1z", "od -A d -t x1", "od -x",
]  # fmt: skip


def from_hex(text: str) -> bytes:
    """Return the bytes that a text is read as."""
    return next(found.content for found in recordings_of(text.encode()) if found.form is Form.HEX)


@given(
    content=st.binary(min_size=16, max_size=300),
    style=st.sampled_from(sorted(SEPARATED)),
    prefix=st.sampled_from(PREFIXES),
    width=st.integers(4, 40),
)
def test_lines_of_any_style_give_the_bytes_back(
    content: bytes, style: str, prefix: str, width: int
) -> None:
    """Whatever stands between the bytes, and before them in a log."""
    rows = [content[start : start + width] for start in range(0, len(content), width)]
    lines = [prefix + "".join(SEPARATED[style].format(byte) for byte in row) for row in rows]

    assert read_lines(lines) == content


@given(content=st.binary(min_size=16, max_size=200), width=st.integers(3, 79))
def test_digits_wrapped_anywhere_give_the_bytes_back(content: bytes, width: int) -> None:
    """A terminal that wraps may split a byte."""
    digits = content.hex()
    lines = [digits[start : start + width] for start in range(0, len(digits), width)]

    assert read_lines(lines) == content


@given(content=st.binary(min_size=20, max_size=400), width=st.sampled_from([8, 16, 32]))
def test_dump_with_offsets_is_not_misled_by_the_characters_beside_it(
    content: bytes, width: int
) -> None:
    """Characters may themselves look like hexadecimal."""
    lines = []
    for start in range(0, len(content), width):
        row = content[start : start + width]
        shown = "".join(chr(b"0123456789abcdef"[byte & 15]) for byte in row)
        lines.append(f"{start:08x}: {row.hex(' '):<{width * 3}} {shown}")

    assert read_dump(lines) == content


@given(st.text(max_size=400))
def test_no_text_is_too_strange(text: str) -> None:
    """Nothing raises, and nothing grows."""
    for found in recordings_of(text.encode()):
        assert len(found.content) <= 2 * len(text.encode()) + 1


@given(st.lists(st.text(alphabet="0123456789abcdef :*|-x.", max_size=60), max_size=12))
def test_what_looks_like_a_dump_never_raises(lines: list[str]) -> None:
    """Offsets that jump, repeat or fall are no reason to fail."""
    read_lines(lines)
    read_dump(lines)


@pytest.mark.parametrize("tool", TOOLS)
def test_dump_of_a_real_tool_gives_the_file_back(tool: str, tmp_path: Path) -> None:
    """With its offsets, its columns and its characters."""
    content = bytes(range(7, 250, 3)) + b"abcdef 0123 " * 2
    path = tmp_path / "content"
    path.write_bytes(content)
    try:
        dump = subprocess.run([*tool.split(), str(path)], capture_output=True, check=True).stdout
    except FileNotFoundError:
        dump = recorded_dump(content)

    assert recordings_of(dump)[-1].content == content


def recorded_dump(content: bytes) -> bytes:
    """Write what xxd would, where the machine lacks the tool."""
    rows = range(0, len(content), 16)
    return "\n".join(f"{row:08x}: {content[row : row + 16].hex(' ')}" for row in rows).encode()


@given(
    content=st.binary(min_size=40, max_size=300),
    style=st.sampled_from(["lines", "dump", "closed", "wide"]),
    cuts=st.lists(st.integers(0, 2_000), max_size=12),
)
@example(content=bytes(40), style="dump", cuts=[2])
def test_file_is_read_alike_in_any_pieces(content: bytes, style: str, cuts: list[int]) -> None:
    """Wherever they fall, in a line's end and in a character of two bytes too."""
    rows = [content[start : start + 16] for start in range(0, len(content), 16)]
    text = "".join(
        f"[10:00:00] {row.hex(':')}\r\n"
        if style == "lines"
        else f"{number * 16:08x}  {row.hex(' ')}  |{'a' * len(row)}|\r\n"
        for number, row in enumerate(rows)
    )
    text += f"{len(content):08x}\n" if style == "closed" else ""
    written = text.encode("utf-16" if style == "wide" else "utf-8-sig")
    places = [0, *sorted(cut for cut in cuts if 2 <= cut < len(written)), len(written)]
    pieces = [written[start:end] for start, end in pairwise(places)]

    assert b"".join(stream_of(Form.HEX, pieces)) == content
    assert b"".join(stream_of(Form.MENDED, pieces)) == b"".join(stream_of(Form.MENDED, [written]))


@pytest.mark.parametrize("mark", ["", " ", ", "])
def test_hexadecimal_without_line_ends_is_cut_between_bytes(mark: str) -> None:
    """As `xxd -p` and `tr` write it."""
    content = bytes(range(256)) * 1_500
    written = mark.join(f"{byte:02x}" for byte in content).encode()

    pieces = [written[start : start + 16_384] for start in range(0, len(written), 16_384)]

    assert b"".join(stream_of(Form.HEX, pieces)) == content


@pytest.mark.parametrize("style", ["{:08x}: {}\n", "[{:08x}] {}\n"])
def test_file_is_not_read_further_than_needed(style: str) -> None:
    """Recordings of days are read as they come: memory does not grow with the file."""
    lines = [
        style.format(at, (b"%016d" % at).hex(" ")).encode()
        for at in range(0, 16 * 2 * SAMPLED_LINES, 16)
    ]
    waiting = iter(lines)

    first = next(stream_of(Form.HEX, waiting))

    assert len(first) == GATHERED_BYTES
    assert len(list(waiting)) >= len(lines) - SAMPLED_LINES - 2


def test_repeated_rows_of_a_dump_are_put_back() -> None:
    """hexdump prints a star for rows like the last one."""
    dump = "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n*\n"

    assert (
        from_hex(dump + "00000030  7e a0                 |~.|\n00000032\n")
        == bytes(48) + b"\x7e\xa0"
    )


def test_characters_one_space_away_are_no_bytes() -> None:
    """Where the next offset tells how many bytes a line has."""
    lines = ["0x0000: 7e a0 79 01 ~.y!", "0x0004: 02 01 10 80 abcd", "0x0008: 93 e6"]

    assert read_dump(lines) == bytes.fromhex("7ea079010201108093e6")


def test_dumps_of_single_lines_begin_at_zero_each() -> None:
    """As a network tool prints packets."""
    lines = ["Frame 1:", "0000   7e a0 79 01   ~.y.", "", "Frame 2:", "0000   02 01 10 80   ...."]

    assert read_dump(lines) == bytes.fromhex("7ea0790102011080")


def test_numbers_that_do_not_count_bytes_are_no_offsets() -> None:
    """Telegrams in groups of four digits look a little like a dump."""
    lines = ["0202 0906 0101 0002", "0203 0906 0101 0003", "zzzz", "ffff 0906 0101 0004"]

    assert read_dump(lines) is None


def test_huge_jump_behind_a_star_is_not_filled() -> None:
    """A damaged offset must not fill the memory."""
    lines = ["00000000: 0011 2233", "*", "70000000: 4455 6677", "70000004: 8899 aabb"]

    assert len(read_dump(lines) or b"") <= 16


@pytest.mark.parametrize(
    ("line", "digits"),
    [
        ("[12:01:02][D][uart_debug:114]: <<< 7E", "7E"),
        (">>> 2F:3F:21:0D:0A", ""),
        ("7E A0 79   <-- opening flag", "7EA079"),
        ("received 16 bytes: 7e a0 79 01 02", "7ea0790102"),
        ("added a cable, was dead", ""),
        (r"read b'\x7e\xa0~' from port", "7ea07e"),
        ("7 E A", "070E0A"),
        ("free heap 123456", ""),
        ("1700000000.123 7ea07901", "7ea07901"),
        ("b'\\xZZ'", ""),
        ("", ""),
    ],
)
def test_bytes_of_one_line_are_told_from_what_stands_around_them(line: str, digits: str) -> None:
    """Times, words, comments and what we sent ourselves are no bytes of the meter."""
    assert digits_of(line) == digits


def test_lost_digit_spoils_one_line_only() -> None:
    """The next line begins a byte again."""
    assert read_lines(["7ea079010", "7ea07901"]) == bytes.fromhex("7ea079017ea07901")


def test_digit_lost_in_the_last_line_costs_one_byte() -> None:
    """What is whole is kept."""
    assert read_lines(["7ea07"]) == b"\x7e\xa0"


def test_binary_is_not_searched_for_hexadecimal() -> None:
    """Random bytes hold digits too."""
    content = bytes(range(256)) * 4

    assert [found.form for found in recordings_of(content)] == [Form.RAW]
    assert not is_text(content)


def test_text_is_tried_with_its_line_ends_mended() -> None:
    """An editor takes the carriage returns away, and with them the checksum's truth."""
    found = recordings_of(b"/XYZ\n\n1-0:1.8.0(1*kWh)\n!\n")

    assert found[1].form is Form.MENDED
    assert found[1].content == b"/XYZ\r\n\r\n1-0:1.8.0(1*kWh)\r\n!\r\n"
