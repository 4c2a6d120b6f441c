"""Fetches an artefact: resumed where it stopped, never longer than it says, hashed as it comes.

Blocking, for a thread of its own. What arrives is nobody's word until `check_content` has seen all
of it; redirects are not followed.
"""

import contextlib
import hashlib
import http.client
import os
import shutil
import ssl
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from agent.update.source import Source, read_url
from shared.errors import BadInputError, OperatorError, RetryableError
from shared.jobs import Artefact

ANSWER_S = 30.0
CHUNK_BYTES = 64 * 1024
ROOM_FACTOR = 5
"""The archive itself, and what is unpacked from it: packages are a quarter of their size in it."""

ROOM_LEFT_BYTES = 32 << 20
"""The log must go on while the disk holds two programs and an archive."""

OpenContext = Callable[[], ssl.SSLContext]


def part_of(folder: Path, artefact: Artefact) -> Path:
    """Name the file that an artefact is fetched into: by its hash, so that no two are mixed up."""
    return folder / f"{artefact.sha256}.part"


def check_room(folder: Path, artefact: Artefact) -> None:
    """Raise OperatorError where the disk has no room for archive and program."""
    wanted = artefact.size_bytes * ROOM_FACTOR + ROOM_LEFT_BYTES
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise OperatorError(
            f"{folder} has {free >> 20} MB free, the update needs {wanted >> 20} MB",
            hint="make room on the hub's disk, or shrink log.max_mb",
        )


def forget_others(folder: Path, artefact: Artefact | None = None) -> None:
    """Remove what was fetched of any other artefact."""
    kept = part_of(folder, artefact).name if artefact is not None else ""
    for path in folder.glob("*.part"):
        if path.name != kept:
            path.unlink(missing_ok=True)


def fetch_some(
    artefact: Artefact,
    folder: Path,
    open_context: OpenContext,
    is_wanted: Callable[[], bool],
    tell: Callable[[int], None],
) -> Path:
    """Go on fetching until all of it is there; return the file, its length right and durable.

    `tell` hears how many bytes there are; `is_wanted` is asked between chunks. Raises
    RetryableError where the same call may go on later, BadInputError for an answer that cannot be.
    """
    source, path = read_url(artefact.url), part_of(folder, artefact)
    held = path.stat().st_size if path.exists() else 0
    if held > artefact.size_bytes:
        path.unlink()
        held = 0
    if held == artefact.size_bytes:
        return path
    with contextlib.closing(_connect(source, open_context)) as connection:
        try:
            answer = _ask(connection, source, held)
            _judge(answer, held)
            held = held if answer.status == HTTPStatus.PARTIAL_CONTENT else 0
            _write(path, held, answer, artefact.size_bytes, is_wanted, tell)
        except (OSError, http.client.HTTPException) as error:
            raise RetryableError(f"{source.host}:{source.port} broke off: {error}") from error
    return path


def check_content(path: Path, artefact: Artefact) -> None:
    """Raise BadInputError, and remove the file, unless it is what was signed, byte for byte."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    if (found, size) != (artefact.sha256, artefact.size_bytes):
        path.unlink()
        raise BadInputError(
            f"the artefact is not what was signed: {size} bytes with SHA-256 {found[:16]}…, "
            f"expected {artefact.size_bytes} with {artefact.sha256[:16]}…"
        )


def _connect(source: Source, open_context: OpenContext) -> "http.client.HTTPConnection":
    if source.is_secure:
        return http.client.HTTPSConnection(
            source.host, source.port, timeout=ANSWER_S, context=open_context()
        )
    return http.client.HTTPConnection(source.host, source.port, timeout=ANSWER_S)


def _ask(
    connection: "http.client.HTTPConnection", source: Source, held: int
) -> "http.client.HTTPResponse":
    headers = {"Accept-Encoding": "identity"}
    if held:
        headers["Range"] = f"bytes={held}-"
    connection.request("GET", source.path, headers=headers)
    return connection.getresponse()


def _judge(answer: "http.client.HTTPResponse", held: int) -> None:
    status = answer.status
    if status == HTTPStatus.OK:
        return
    if status == HTTPStatus.PARTIAL_CONTENT:
        begins = answer.getheader("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        if begins.strip() != str(held):
            raise BadInputError(f"asked from byte {held} on, the answer begins at {begins[:20]!r}")
        return
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RetryableError(f"the artefact's server answers {status}")
    raise BadInputError(f"the artefact's server answers {status}: it is not there")


def _write(
    path: Path,
    held: int,
    answer: "http.client.HTTPResponse",
    size_bytes: int,
    is_wanted: Callable[[], bool],
    tell: Callable[[int], None],
) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (0 if held else os.O_TRUNC)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.seek(held)
        file.truncate()
        while chunk := answer.read(CHUNK_BYTES):
            held += len(chunk)
            if held > size_bytes:
                file.truncate(0)
                raise BadInputError(f"the artefact is longer than the {size_bytes} bytes signed")
            file.write(chunk)
            tell(held)
            if not is_wanted():
                raise RetryableError("the hub is stopping")
        file.flush()
        os.fsync(file.fileno())
    if held < size_bytes:
        raise RetryableError(f"{held} of {size_bytes} bytes came")
