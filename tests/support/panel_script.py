"""Python's panel played by the same lines as the C panel's test program, printing the same."""

from collections.abc import Iterable

from firmware_bridge.display.framing import SmpLine, open_frame
from firmware_bridge.display.messages import Hello
from firmware_bridge.display.panel_end import PanelEnd


class PythonPanel:
    """One panel; `play` runs a script (tests/firmware_bridge/reference/drive.c) and tells of it."""

    def __init__(self, boot_id: int) -> None:
        self._panel = PanelEnd(Hello(version_min=1, version_max=1, boot_id=boot_id, board="drive"))
        self._now_ms = 0
        self._told: list[str] = []

    def play(self, script: Iterable[str]) -> list[str]:
        """Run the lines of a script and return what the panel wrote and took."""
        for line in script:
            word, _, rest = line.partition(" ")
            match word:
                case "boot":
                    self._told.append("boot 1")
                case "at":
                    self._now_ms = int(rest)
                    self._panel.advance(self._now_ms)
                case "rx":
                    self._receive(bytes.fromhex(rest))
                case "press" | "answer":
                    self._press(word, int(rest))
                case _:
                    stale = int(self._panel.has_no_news(self._now_ms))
                    self._told.append(f"welcome {int(self._panel.is_welcome)} stale {stale}")
            self._write()
        return self._told

    def _receive(self, raw: bytes) -> None:
        """Take bytes one by one, as the C panel does; sequences are read beside."""
        for byte in raw:
            news = self._panel.receive(bytes((byte,)), self._now_ms)
            for one in news:
                if isinstance(one, SmpLine):
                    self._told.append(f"smp {one.line.hex()}")
                else:
                    self._told.append(f"took {one.TYPE} {_sequence_in(raw)}")

    def _press(self, word: str, number: int) -> None:
        before = self._panel.presses_dropped
        if word == "press":
            self._panel.press(number, self._now_ms)
        else:
            self._panel.press(2, self._now_ms, is_long=True, message_id=number)
        self._told.append(f"press {int(self._panel.presses_dropped == before)}")

    def _write(self) -> None:
        written = self._panel.take_outgoing()
        # Frames as the C panel writes them: each with both its delimiters.
        for frame in filter(None, written.split(b"\x00")):
            self._told.append(f"tx 00{frame.hex()}00")


def _sequence_in(raw: bytes) -> int:
    """Read the sequence of the one frame in these bytes."""
    return open_frame(raw.strip(b"\x00")).sequence
