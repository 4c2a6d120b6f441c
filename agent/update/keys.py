"""The maker's public keys that this hub believes, and whether one of them signed an artefact.

The file has a line for each: the key's id and its 32 bytes in Base64. An operator gets it with the
program, not over the uplink: whoever governs the cloud can choose which signed program a hub runs,
never what is in it.
"""

import base64
import binascii
import re
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import BadInputError, OperatorError
from shared.jobs import Artefact

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

MAX_KEYS = 16
KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
HINT = "a line for each key: KEY-ID BASE64, as `hearthlink update key` prints it"


def read_keys(path: Path | None) -> "dict[str, Ed25519PublicKey]":
    """Read the keys by id; raises OperatorError where there are none, or a line is not one."""
    if path is None:
        raise OperatorError(
            "this hub knows no maker's keys, so no artefact can be believed",
            hint="name the file in update.keys_file",
        )
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path} cannot be read: {error}", hint=HINT) from error
    keys: dict[str, Ed25519PublicKey] = {}
    for line in lines:
        words = line.partition("#")[0].split()
        if words:
            keys.update([_read_line(words, path)])
    if not keys or len(keys) > MAX_KEYS:
        raise OperatorError(f"{path} has {len(keys)} keys; 1 to {MAX_KEYS} are in order", hint=HINT)
    return keys


def _read_line(words: list[str], path: Path) -> "tuple[str, Ed25519PublicKey]":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 (weighs 8 MB)
        Ed25519PublicKey,
    )

    try:
        key_id, written = words
        raw = base64.b64decode(written, validate=True)
        key = Ed25519PublicKey.from_public_bytes(raw)
    except ValueError as error:
        raise OperatorError(f"{path}: {error}", hint=HINT) from error
    if not KEY_ID.fullmatch(key_id):
        raise OperatorError(f"{path}: {key_id!r} is no key id", hint=HINT)
    return key_id, key


def check_signature(artefact: Artefact, keys: "dict[str, Ed25519PublicKey]") -> None:
    """Raise BadInputError unless a known key signed exactly this version, hash and size."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 (as above)

    key = keys.get(artefact.key_id)
    if key is None:
        raise BadInputError(
            f"the artefact is signed with {artefact.key_id!r}, a key not known here"
        )
    try:
        key.verify(base64.b64decode(artefact.signature, validate=True), artefact.statement())
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise BadInputError(
            f"the artefact's signature is not that of key {artefact.key_id!r} over "
            f"{artefact.target} {artefact.version}"
        ) from error


def sign(artefact: Artefact, key: "Ed25519PrivateKey") -> str:
    """Sign an artefact's statement; the maker's side."""
    return base64.b64encode(key.sign(artefact.statement())).decode()
