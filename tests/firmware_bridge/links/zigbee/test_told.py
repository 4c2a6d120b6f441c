"""What a device tells a household besides readings is asked for, through the real radio library."""

import asyncio
from pathlib import Path

from firmware_bridge.simulator.zigbee_meter import ZigbeeMeter
from tests.support.zigbee import LONGEST_S, QUICK, START_MS, Home, Hub, plugged_in, reading


def test_a_device_is_asked_for_what_it_tells_the_household(tmp_path: Path) -> None:
    """The price and the next one, the message, the credit and the supplier's name."""
    asked: set[tuple[int, str]] = set()

    class Noting(ZigbeeMeter):
        """Notes what it is asked."""

        def answer(
            self, ieee: str, endpoint: int, profile: int, cluster: int, request: bytes
        ) -> bytes | None:
            asked.add((cluster, request[:1].hex() + request[2:].hex()))
            return super().answer(ieee, endpoint, profile, cluster, request)

    async def scene() -> None:
        home = Home(tmp_path, Noting(7, START_MS))
        async with plugged_in(home), reading(Hub(home, pace=QUICK)) as hub:
            clusters = {b"0700", b"0703", b"0705", b"0708"}
            await hub.until(lambda: clusters <= {line.split(b" ")[3] for line in hub.lines})

    asyncio.run(asyncio.wait_for(scene(), LONGEST_S))

    assert {(0x0700, "010001"), (0x0700, "01010000000002"), (0x0703, "0100")} <= asked
    assert {(0x0705, "0000" + "0000010002000500"), (0x0708, "0000" + "0101")} <= asked
