"""Lines of frames, and the bounded queue they wait in."""

import pytest

from firmware_bridge.links.port import READ_BYTES
from firmware_bridge.links.zigbee.lines import LineQueue, is_report, line_of, wants_response


def test_a_frame_becomes_a_line() -> None:
    """In lower case, with a line feed."""
    line = line_of("02484c45000000ab", 1, 0x0109, 0x0702, bytes.fromhex("18010A"))

    assert line == b"02484c45000000ab 01 0109 0702 18010a\n"


@pytest.mark.parametrize(
    ("signal_dbm", "told"),
    [(-62, " -62"), (-1, " -1"), (None, ""), (0, ""), (127, ""), (-127, ""), (-128, "")],
)
def test_signal_stands_last_where_the_radio_measured_one(signal_dbm: int, told: str) -> None:
    """What no radio can have heard is not told."""
    line = line_of("02484c45000000ab", 1, 0x0109, 0x0702, b"\x18", signal_dbm)

    assert line.decode() == f"02484c45000000ab 01 0109 0702 18{told}\n"


def test_reports_are_told_from_answers() -> None:
    """By the general command, with or without a manufacturer's code; damaged frames are none."""
    assert is_report(bytes.fromhex("18010a0000"))
    assert is_report(bytes.fromhex("1c5f11010a0000"))
    assert not is_report(bytes.fromhex("1801010000"))
    assert not is_report(bytes.fromhex("19010a0000"))
    assert not is_report(bytes.fromhex("1c5f1101"))
    assert not is_report(b"")


def test_a_frame_may_ask_for_a_response() -> None:
    """By the bit that disables it being clear."""
    assert wants_response(bytes.fromhex("08010a"))
    assert not wants_response(bytes.fromhex("18010a"))
    assert not wants_response(b"")


def test_the_oldest_line_goes_when_nobody_reads() -> None:
    """It is counted, and the newest stay."""
    queue = LineQueue(limit=2)

    dropped = [queue.put(line) for line in (b"1\n", b"2\n", b"3\n")]

    assert dropped == [False, False, True]
    assert queue.dropped == 1
    assert queue.take() == b"2\n3\n"
    assert queue.take() == b""


def test_a_read_takes_whole_lines_and_no_more_than_it_may() -> None:
    """What does not fit waits for the next."""
    queue = LineQueue()
    line = b"x" * 999 + b"\n"
    for _ in range(20):
        queue.put(line)

    first, second = queue.take(), queue.take()

    assert len(first) <= READ_BYTES
    assert first.endswith(b"\n")
    assert first + second == line * 20
    assert len(queue) == 0
