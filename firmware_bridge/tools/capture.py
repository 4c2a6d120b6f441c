"""`hearthlink capture`: records a meter's bytes as they come, with their timing beside them."""

import argparse
import asyncio
import contextlib
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from firmware_bridge.links import Link, LinkSettings, open_link
from firmware_bridge.links.addresses import check_address, device_of
from firmware_bridge.links.optical import open_optical
from firmware_bridge.links.port import DEFAULT_BAUD, DEFAULT_FRAMING
from firmware_bridge.links.replay import TIMING_SUFFIX, Mark
from firmware_bridge.tools import console
from firmware_bridge.tools.options import (
    PORT_HELP,
    add_account_options,
    framing,
    password_of,
    positive,
)
from firmware_bridge.tools.pseudonyms import SALT_BYTES
from firmware_bridge.tools.redaction import Redactor
from shared.clock import Clock, SystemClock
from shared.errors import LinkError, OperatorError
from shared.units import MS_PER_SECOND

LOOK_S = 0.5
"""How often the progress line moves, and files are handed to the operating system."""

MAX_CAPTURE_BYTES = 2 * 1024**3
"""A forgotten capture must not fill the card: three weeks of the chattiest meter."""

EXIT_OK = 0
EXIT_FAILED = 1


class Recorder:
    """Writes a capture and its timing; both files are new, and removed again if left empty."""

    def __init__(self, path: Path, clock: Clock, redactor: Redactor | None) -> None:
        """Create both files; raise OperatorError where one is there, or cannot be made."""
        self.path, self.timing_path = path, path.with_name(path.name + TIMING_SUFFIX)
        self._clock, self._redactor = clock, redactor
        self._start_ms = clock.monotonic_ms()
        self.size = 0
        self.heard = 0
        with contextlib.ExitStack() as undo:
            self._file = _create(path)
            undo.callback(path.unlink)
            undo.callback(self._file.close)
            self._timing = _create(self.timing_path)
            undo.pop_all()

    @property
    def elapsed_s(self) -> float:
        """How long the capture has gone on."""
        return (self._clock.monotonic_ms() - self._start_ms) / MS_PER_SECOND

    def take(self, chunk: bytes) -> None:
        """Note when bytes came, and write them; redacted ones wait for their telegram's end."""
        line = Mark(self.heard, self._clock.monotonic_ms() - self._start_ms)
        self._timing.write(msgspec.json.encode(line) + b"\n")
        self.heard += len(chunk)
        self._write(self._redactor.feed(chunk) if self._redactor else chunk)

    def flush(self) -> None:
        """Hand what there is to the operating system."""
        self._file.flush()
        self._timing.flush()

    def close(self) -> None:
        """Write what waits, and close; nothing recorded leaves no file."""
        if self._redactor:
            self._write(self._redactor.finish())
        self._file.close()
        self._timing.close()
        if not self.size:
            self.path.unlink()
            self.timing_path.unlink()

    def _write(self, content: bytes) -> None:
        self._file.write(content)
        self.size += len(content)


