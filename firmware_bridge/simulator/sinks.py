"""Where a simulated meter's bytes go: a pseudo-terminal, a TCP client, a file.

Owns the descriptors and the waiting. A send gives up only between telegrams, and only when told to.
"""

import errno
import fcntl
import os
import select
import socket
import struct
import termios
import time
import tty
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Protocol

from shared.errors import OperatorError

Stopping = Callable[[], bool]
"""Asks whether the simulation has been told to end."""

WAIT_S = 0.1
"""How long a wait lasts before it asks again whether to stop."""

GRACE_S = 2.0
"""How long an ending simulation waits for a reader to take the telegram it is in the middle of."""

UNPLUG_GRACE_S = 30.0
"""How long a cable waits to be pulled out for a reader that is slow to take what was sent."""

READ_BYTES = 1_024
"""What a client says is of no interest; only whether it is still there."""

EMPTY_LOOKS = 2
"""The kernel moves bytes to the reader's side in its own time: one empty look may be too early."""


class Sink(Protocol):
    """Takes telegrams, waiting for a reader as long as it must."""

    def send(self, telegrams: Sequence[bytes], stopping: Stopping) -> int:
        """Send telegrams whole; return how many were, which is fewer only when stopping."""

    def close(self) -> None:
        """Let the reader take what was sent, within GRACE_S, and release everything."""


class _LostReaderError(Exception):
    """The reader went away after taking `whole` telegrams of those at hand."""

    def __init__(self, whole: int) -> None:
        super().__init__(whole)
        self.whole = whole


class FileSink:
    """Writes to a file, replacing it."""

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        except OSError as error:
            raise OperatorError(f"file {path} cannot be written: {error.strerror}") from error

    def send(self, telegrams: Sequence[bytes], stopping: Stopping) -> int:
        """Write the telegrams."""
        return _send(self._descriptor, telegrams, stopping)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class PtySink:
    """A pseudo-terminal whose other end is linked at a path, as a serial port would be.

    The other end is held open here too, so that a reader may come and go without the kernel
    throwing away what it has not read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.plug()

    def plug(self) -> None:
        """Open a pseudo-terminal and link it; raise OperatorError where that cannot be."""
        path = self._path
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave, termios.TCSANOW)
        os.set_blocking(self._master, False)
        try:
            if path.is_symlink():
                path.unlink()
            path.symlink_to(os.ttyname(self._slave))
        except OSError as error:
            os.close(self._master)
            os.close(self._slave)
            raise OperatorError(
                f"serial port cannot be linked at {path}: {error.strerror}",
                hint="give a path in an existing folder that holds no file of that name",
            ) from error

    def send(self, telegrams: Sequence[bytes], stopping: Stopping) -> int:
        """Write the telegrams as the reader makes room."""
        return _send(self._master, telegrams, stopping)

    def close(self) -> None:
        """Wait for the reader to catch up, then hang up and remove the link."""
        self._hang_up(GRACE_S)

    def unplug(self) -> None:
        """As `close`, with more patience: what was sent before must not go with the cable."""
        self._hang_up(UNPLUG_GRACE_S)

    def _hang_up(self, patience_s: float) -> None:
        deadline_s = time.monotonic() + patience_s
        empty_looks = 0
        while empty_looks < EMPTY_LOOKS and time.monotonic() < deadline_s:
            empty_looks = empty_looks + 1 if self._unread_bytes() == 0 else 0
            time.sleep(WAIT_S / 4)
        os.close(self._master)
        os.close(self._slave)
        self._path.unlink(missing_ok=True)

    def _unread_bytes(self) -> int:
        answer = fcntl.ioctl(self._slave, termios.FIONREAD, struct.pack("i", 0))
        return int(struct.unpack("i", answer)[0])


class TcpSink:
    """Listens, and writes to one client at a time; a lost client's telegram goes to the next."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._client: socket.socket | None = None
        self.plug()
        # Port 0 took a free one, which a cable put back must find again.
        self._port = self.port

    def plug(self) -> None:
        """Begin to listen; raise OperatorError where that cannot be."""
        host, port = self._host, self._port
        try:
            self._listener = socket.create_server((host, port))
        except OSError as error:
            raise OperatorError(
                f"tcp://{host}:{port} cannot be listened on: {error.strerror}",
                hint="choose another port; port 0 takes any free one",
            ) from error
        self._listener.setblocking(False)

    @property
    def port(self) -> int:
        """The port listened on."""
        return int(self._listener.getsockname()[1])

    def send(self, telegrams: Sequence[bytes], stopping: Stopping) -> int:
        """Write the telegrams to the client, waiting for one where there is none."""
        sent = 0
        while sent < len(telegrams):
            client = self._living_client(stopping)
            if client is None:
                return sent
            try:
                taken = _send(client.fileno(), telegrams[sent:], stopping)
            except _LostReaderError as lost:
                sent += lost.whole
                client.close()
                self._client = None
                continue
            return sent + taken
        return sent

    def close(self) -> None:
        """Close the client's connection and stop listening."""
        if self._client is not None:
            self._client.close()
            self._client = None
        self._listener.close()

    def unplug(self) -> None:
        """Close the connection, which still delivers what was sent, and refuse others."""
        self.close()

    def _living_client(self, stopping: Stopping) -> socket.socket | None:
        """Return a client that has not hung up: what is written to one that has is lost unseen."""
        while (client := self._client or self._accept(stopping)) is not None:
            if not _has_hung_up(client):
                return client
            client.close()
            self._client = None
        return None

    def _accept(self, stopping: Stopping) -> socket.socket | None:
        while not stopping():
            ready, _, _ = select.select([self._listener], [], [], WAIT_S)
            if ready:
                self._client, _ = self._listener.accept()
                self._client.setblocking(False)
                return self._client
        return None


def _has_hung_up(client: socket.socket) -> bool:
    if not select.select([client], [], [], 0)[0]:
        return False
    try:
        return not client.recv(READ_BYTES)
    except OSError:
        return True


def _send(descriptor: int, telegrams: Sequence[bytes], stopping: Stopping) -> int:
    """Write telegrams to a descriptor; once stopping, finish the one under way if it is taken."""
    content = memoryview(b"".join(telegrams))
    ends = list(accumulate(len(telegram) for telegram in telegrams))
    written, stop_at, deadline_s = 0, len(content), 0.0
    while written < stop_at:
        if not deadline_s and stopping():
            stop_at = next(end for end in (0, *ends) if end >= written)
            deadline_s = time.monotonic() + GRACE_S
            continue
        if deadline_s and time.monotonic() > deadline_s:
            break
        _, ready, _ = select.select([], [descriptor], [], WAIT_S)
        if ready:
            written += _write_some(descriptor, content[written:stop_at], ends, written)
    return _whole(ends, written)


def _write_some(descriptor: int, content: memoryview, ends: list[int], written: int) -> int:
    try:
        return os.write(descriptor, content)
    except BlockingIOError:
        return 0
    except OSError as error:
        if error.errno in (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN):
            raise _LostReaderError(_whole(ends, written)) from error
        raise OperatorError(f"telegrams cannot be written: {error.strerror}") from error


def _whole(ends: list[int], written: int) -> int:
    """Count the telegrams that are wholly within the first `written` bytes."""
    return sum(end <= written for end in ends)
