"""Takes an artefact's archive apart: plain files and folders below one folder, and nothing else.

A program needs no links, devices or owners, so any member that is more than a file or a folder
with a plain relative name refuses the whole archive. Every number is bounded.
"""

import gzip
import os
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from shared.errors import BadInputError, RetryableError

MAX_MEMBERS = 50_000
"""A hub's packages are 4,000 files."""

MAX_UNPACKED_BYTES = 1 << 30
MAX_NAME_CHARS = 1_024
MAX_DEPTH = 32
COPY_BYTES = 256 * 1024


def unpack(archive: Path, folder: Path, is_wanted: Callable[[], bool]) -> None:
    """Write what is in a .tar.gz below an empty folder; raises BadInputError for what may not be.

    Nothing is durable yet, and half of it may be there where it raises.
    """
    taken = 0
    try:
        with tarfile.open(archive, "r|gz") as members:
            for number, member in enumerate(members):
                check_member(member, number)
                taken += member.size
                if taken > MAX_UNPACKED_BYTES:
                    raise BadInputError(f"the archive unpacks to over {MAX_UNPACKED_BYTES} bytes")
                if not is_wanted():
                    raise RetryableError("the hub is stopping")
                _put(members, member, folder)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, FileExistsError) as error:
        raise BadInputError(f"the archive cannot be unpacked: {error}") from error
    except OSError as error:
        raise RetryableError(f"the archive could not be unpacked: {error}") from error


def check_member(member: tarfile.TarInfo, number: int = 0) -> None:
    """Raise BadInputError for a member that could write elsewhere, or is anything but a file."""
    if number >= MAX_MEMBERS:
        raise BadInputError(f"the archive has over {MAX_MEMBERS} members")
    name = member.name
    if not (member.isreg() or member.isdir()):
        raise BadInputError(f"archive member {name[:80]!r} is neither a file nor a folder")
    parts = PurePosixPath(name).parts
    is_plain = name.isprintable() and "\\" not in name and len(name) <= MAX_NAME_CHARS
    if not is_plain or not parts or name.startswith("/") or len(parts) > MAX_DEPTH:
        raise BadInputError(f"archive member {name[:80]!r} has no plain relative name")
    if ".." in name.split("/"):
        raise BadInputError(f"archive member {name[:80]!r} leads out of its folder")


def _put(members: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    target = folder / PurePosixPath(member.name)
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    source = members.extractfile(member)
    if source is None:
        raise BadInputError(f"archive member {member.name[:80]!r} has no content")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
        while chunk := source.read(COPY_BYTES):
            file.write(chunk)
