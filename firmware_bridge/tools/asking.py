"""Asks a meter for a readout, for those that say nothing by themselves: IEC 62056-21 and M-Bus.

Carries out what `iec62056_dialogue.py` and `mbus_dialogue.py` decide on a serial port; what the
answer means is the codec's.
"""

import asyncio
from typing import Protocol

from firmware_bridge.meters.catalog import PortSettings
from firmware_bridge.meters.iec62056_dialogue import (
    ANSWER_S,
    FRAMING,
    START_BAUD,
    Action,
    Done,
    Iec62056Dialogue,
    Pause,
    Send,
    SetBaud,
    Wait,
)
from firmware_bridge.meters.mbus_dialogue import TEST_ADDRESS, MbusDialogue, Primary
from firmware_bridge.tools.listening import Heard, Listener

ASKED_AT = PortSettings(START_BAUD, FRAMING)

BUS_TRIES = 2
"""Of each request; an installer waits a minute for all there is."""


class Answering(Protocol):
    """A line that can be asked: a serial port."""

    async def write(self, content: bytes) -> None:
        """Send a short message, and wait until it has left."""

    def retune(self, *, baud: int, framing: str) -> None:
        """Change speed and framing, and forget what came before."""


async def ask(line: Answering, listener: Listener, longest_s: float) -> Heard:
    """Ask once for a readout; return what was heard within `longest_s` seconds, perhaps nothing."""
    listener.begin(ASKED_AT, was_asked=True)
    line.retune(baud=ASKED_AT.baud, framing=ASKED_AT.framing)
    try:
        async with asyncio.timeout(longest_s):
            await _converse(line, listener)
    except TimeoutError:
        # A readout at 300 baud may last minutes; what is heard of it so far is told.
        return listener.conclude()
    return listener.conclude()


async def ask_bus(
    line: Answering, listener: Listener, settings: PortSettings, longest_s: float
) -> Heard:
    """Ask the one meter of an M-Bus at a speed; return what was heard within `longest_s` seconds.

    Every meter answers to the test address; where there are several, they talk at once.
    """
    listener.begin(settings, was_asked=True)
    line.retune(baud=settings.baud, framing=settings.framing)
    dialogue = MbusDialogue((Primary(TEST_ADDRESS),), baud=settings.baud, tries=BUS_TRIES)
    try:
        async with asyncio.timeout(longest_s):
            wait_s = await _carry_out(actions := dialogue.start(), line)
            while not isinstance(actions[-1], Done):
                chunk = await listener.hear(wait_s)
                actions = dialogue.receive(chunk) if chunk else dialogue.time_out()
                wait_s = await _carry_out(actions, line)
    except TimeoutError:
        return listener.conclude()
    return listener.conclude()


async def _converse(line: Answering, listener: Listener) -> None:
    """Go on until the readout is over, or at once if nobody identifies himself in time.

    The dialogue's further tries are for a meter that has answered before.
    """
    loop = asyncio.get_running_loop()
    dialogue = Iec62056Dialogue()
    wait_s = await _carry_out(actions := dialogue.start(), line)
    answer_by_s, has_answered = loop.time() + ANSWER_S, False
    while not isinstance(actions[-1], Done):
        chunk = await listener.hear(wait_s)
        actions = dialogue.receive(chunk) if chunk else dialogue.time_out()
        # An identification is followed by more than waiting; noise and silence are not.
        has_answered = has_answered or (bool(chunk) and len(actions) > 1)
        if not has_answered and (not chunk or loop.time() > answer_by_s):
            return
        wait_s = await _carry_out(actions, line)


async def _carry_out(actions: list[Action], line: Answering) -> float:
    """Do what the dialogue says; return how long to wait for the meter."""
    wait_s = 0.0
    for action in actions:
        match action:
            case Send(content):
                await line.write(content)
            case SetBaud(baud):
                line.retune(baud=baud, framing=FRAMING)
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Wait(seconds):
                wait_s = seconds
            case Done():
                pass
    return wait_s
