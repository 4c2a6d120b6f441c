"""ZigBee: the real radio library on a simulated stick, from starting it to the last report.

Stick and host run in this one process, so both shares of the work are in every figure.
"""

import asyncio
import tempfile
import time
from pathlib import Path

from firmware_bridge.links.zigbee.link import open_zigbee
from tests.support.zigbee import START_MS, Home, Hub, plugged_in, reading

REPORTS = 300
ROUNDS = 3
START_LIMIT_S = 1.0
LONGEST_S = 120.0


def measure() -> list[dict[str, object]]:
    """Return the rows of the benchmark page."""
    formed_s, started_s, arrived, rate = asyncio.run(_bounded())
    return [
        {
            "name": "ZigBee stick started (network known), on a pseudo-terminal",
            "ours": round(started_s, 2),
            "unit": "s",
            "peer": "the limit",
            "theirs": START_LIMIT_S,
            "ratio": round(START_LIMIT_S / started_s, 2),
            "target": 1,
            "note": f"best of {ROUNDS}, libraries loaded; first ever, with scan and forming: "
            f"{formed_s:.2f} s",
        },
        {
            "name": f"ZigBee reports that arrive, of {REPORTS}",
            "ours": arrived,
            "unit": "reports",
            "peer": "sent",
            "theirs": REPORTS,
            "ratio": round(arrived / REPORTS, 3),
            "target": 1,
            "note": f"{rate:.0f} reports/s from stick to sample, one at a time",
        },
    ]


async def _bounded() -> tuple[float, float, int, float]:
    async with asyncio.timeout(LONGEST_S):
        with tempfile.TemporaryDirectory() as folder:
            async with plugged_in(Home(Path(folder))) as home:
                formed_s = await _start(home)
                started_s = min([await _start(home) for _ in range(ROUNDS)])
                arrived, rate = await _count(home)
    return formed_s, started_s, arrived, rate


async def _start(home: Home) -> float:
    """Return how long it takes to open the link."""
    start_s = time.perf_counter()
    link = await open_zigbee(home.address, home.settings)
    took_s = time.perf_counter() - start_s
    await link.close()
    return took_s


async def _count(home: Home) -> tuple[int, float]:
    """Return how many electricity reports arrived, and how many a second."""
    async with reading(Hub(home)) as hub:
        await home.play(1)
        before = set(home.shown)
        start_s = time.perf_counter()
        await home.play(REPORTS)
        sent = {key for key in home.shown.keys() - before if key[1] > START_MS}
        electricity = {key for key in sent if key[0].startswith("SIM-E")}
        await hub.until(lambda: electricity <= hub.registers().keys())
        took_s = time.perf_counter() - start_s
        return len(electricity & hub.registers().keys()), REPORTS / took_s