def run(arguments: list[str]) -> int:
    """Record until Ctrl-C, SIGTERM, the time is up or the port is lost; 0 where bytes came."""
    options = build_parser().parse_args(arguments)
    return asyncio.run(_capture(options))


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser; the documentation is checked against it."""
    parser = argparse.ArgumentParser(
        prog="hearthlink capture",
        description="Record a meter's bytes to FILE, and when they came to FILE.timing.",
    )
    parser.add_argument("port", metavar="PORT", help=PORT_HELP)
    parser.add_argument("file", metavar="FILE", type=Path, help="a file that does not exist yet")
    parser.add_argument("--baud", type=int, default=DEFAULT_BAUD, help=f"default {DEFAULT_BAUD}")
    parser.add_argument(
        "--framing",
        type=framing,
        default=DEFAULT_FRAMING,
        help=f"data bits, parity, stop bits (default {DEFAULT_FRAMING})",
    )
    parser.add_argument(
        "--ask",
        action="store_true",
        help="ask for a readout once a minute, as optical heads must (IEC 62056-21)",
    )
    add_account_options(parser)
    parser.add_argument("--seconds", type=positive, help="end by itself after so long")
    parser.add_argument(
        "--redact",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="replace serials, addresses and messages (default); --no-redact records all as it is",
    )
    return parser


async def _capture(options: argparse.Namespace) -> int:
    link = await _open(options)
    redactor = Redactor(secrets.token_bytes(SALT_BYTES)) if options.redact else None
    failure: LinkError | None = None
    try:
        recorder = Recorder(options.file, SystemClock(), redactor)
        with _stopped_by_signals() as stopping:
            try:
                await _record(link, recorder, options, stopping)
            except LinkError as error:
                failure = None if link.is_finite else error
            finally:
                recorder.close()
    finally:
        await link.close()
    _tell_end(recorder, redactor, failure)
    return EXIT_OK if recorder.size and failure is None else EXIT_FAILED


async def _open(options: argparse.Namespace) -> Link:
    if options.ask:
        check_address(options.port)
        return open_optical(device_of(options.port))
    settings = LinkSettings(
        options.baud, options.framing, options.username, password_of(options.password)
    )
    return await open_link(options.port, settings)


async def _record(
    link: Link, recorder: Recorder, options: argparse.Namespace, stopping: asyncio.Event
) -> None:
    """Take chunks until told to stop; raise LinkError when the port is lost."""
    stopped = asyncio.create_task(stopping.wait(), name="capture-stopping")
    reading = asyncio.create_task(link.read(), name="capture-reading")
    try:
        while not stopping.is_set() and recorder.heard < MAX_CAPTURE_BYTES:
            left_s = (options.seconds or float("inf")) - recorder.elapsed_s
            if left_s <= 0:
                return
            await asyncio.wait(
                {reading, stopped},
                timeout=min(LOOK_S, left_s),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if reading.done():
                recorder.take(reading.result())
                reading = asyncio.create_task(link.read(), name="capture-reading")
            _show(recorder, options.seconds)
    finally:
        await _cancel(reading, stopped)


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[asyncio.Event]:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, stopping.set)
    try:
        yield stopping
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _create(path: Path) -> BinaryIO:
    try:
        return path.open("xb")
    except FileExistsError as error:
        raise OperatorError(f"{path} is there already", hint="choose another name") from error
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be written: {error.strerror}", hint="choose another folder"
        ) from error


def _show(recorder: Recorder, seconds: float | None) -> None:
    recorder.flush()
    elapsed_s = recorder.elapsed_s
    bar = f"{console.bar(elapsed_s, seconds)} " if seconds else ""
    per_s = recorder.heard / max(elapsed_s, LOOK_S)
    console.show_progress(
        f"{bar}{elapsed_s:.0f} s  {recorder.heard:,} bytes  {per_s:,.0f} bytes/s  Ctrl-C ends"
    )


def _tell_end(recorder: Recorder, redactor: Redactor | None, failure: LinkError | None) -> None:
    if failure is not None:
        console.note(str(failure))
    if recorder.size >= MAX_CAPTURE_BYTES:
        console.note(f"ended at {MAX_CAPTURE_BYTES >> 20:,} MB, the most one capture may have")
    if not recorder.size:
        console.note("nothing was heard, so no file was kept; 'hearthlink detect PORT' looks why")
        return
    console.say(
        f"{recorder.size:,} bytes in {recorder.elapsed_s:.0f} s: {recorder.path}, "
        f"timing in {recorder.timing_path}"
    )
    if redactor is not None:
        _tell_redaction(redactor)
    console.note(f"'hearthlink decode --summary {recorder.path}' tells what is in it")


def _tell_redaction(redactor: Redactor) -> None:
    if not redactor.protocol:
        console.note(
            "no protocol was recognised, so serials may still be in it: "
            "look for the number on your meter before you send it"
        )
    elif not redactor.replaced:
        console.note(f"nothing in it names you ({redactor.protocol})")
    else:
        console.note(
            f"serials, addresses and messages were replaced: {redactor.replaced} different ones"
        )
    if redactor.is_encrypted:
        console.note(
            "it is encrypted, and no key opens a redacted one; "
            "--no-redact records it for yourself. Never send anybody your key"
        )
