"""A hub without a ZigBee meter never loads the radio libraries, which cost it some 60 MB."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HUB = """
import asyncio, json, sys
from pathlib import Path
import agent.app, agent.cli, agent.doctor, agent.pipeline
import firmware_bridge.links, firmware_bridge.tools.zigbee
from agent.config import read_config
from firmware_bridge.links.addresses import check_address, open_link
from firmware_bridge.meters.catalog import CODECS, codec_for
from zoneinfo import ZoneInfo

state = Path(sys.argv[1]).parent / "state"
written = {
    "hub": {"thing": "test-hub", "state_dir": str(state)},
    "meter": [{"protocol": "p1", "link": "replay:" + sys.argv[1]}],
}
hub = agent.app.build_hub(read_config(written, {}, "test"))
check_address("zigbee:/dev/ttyUSB0")
codec = codec_for("p1", ZoneInfo("Europe/Amsterdam"))
codec_for("zigbee", ZoneInfo("Europe/London"))

async def read():
    link = await open_link("replay:" + sys.argv[1])
    codec.feed(await link.read())
    await link.close()

asyncio.run(read())
heavy = {"zigpy", "bellows", "zigpy_znp", "zigpy_xbee", "aiosqlite", "serialx"}
print(json.dumps(sorted(heavy & {name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.slow
def test_a_hub_with_a_p1_meter_loads_no_radio(tmp_path: Path) -> None:
    """Neither by starting, nor by reading, nor by checking an address of a stick."""
    capture = tmp_path / "p1.capture"
    capture.write_bytes(b"/ABC5\r\n\r\n1-0:1.8.1(000001.000*kWh)\r\n!\r\n")

    done = subprocess.run(
        [sys.executable, "-c", HUB, str(capture)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
