"""A simulated panel on a pseudo-terminal, in a thread of its own: for commands and benches."""

import os
import select
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.panel_board import Board

TICK_S = 0.01
READ_BYTES = 65_536


@contextmanager
def panel_on_pty(board: Board, link: Path | None = None) -> Iterator[str]:
    """Serve a board on a pseudo-terminal; give the path of the hub's side, or a link to it."""
    panel_side, hub_side = os.openpty()
    tty.setraw(panel_side)
    tty.setraw(hub_side)
    path = os.ttyname(hub_side)
    if link is not None:
        link.symlink_to(path)
    stop = threading.Event()
    thread = threading.Thread(target=_serve, args=(board, panel_side, stop), daemon=True)
    thread.start()
    try:
        yield str(link or path)
    finally:
        stop.set()
        thread.join()
        os.close(hub_side)
        os.close(panel_side)


def _serve(board: Board, descriptor: int, stop: threading.Event) -> None:
    while not stop.is_set():
        readable, _, _ = select.select([descriptor], [], [], TICK_S)
        now_ms = time.monotonic_ns() // 1_000_000
        board.advance(now_ms)
        if readable:
            board.receive(os.read(descriptor, READ_BYTES), now_ms)
            board.advance(now_ms)
        said = board.take_outgoing()
        if said:
            os.write(descriptor, said)
