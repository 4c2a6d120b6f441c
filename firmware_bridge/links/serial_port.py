"""A serial port through pyserial, waited on by the event loop.

pyserial rather than serialx: both open a port as well, and serialx costs a hub some 13 MB more of
resident memory. pyserial is asked only to open and configure; the bytes are read from its file
descriptor when the loop says there are some, so no thread is needed.
"""

import asyncio
import contextlib
import errno
import os

import serial

from firmware_bridge.links.port import READ_BYTES
from shared.errors import LinkError


class _KeepingPort(serial.Serial):
    """A pyserial port that keeps what had arrived before it was opened."""

    def _reset_input_buffer(self) -> None:
        # pyserial flushes on open; after a restart of ours those bytes are readings already sent.
        pass


class SerialLink:
    """A serial port, 8 data bits, no parity, 1 stop bit, held exclusively."""

    is_finite = False

    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        self._name = str(port.port)

    async def read(self) -> bytes:
        """Return the next bytes; raise LinkError when the port has gone away."""
        while True:
            chunk = self._read_now()
            if chunk:
                # A port that is never empty must not keep the loop from its other work.
                await asyncio.sleep(0)
                return chunk
            await self._until_readable()
            chunk = self._read_now()
            if chunk:
                return chunk
            raise LinkError(
                f"serial port {self._name} hung up", hint="check that the cable is plugged in"
            )

    def _read_now(self) -> bytes:
        if not self._port.is_open:
            raise LinkError(f"serial port {self._name} is closed")
        try:
            return os.read(self._port.fileno(), READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LinkError(
                f"serial port {self._name} failed: {error.strerror}",
                hint="check that the cable is plugged in",
            ) from error

    async def _until_readable(self) -> None:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        descriptor = self._port.fileno()
        loop.add_reader(descriptor, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(descriptor)

    async def close(self) -> None:
        """Release the port and its lock."""
        # An adapter that was pulled out may fail even to close.
        with contextlib.suppress(OSError):
            self._port.close()


def open_serial(path: str, *, baud: int) -> SerialLink:
    """Open a serial port; raise LinkError, with the fix in its hint, when it cannot be had."""
    try:
        port = _KeepingPort(path, baud, timeout=0, exclusive=True)
    except serial.SerialException as error:
        raise _explain(path, error) from error
    except ValueError as error:
        raise LinkError(
            f"serial port {path} refused {baud} baud: {error}",
            hint="use the rate the meter's manual gives, 115200 for DSMR 4 and 5",
        ) from error
    return SerialLink(port)


def _explain(path: str, error: serial.SerialException) -> LinkError:
    number = error.errno if isinstance(error.errno, int) else None
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return LinkError(
            f"serial port {path} is not there",
            hint="plug the cable in, or set the port to one listed under /dev/serial/by-id",
        )
    if number in (errno.EACCES, errno.EPERM):
        return LinkError(
            f"no permission to open serial port {path}",
            hint=f"add this user to the group that owns {path}, usually dialout, "
            "then log in again: sudo usermod -aG dialout $USER",
        )
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK) or "lock" in str(error):
        return LinkError(
            f"serial port {path} is in use by another program",
            hint=f"stop the other program; 'fuser {path}' names it",
        )
    return LinkError(
        f"serial port {path} could not be opened: {error}", hint="check that it is a serial port"
    )
