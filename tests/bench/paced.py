"""Puts numbered records into a store at a steady rate, and says which are acknowledged.

Runs in whichever Python the store needs: nothing but the standard library here.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

PAUSE_S = 0.0005

Registers = dict[str, int]
Put = Callable[[int, Registers], int]
"""Take the record of this number; say up to which number all are acknowledged."""


def pace(put: Put, shown: list[Registers], per_s: float, seconds: float) -> None:
    """Put records of these registers by turns, and write the newest acknowledged number out."""
    started_s, number, said = time.monotonic(), 0, 0
    while (since_s := time.monotonic() - started_s) < seconds:
        if number + 1 > since_s * per_s:
            time.sleep(min(PAUSE_S, 1 / per_s))
            continue
        number += 1
        acknowledged = put(number, shown[number % len(shown)])
        if acknowledged > said:
            said = acknowledged
            os.write(sys.stdout.fileno(), b"%d\n" % said)


def run(open_store: Callable[[Path, float], tuple[Put, Callable[[], None]]]) -> None:
    """Run as a command: folder, file of registers, records a second, seconds, window in seconds.

    `open_store` opens a store in a folder and says how it is put into, and how it is closed.
    """
    folder, shown, per_s, seconds, window_s = sys.argv[1:]
    put, close = open_store(Path(folder), float(window_s))
    pace(put, json.loads(Path(shown).read_text()), float(per_s), float(seconds))
    close()
