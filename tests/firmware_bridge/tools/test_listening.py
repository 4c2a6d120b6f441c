"""Which settings are listened at, for how long, and when a setting is known to be wrong."""

import asyncio
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.meters.catalog import CODECS, PortSettings
from firmware_bridge.simulator.p1_meter import P1Meter
from firmware_bridge.tools.listening import Heard, Listener, Patience, plan, seven_bit_of, window_s

LONDON = ZoneInfo("Europe/London")
START_MS = 1_790_000_000_000
TELEGRAM = P1Meter(1, START_MS).emit(START_MS).telegram
OLD_TELEGRAM = b"/ISK5XYZ\r\n\r\n0-0:96.1.1(1234567)\r\n1-0:1.8.1(00001.234*kWh)\r\n!\r\n"
PATIENCE = Patience(window_s=0.6, idle_s=0.03)


class ScriptedLine:
    """Gives chunks after pauses, then nothing for ever."""

    def __init__(self, script: Sequence[tuple[float, bytes]]) -> None:
        self._script = list(script)

    async def read(self) -> bytes:
        """Return the next chunk when its time has come; safe to cancel."""
        if not self._script:
            await asyncio.Event().wait()
        pause_s, chunk = self._script[0]
        self._script[0] = (0, chunk)
        await asyncio.sleep(pause_s)
        self._script.pop(0)
        return chunk


def listen(script: Sequence[tuple[float, bytes]], settings: PortSettings | None = None) -> Heard:
    """Listen to a script."""

    async def scenario() -> Heard:
        listener = Listener(ScriptedLine(script), LONDON, PATIENCE, lambda _heard: None)
        return await listener.listen(settings or PortSettings(9_600), PATIENCE.window_s)

    return asyncio.run(scenario())


def with_even_parity(text: bytes) -> bytes:
    """Send seven bits and a parity, as an 8N1 port hears them."""
    return bytes(byte | (byte.bit_count() & 1) << 7 for byte in text)


def test_meter_is_understood_as_soon_as_it_pauses() -> None:
    """Nobody waits for the rest of the window."""
    heard = listen([(0.05, TELEGRAM)])

    assert heard.found is not None
    assert heard.found.protocol == "p1"
    assert heard.settings == PortSettings(9_600)
    assert heard.seconds < PATIENCE.window_s / 2


def test_telegram_that_began_before_we_did_is_waited_out() -> None:
    """Its rest is text, so the speed is right."""
    heard = listen([(0, TELEGRAM[200:]), (0.2, TELEGRAM)])

    assert heard.found is not None


def test_seven_bits_with_parity_are_heard_through_an_eight_bit_port() -> None:
    """It saves a window, and is told as what it is."""
    heard = listen([(0.05, with_even_parity(OLD_TELEGRAM))])

    assert heard.found is not None
    assert heard.found.protocol == "p1"
    assert heard.settings == PortSettings(9_600, "7E1")


def test_whole_burst_of_strange_bytes_ends_the_window() -> None:
    """Another speed is tried at once, for the next burst may be ten seconds away."""
    heard = listen([(0.1, b"\x80\x91\xf2\xb3" * 8)])

    assert heard.found is None
    assert heard.size == 32
    assert heard.printable_percent == 0
    assert heard.seconds < PATIENCE.window_s / 2


def test_half_a_burst_proves_nothing() -> None:
    """It began before the port was set."""
    heard = listen([(0, b"\x80\x91\xf2\xb3" * 8)])

    assert heard.seconds >= PATIENCE.window_s


def test_click_proves_nothing() -> None:
    """A plug makes a few bytes."""
    heard = listen([(0.1, b"\x80\x00")])

    assert heard.seconds >= PATIENCE.window_s


def test_endless_strange_bytes_end_the_window() -> None:
    """More than a telegram has, and none was in it."""
    heard = listen([(0, b"\x80\x91\xf2\xb3" * 1_000)] * 8)

    assert heard.found is None
    assert heard.seconds < PATIENCE.window_s / 2


def test_plan_covers_every_port_in_the_table_once() -> None:
    """A setting that only 7E1 differs in is heard along."""
    settings = plan()

    assert len(settings) == len(set(settings))
    for protocol in CODECS.values():
        for port in protocol.ports:
            heard_along = [seven_bit_of(one) for one in settings]
            assert protocol.must_ask or port in settings or port in heard_along
    assert settings[0] == PortSettings(115_200)


@given(count=st.integers(1, 9), total=st.floats(5, 57))
def test_windows_fit_into_the_time_there_is(count: int, total: float) -> None:
    """However many settings there are."""
    left_s = total
    for place in range(count):
        window = window_s(left_s, count - place, Patience())
        assert 0 <= window <= Patience().window_s
        left_s -= window

    assert left_s >= -1e-6
