"""Makes an artefact, the maker's side of an update: packs a folder of packages and signs it."""

import gzip
import hashlib
import io
import platform
import sys
import tarfile
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.database import READABLE_FROM, migrations
from agent.update.keys import sign
from agent.update.slots import MANIFEST, PACKAGES, Manifest
from shared.errors import OperatorError
from shared.jobs import MAX_ARTEFACT_BYTES, Artefact, Target

LEFT_OUT = "__pycache__"
FILE_MODE, FOLDER_MODE = 0o644, 0o755


def pack(packages: Path, manifest: Manifest, target: Path) -> None:
    """Write a slot's archive: the same bytes for the same files; raises OperatorError."""
    if not (packages / "shared").is_dir() or not (packages / "agent").is_dir():
        raise OperatorError(
            f"{packages} has no hearthlink in it",
            hint="fill it with: pip install --target FOLDER 'hearthlink[agent]'",
        )
    try:
        with (
            target.open("xb") as file,
            gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            _add(archive, MANIFEST, msgspec.json.encode(manifest))
            for path in sorted(packages.rglob("*")):
                name = f"{PACKAGES}/{path.relative_to(packages).as_posix()}"
                if LEFT_OUT in path.parts or path.is_symlink():
                    continue
                if path.is_dir():
                    entry = tarfile.TarInfo(name)
                    entry.type, entry.mode = tarfile.DIRTYPE, FOLDER_MODE
                    archive.addfile(entry)
                elif path.is_file():
                    _add(archive, name, path.read_bytes())
    except OSError as error:
        raise OperatorError(
            f"{target} cannot be written: {error}", hint="name a new file"
        ) from error


def own_manifest(version: str, machine: str = "") -> Manifest:
    """Say of packages like this program's what they need and what their database is."""
    return Manifest(
        version,
        f"{sys.version_info.major}.{sys.version_info.minor}",
        machine or platform.machine(),
        migrations()[-1][0],
        READABLE_FROM,
    )


def describe(
    archive: Path, version: str, url: str, key_id: str, key: Ed25519PrivateKey
) -> Artefact:
    """Say what an archive is and sign that; raises OperatorError where it is too large."""
    size = archive.stat().st_size
    if size > MAX_ARTEFACT_BYTES:
        raise OperatorError(f"{archive} has {size} bytes; {MAX_ARTEFACT_BYTES} at most")
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    unsigned = Artefact(Target.AGENT, version, url, digest, size, key_id, "")
    return msgspec.structs.replace(unsigned, signature=sign(unsigned, key))


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), FILE_MODE
    archive.addfile(entry, io.BytesIO(content))
