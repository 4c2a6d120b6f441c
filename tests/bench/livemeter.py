"""A meter on a socket and an app that watches it: how long a telegram takes to its live event.

Each telegram's power is a number of its own, so that an event says which telegram it shows. Both
ends run in this process and are read by one clock.
"""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Self

from fastcrc import crc16

from firmware_bridge.simulator.p1_meter import P1Meter
from shared.clock import SystemClock
from shared.readings import Medium
from tests.support.way import TOKEN

POWERS = 20_000
"""Below the main fuse's 23 kW; a number is used again after so many telegrams."""

CONNECT_S_MAX = 60.0
STREAM_S_MAX = 30.0


def telegram(meter: str, power_w: int) -> bytes:
    """Return a DSMR 5 telegram of now: the serial, one register that stands still, the power."""
    # Printed in the winter time of the household's zone, which the benches set to UTC's own.
    printed = datetime.now(UTC).strftime("%y%m%d%H%M%SW")
    body = (
        "/SIM5HEARTHLINK\r\n\r\n1-3:0.2.8(50)\r\n"
        f"0-0:1.0.0({printed})\r\n0-0:96.1.1({meter.encode().hex().upper()})\r\n"
        "1-0:1.8.1(001234.567*kWh)\r\n"
        f"1-0:1.7.0({power_w // 1_000:02d}.{power_w % 1_000:03d}*kW)\r\n!"
    ).encode()
    return b"%s%04X\r\n" % (body, crc16.arc(body))


class LiveMeter:
    """Speaks to the one hub that connects, by turns for each of its serials."""

    def __init__(self, meters: Sequence[str]) -> None:
        self.meters = meters
        self.written_s: dict[int, float] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(CONNECT_S_MAX)
        self._peer: socket.socket | None = None

    @property
    def link(self) -> str:
        """The address a hub reads it at."""
        return f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for one in (self._peer, self._listener):
            if one is not None:
                one.close()

    def speak(self) -> None:
        """Write the next telegram, waiting for the hub to connect before the first."""
        if self._peer is None:
            self._peer, _ = self._listener.accept()
            self._peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = len(self.written_s) + 1
        said = telegram(self.meters[number % len(self.meters)], number % POWERS)
        self.written_s[number % POWERS] = time.perf_counter()
        self._peer.sendall(said)

    def speak_every(self, pause_s: float, stop: threading.Event) -> None:
        """Go on until told to stop, keeping to the beat."""
        due_s = time.perf_counter()
        while not stop.wait(max(0.0, due_s - time.perf_counter())):
            self.speak()
            due_s += pause_s


class LiveWatch:
    """An app that watches one meter's live stream; `seen_s` has each event by its number."""

    def __init__(self, api_port: int, meter: str) -> None:
        self.seen_s: dict[int, float] = {}
        self._connection = http.client.HTTPConnection("127.0.0.1", api_port, timeout=STREAM_S_MAX)
        self._connection.request(
            "GET", f"/v1/meters/{meter}/live", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        self._socket = self._connection.sock
        self._answer = self._connection.getresponse()
        assert self._answer.status == http.HTTPStatus.OK, self._answer.read()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(STREAM_S_MAX)
        self._connection.close()

    def _read(self) -> None:
        while line := self._answer.readline():
            now_s = time.perf_counter()
            if line.startswith(b"data: "):
                said = json.loads(line[6:])
                if said["event"] == "live":
                    self.seen_s.setdefault(said["registers"]["power_import_w"], now_s)


def lateness_s(meter: LiveMeter, watches: Sequence[LiveWatch]) -> list[float]:
    """List how late each event came after its telegram's last byte was written."""
    seen = [entry for watch in watches for entry in watch.seen_s.items()]
    return [at_s - meter.written_s[number] for number, at_s in seen]


class SpokenMeter:
    """A simulated meter that speaks at its beat to every hub that connects, until told to stop."""

    def __init__(self, pause_s: float, stop: threading.Event) -> None:
        self._pause_s = pause_s
        self._stop = stop
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._peers: list[socket.socket] = []
        self._threads = [threading.Thread(target=run) for run in (self._accept, self._speak)]

    @property
    def link(self) -> str:
        """The address a hub reads it at."""
        return f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in (*self._peers, self._listener):
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._peers.append(self._listener.accept()[0])

    def _speak(self) -> None:
        meter = P1Meter(1, _now_ms(), shows=frozenset({Medium.ELECTRICITY}))
        while not self._stop.wait(self._pause_s):
            said = meter.emit(_now_ms()).telegram
            for peer in list(self._peers):
                with contextlib.suppress(OSError):
                    peer.sendall(said)


def _now_ms() -> int:
    return SystemClock().utc_ms() // 1_000 * 1_000
