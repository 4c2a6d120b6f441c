"""200 kB of firmware into a simulated panel on a pseudo-terminal, as it is and with losses.

The panel is a thread of this process: what is measured is both sides' processor and the terminal.
"""

import asyncio
import json
import random
import time
from dataclasses import dataclass

from agent.firmware.serial_line import serial_opener
from firmware_bridge.display.image import read_image
from firmware_bridge.display.update import PanelUpdate
from firmware_bridge.display.update_run import run_update
from firmware_bridge.simulator.smp_flash import Flash
from tests.soak.record import PANEL_UPDATES
from tests.soak.record import RECORD as TOTALS
from tests.support.firmware import FirmwareMaker
from tests.support.panel_board import Board
from tests.support.panel_pty import panel_on_pty
from tests.support.panel_updates import NEW, OLD, state_of

IMAGE_BYTES = 200_000
LIMIT_S = 3.0
LOSS = 0.05
LEAST_INTERRUPTIONS = 1_000


@dataclass(frozen=True)
class Sent:
    """One update: how long the upload took, and all of it."""

    upload_s: float
    whole_s: float
    answers_lost: int


def send(loss: float, payload_bytes: int = IMAGE_BYTES) -> Sent:
    """Bring an image in over a pseudo-terminal."""
    maker = FirmwareMaker()
    image = read_image(maker.make(NEW, payload_bytes))
    flash = Flash.with_image(maker.make(OLD))
    board = Board(flash, maker.public_pem(), loss=loss, chance=random.Random(7))
    update = PanelUpdate(image, state_of(image), 7, lambda state: None)
    started_s = time.monotonic()
    uploaded_s: list[float] = []

    def look(now: PanelUpdate) -> None:
        if now.sent_bytes == now.total_bytes and not uploaded_s:
            uploaded_s.append(time.monotonic() - started_s)

    with panel_on_pty(board) as port:
        ended = asyncio.run(run_update(update, serial_opener(port), look, cable_s_max=9))
    if not ended.is_installed or not uploaded_s:
        raise AssertionError(ended.reason)
    whole_s = time.monotonic() - started_s
    return Sent(uploaded_s[0], whole_s, board.answers_lost)


def measure() -> list[dict[str, object]]:
    """Measure both lines, and show what the last long run of interruptions said."""
    return [
        _row("200 kB of firmware to a panel on a pty", send(0.0)),
        _row("the same with 5 % of answers lost", send(LOSS)),
        *_interruptions(),
    ]


def _row(name: str, sent: Sent) -> dict[str, object]:
    return {
        "name": name,
        "ours": round(sent.upload_s, 2),
        "unit": "s",
        "peer": "limit",
        "theirs": LIMIT_S,
        "ratio": round(LIMIT_S / sent.upload_s, 2),
        "target": 1,
        "note": f"{sent.answers_lost} answers lost; with restart, HELLO and confirmation "
        f"{sent.whole_s:.2f} s",
    }


def _interruptions() -> list[dict[str, object]]:
    told = json.loads(TOTALS.read_text()).get(PANEL_UPDATES)
    if told is None:
        return []
    harm = told["bricked"] + told["unfinished"]
    return [
        {
            "name": "interruptions of a panel's update",
            "ours": told["interruptions"],
            "unit": "interruptions",
            "peer": "limit",
            "theirs": LEAST_INTERRUPTIONS,
            "ratio": 0 if harm else round(told["interruptions"] / LEAST_INTERRUPTIONS, 2),
            "target": 1,
            "note": f"all runs; {told['bricked']} bricked, {told['unfinished']} unfinished, "
            f"{told['answers_lost']} answers lost besides",
        }
    ]
