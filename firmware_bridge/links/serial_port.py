"""A serial port through pyserial, waited on by the event loop.

pyserial rather than serialx: both open a port as well, and serialx costs a hub some 13 MB more of
resident memory. pyserial is asked only to open and configure; the bytes are read from its file
descriptor when the loop says there are some, so no thread is needed.
"""

import asyncio
import contextlib
import errno
import os
import re
import stat
import termios
from pathlib import Path

import serial

from firmware_bridge.links.devices import joinable_group, probe_device
from firmware_bridge.links.port import DEFAULT_FRAMING, READ_BYTES
from shared.errors import LinkError

FRAMING = re.compile(r"([5-8])([NEO])([12])")

PTY_MAJORS = range(136, 144)
"""Device numbers of pseudo-terminals (Linux, devices.txt): they have no data bits or parity."""

BITS_PER_BYTE = 11
"""On the line, at most: a start bit, eight bits, parity, a stop bit."""

WRITE_TIMEOUT_S = 2
"""A port that takes no byte for so long is held back by the other side's handshake lines."""

SENT_MARGIN_S = 0.02
"""A USB adapter holds bytes back for up to 16 ms."""


class _KeepingPort(serial.Serial):
    """A pyserial port that keeps what had arrived before it was opened."""

    def _reset_input_buffer(self) -> None:
        # pyserial flushes on open; after a restart of ours those bytes are readings already sent.
        pass


class SerialLink:
    """A serial port, held exclusively."""

    is_finite = False
    longest_pause_s = 0.0

    def __init__(self, port: serial.Serial) -> None:
        self._port = port
        self._name = str(port.port)

    async def read(self) -> bytes:
        """Return the next bytes; raise LinkError when the port has gone away."""
        # A port that is never empty must not keep the loop from its other work; this comes before
        # the read, for bytes that were read must not be lost to a cancellation.
        await asyncio.sleep(0)
        chunk = self._read_now()
        if chunk:
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

    async def write(self, content: bytes) -> None:
        """Send a short message and wait until it has left; raise LinkError if the port is gone."""
        try:
            self._port.write(content)
        except (OSError, serial.SerialException) as error:
            raise LinkError(
                f"serial port {self._name} cannot be written to: {error}",
                hint="check that the cable is plugged in",
            ) from error
        # What the kernel has passed on may still be in the adapter, so the line's speed decides.
        await asyncio.sleep(len(content) * BITS_PER_BYTE / self._port.baudrate + SENT_MARGIN_S)

    def write_now(self, content: bytes) -> int:
        """Write what the port takes at once, and return how many bytes that was.

        Never waits: a reader that has stopped holds nobody up. Raise LinkError if the port is gone.
        """
        if not self._port.is_open:
            raise LinkError(f"serial port {self._name} is closed")
        try:
            return os.write(self._port.fileno(), content)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise LinkError(
                f"serial port {self._name} cannot be written to: {error.strerror}",
                hint="check that the cable is plugged in",
            ) from error

    def retune(self, *, baud: int, framing: str) -> None:
        """Change speed and framing, and forget what came before; raise LinkError if refused."""
        data_bits, parity, stop_bits = _split_framing(self._name, framing)
        try:
            self._port.baudrate = baud
            self._port.bytesize, self._port.parity = data_bits, parity
            self._port.stopbits = stop_bits
            termios.tcflush(self._port.fileno(), termios.TCIFLUSH)
        except (OSError, ValueError, serial.SerialException, termios.error) as error:
            raise LinkError(
                f"serial port {self._name} refused {baud} baud, {framing}: {error}",
                hint="use an adapter that can; most USB ones do",
            ) from error

    async def close(self) -> None:
        """Release the port and its lock."""
        # An adapter that was pulled out may fail even to close.
        with contextlib.suppress(OSError):
            self._port.close()


def open_serial(path: str, *, baud: int, framing: str = DEFAULT_FRAMING) -> SerialLink:
    """Open a serial port; raise LinkError, with the fix in its hint, when it cannot be had."""
    data_bits, parity, stop_bits = _split_framing(path, framing)
    try:
        port = _KeepingPort(
            path,
            baud,
            bytesize=data_bits,
            parity=parity,
            stopbits=stop_bits,
            timeout=0,
            write_timeout=WRITE_TIMEOUT_S,
            exclusive=True,
        )
    except serial.SerialException as error:
        raise explain_port(path, error) from error
    except (ValueError, termios.error) as error:
        raise LinkError(
            f"serial port {path} refused {baud} baud, {framing}: {error}",
            hint="use the rate the meter's manual gives, 115200 for DSMR 4 and 5",
        ) from error
    return SerialLink(port)


def is_framing(framing: str) -> bool:
    """Tell whether a text is data bits, parity and stop bits, such as 8N1."""
    return FRAMING.fullmatch(framing) is not None


def _split_framing(path: str, framing: str) -> tuple[int, str, int]:
    match = FRAMING.fullmatch(framing)
    if match is None:
        raise LinkError(f"framing {framing!r} is none", hint="use 8N1, 8E1 or 7E1")
    if _is_pseudo_terminal(path):
        return 8, "N", 1
    return int(match[1]), match[2], int(match[3])


def _is_pseudo_terminal(path: str) -> bool:
    try:
        found = Path(path).stat()
    except OSError:
        return False
    return stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) in PTY_MAJORS


def explain_port(path: str, error: OSError) -> LinkError:
    """Say why a serial port could not be opened, whatever library tried, with the fix as hint."""
    number = error.errno if isinstance(error.errno, int) else None
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return LinkError(
            f"serial port {path} is not there",
            hint="plug the cable in, or set the port to one listed under /dev/serial/by-id",
        )
    if number in (errno.EACCES, errno.EPERM):
        group = joinable_group(probe_device(Path(path)))
        return LinkError(
            f"no permission to open serial port {path}",
            hint=f"join the group {group}, then log in again: sudo usermod -aG {group} $USER",
        )
    if number in (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK) or "lock" in str(error):
        owners = ", ".join(probe_device(Path(path)).holders)
        fix = "stop that program, or read the port where it runs"
        return LinkError(
            f"serial port {path} is in use by {owners or 'another program'}",
            hint=fix if owners else f"{fix}; 'fuser {path}' names it",
        )
    return LinkError(
        f"serial port {path} could not be opened: {error}", hint="check that it is a serial port"
    )
