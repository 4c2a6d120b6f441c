"""The wall clock of one process, which may jump: libfaketime between the process and the machine.

The clocks that count from the boot stay the machine's own, as they do where a clock is set. Under
libfaketime 0.9.10 `time.sleep` fails in Python (EINVAL): whatever calls it must outlive that.
"""

import time
from collections.abc import Iterable
from pathlib import Path

PLACES = ("/usr/lib", "/usr/lib64", "/usr/local/lib")
LIBRARY = "libfaketimeMT.so.1"
KEPT_S = 1
"""How long the process goes on by an offset that has changed."""


def find_faketime(places: Iterable[str] = PLACES) -> Path | None:
    """Find the library where a distribution has it; None where it is not installed."""
    for place in places:
        for pattern in (f"faketime/{LIBRARY}", f"*/faketime/{LIBRARY}"):
            for found in Path(place).glob(pattern):
                return found
    return None


class WallClock:
    """What a process takes the time to be, by an offset in a file."""

    def __init__(self, library: Path, file: Path) -> None:
        self._library = library
        self._file = file

    @property
    def environment(self) -> dict[str, str]:
        """What a process is started with to have this clock."""
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": str(KEPT_S),
        }

    def jump(self, offset_s: int) -> None:
        """Let the clock be so far from the machine's, and return once the process has seen it."""
        written = self._file.with_suffix(".new")
        written.write_text(f"{offset_s:+d}\n")
        written.replace(self._file)
        time.sleep(KEPT_S)
