"""A leap second on the way from the meter's clock to the cloud: nothing lost, nothing doubled.

Sixty-one seconds pass in the last minute of a day. What the meter's clock shows meanwhile is its
maker's choice; the hub's is what NTP made of the machine's, a second back from then on.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastcrc import crc16

from firmware_bridge.meters.catalog import codec_for
from shared.units import MS_PER_DAY, MS_PER_SECOND
from tests.support.corrections import World
from tests.support.hubs import take

HEARD_S = 120
"""One telegram a second, from a minute before midnight, the leap second among them."""

LEAP_S = 60
"""Which of them is the leap second."""

CLOCKS: dict[str, Callable[[int], int]] = {
    "repeated": lambda second: second - (second >= LEAP_S),
    "set right half a minute later": lambda second: second - (second >= LEAP_S + 30),
    "smeared": lambda second: second * (HEARD_S - 1) // HEARD_S,
    "told": lambda second: second - (second > LEAP_S),
}
"""How many seconds a clock has shown since the first; where it is told, second 60 is one of them.

A smear is a second spread over a day or less: over two minutes it is as bad as can be.
"""


def telegram(clock: str, wh: int) -> bytes:
    """Print what a meter of DSMR 5 shows."""
    body = (
        f"/ISK5\\TEST\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0({clock}W)\r\n0-0:96.1.1(3030)\r\n"
        f"1-0:1.8.0({wh // 1_000:06d}.{wh % 1_000:03d}*kWh)\r\n!"
    ).encode()
    return b"%s%04X\r\n" % (body, crc16.arc(body))


def printed(kind: str, start_ms: int, second: int) -> str:
    """Say what the clock shows in a second."""
    shown_ms = start_ms + CLOCKS[kind](second) * MS_PER_SECOND
    if kind == "told" and second == LEAP_S:
        return f"{datetime.fromtimestamp((shown_ms - 1) // 1_000, UTC):%y%m%d%H%M}60"
    return f"{datetime.fromtimestamp(shown_ms // 1_000, UTC):%y%m%d%H%M%S}"


@pytest.mark.parametrize("kind", CLOCKS)
def test_a_leap_second_loses_and_doubles_nothing(tmp_path: Path, kind: str) -> None:
    """Every telegram is taken, every row stored once, every slot's energy what was counted."""
    world = World(tmp_path)
    world.pass_by(MS_PER_DAY - world.now_ms % MS_PER_DAY - LEAP_S * MS_PER_SECOND)
    world.tell()
    start_ms, codec = world.now_ms // 1_000 * 1_000, codec_for("p1", ZoneInfo("UTC"))
    for second in range(HEARD_S):
        take(world.hub, codec.feed(telegram(printed(kind, start_ms, second), 1_000 + second)))
        if second == LEAP_S + 5:
            world.hub.believe(world.now_ms - MS_PER_SECOND, 10, "ntp")
        world.pass_by(MS_PER_SECOND)
    asyncio.run(world.hub.intake.commit())

    world.settle()

    counts, rows = world.hub.intake.counts, world.resolved()
    edges = world.cloud_edges()
    assert (counts.telegrams, counts.refused, counts.doubts) == (HEARD_S, 0, 0)
    assert world.stored() == {place: at_ms for place, (_, at_ms) in rows.items()}
    assert len(rows) >= HEARD_S // 10
    assert edges == world.true_edges() == world.hub_edges()
    assert len(edges) == 2
    world.close()
