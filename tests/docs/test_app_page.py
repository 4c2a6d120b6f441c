"""docs/how-to/app.md, done as it says: the ten lines draw what a hub says live."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from shared import topics
from shared.frames import encode_frame
from shared.protocol import Live, encode_message
from shared.readings import Medium
from tests.docs.generate import ROOT
from tests.support.api_stage import THING, ApiStage
from tests.support.cloud import METER, frame_at, samples_of
from tests.support.webserver import WebServer

PAGE = ROOT / "docs" / "how-to" / "app.md"
LINES_MAX = 10
AGAIN_S = 0.1
LIMIT_S = 60.0


def program() -> str:
    """Take the page's own program."""
    (found,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


def test_program_is_short() -> None:
    """Ten lines, blank ones not counted."""
    assert len([line for line in program().splitlines() if line.strip()]) <= LINES_MAX


@pytest.mark.slow
def test_ten_lines_draw_a_live_chart(tmp_path: Path) -> None:
    """From a key that reads to what a hub says live, a bar for each sample; gas has none."""
    stage = ApiStage(tmp_path)
    stage.furnish()
    gas = frame_at(samples_of(1, 2, register="gas_l"), log_id=b"gas".ljust(16, b"-"), meter="G1")
    service = IngestService(stage.database, stage.clock, Rules())
    service.ingest([Message(THING, encode_frame(gas), stage.clock.utc_ms())])
    wanted = {"name": "chart", "scopes": ["household:read"]}
    key = stage.client.post("/v1/api-keys", json=wanted).json()["key"]
    feed = stage.app.state.parts.live
    sample = Live(METER, Medium.ELECTRICITY, stage.clock.utc_ms(), {"power_import_w": 2_380})
    is_drawn = threading.Event()

    def say() -> None:
        while not is_drawn.wait(AGAIN_S):
            feed.receive(topics.live(THING), encode_message(sample))

    hub = threading.Thread(target=say)
    with WebServer(stage.app, before_stop=feed.close, is_whole=True) as server:
        environment = {**os.environ, "HEARTHLINK_API": server.url, "HEARTHLINK_KEY": key}
        hub.start()
        with subprocess.Popen(
            [sys.executable, "-c", program()], env=environment, stdout=subprocess.PIPE, text=True
        ) as chart:
            killer = threading.Timer(LIMIT_S, chart.kill)
            killer.start()
            assert chart.stdout is not None
            drawn = chart.stdout.readline()
            chart.kill()
            killer.cancel()
        is_drawn.set()
        hub.join()

    assert drawn == "  2380 W " + "█" * 23 + "\n"
