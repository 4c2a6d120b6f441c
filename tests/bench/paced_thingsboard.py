"""thingsboard-gateway's SQLite storage as `paced` puts into it; run by a Python that has it.

It acknowledges a record with the return of `put`; a thread of its own writes it later.
"""

import importlib
import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import paced

STORAGE = "thingsboard_gateway.storage.sqlite.sqlite_event_storage"
FLUSH_S = 1.0


class _Quiet(logging.Logger):
    """Its storage logs at a level that the standard library has no name for."""

    def trace(self, *_words: object, **_more: object) -> None:
        """Say nothing."""


def open_store(folder: Path, _window_s: float) -> tuple[paced.Put, Callable[[], None]]:
    """Open its storage with the settings it has by default."""
    storage = importlib.import_module(STORAGE).SQLiteEventStorage(
        {"data_file_path": f"{folder}/"}, _Quiet("quiet", logging.CRITICAL), threading.Event()
    )

    def put(number: int, registers: paced.Registers) -> int:
        telemetry = [{"ts": number, "values": registers}]
        record = {"deviceName": "meter", "deviceType": "default", "telemetry": telemetry}
        return number if storage.put(json.dumps(record)) else 0

    def close() -> None:
        time.sleep(FLUSH_S)
        storage.stop()

    return put, close


if __name__ == "__main__":
    paced.run(open_store)
