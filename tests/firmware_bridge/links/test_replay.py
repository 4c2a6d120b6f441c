"""A capture comes at full speed, as it was recorded, or at the line's own rate."""

import asyncio
import time
from pathlib import Path

import msgspec
import pytest

from firmware_bridge.links import Link, open_link
from firmware_bridge.links.replay import LINE_BYTES_PER_S, TIMING_SUFFIX, Mark
from shared.errors import LinkError, OperatorError


async def pieces_of(link: Link) -> list[bytes]:
    """Read a link to its end."""
    found = []
    try:
        while True:
            found.append(await link.read())
    except LinkError:
        await link.close()
    return found


def play(address: str) -> tuple[list[bytes], float]:
    """Play a capture; return its pieces and the seconds it took."""

    async def run() -> list[bytes]:
        return await pieces_of(await open_link(address))

    started = time.monotonic()
    return asyncio.run(run()), time.monotonic() - started


def test_without_a_speed_nothing_waits(tmp_path: Path) -> None:
    """Everything comes at once, whatever timing lies beside it."""
    capture = tmp_path / "c.p1"
    capture.write_bytes(b"ab")
    write_timing(capture, [Mark(0, 0), Mark(1, 60_000)])

    pieces, took_s = play(f"replay:{capture}")

    assert (pieces, took_s < 5) == ([b"ab"], True)


def test_timing_beside_a_capture_is_kept(tmp_path: Path) -> None:
    """The pieces come as they were recorded, a hundred times faster."""
    capture = tmp_path / "c.p1"
    capture.write_bytes(b"abcdef")
    write_timing(capture, [Mark(0, 7_000), Mark(2, 17_000), Mark(2, 18_000), Mark(5, 27_000)])

    pieces, took_s = play(f"replay:{capture}?speed=100")

    assert pieces == [b"ab", b"cde", b"f"]
    assert took_s >= 0.2


def test_without_timing_the_line_sets_the_pace(tmp_path: Path) -> None:
    """A tenth of a second of line at ten times its speed takes a hundredth."""
    capture = tmp_path / "c.p1"
    content = bytes(range(256)) * (LINE_BYTES_PER_S // 256)
    capture.write_bytes(content)

    pieces, took_s = play(f"replay:{capture}?speed=10")

    assert b"".join(pieces) == content
    assert len(pieces) > 5
    assert took_s >= 0.08


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "nan", "1e9"])
def test_a_speed_that_is_none_is_refused(tmp_path: Path, speed: str) -> None:
    """What would never end, or never begin, is refused with the bounds."""
    with pytest.raises(OperatorError, match=r"give 0\.01 to"):
        asyncio.run(open_link(f"replay:{tmp_path}/c.p1?speed={speed}"))


def test_timing_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    """A broken file beside the capture is named with the fix."""
    capture = tmp_path / "c.p1"
    capture.write_bytes(b"ab")
    capture.with_name(capture.name + TIMING_SUFFIX).write_text("no timing")

    with pytest.raises(OperatorError, match=r"delete c\.p1\.timing"):
        asyncio.run(open_link(f"replay:{capture}?speed=1"))


def write_timing(capture: Path, marks: list[Mark]) -> None:
    """Write what `hearthlink capture` writes beside a capture."""
    lines = b"\n".join(msgspec.json.encode(mark) for mark in marks)
    capture.with_name(capture.name + TIMING_SUFFIX).write_bytes(lines)
