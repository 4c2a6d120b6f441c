"""Where the hub's private key lives: the port, and the adapter for a file.

A key is made where it stays, is used through what cryptography calls an EC private key, and is
never logged, copied or exported. The other adapter is agent/identity/token.py (PKCS#11).
"""

import base64
import binascii
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agent.identity.files import write_whole
from agent.uplink.access import TokenKeyRef
from shared.errors import OperatorError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

KEY_NAME = "device.key"
OTHERS = stat.S_IRWXG | stat.S_IRWXO
PROVISION_ANEW = "provision the hub anew"

P256_HEAD = bytes.fromhex("020100301306072a8648ce3d020106082a8648ce3d030107")
"""Version 0, id-ecPublicKey, prime256v1: what a PKCS#8 key holds before its secret."""


class KeyStore(Protocol):
    """Keys of one kind, each belonging to a folder that also holds its certificate."""

    def make(self, folder: Path) -> "ec.EllipticCurvePrivateKey":
        """Make this folder's key (P-256), or open the one that it has; durable on return.

        Raises OperatorError where it cannot be made or used.
        """

    def open(self, folder: Path) -> "ec.EllipticCurvePrivateKey":
        """Open this folder's key; raises OperatorError where there is none, or it is not safe."""

    def reach(self, folder: Path) -> Path | TokenKeyRef:
        """Say how a TLS library gets at this folder's key; raises OperatorError."""

    def forget(self, folder: Path) -> None:
        """Destroy this folder's key; one that is gone is forgotten already."""


class FileKeyStore:
    """Keys as PKCS#8 files, mode 0600, under one name in their folders."""

    def __init__(self, name: str = KEY_NAME) -> None:
        self._name = name

    def make(self, folder: Path) -> "ec.EllipticCurvePrivateKey":
        """Make the key, or open the one that is there."""
        path = folder / self._name
        if path.exists():
            return read_key(path)
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 (weighs 8 MB)

        key = ec.generate_private_key(ec.SECP256R1())
        write_whole(path, pem_of(key))
        return key

    def open(self, folder: Path) -> "ec.EllipticCurvePrivateKey":
        """Read the key; raises OperatorError where others may read it too."""
        return read_key(folder / self._name)

    def reach(self, folder: Path) -> Path:
        """Name the file, once it is safe to use.

        A key as `make` writes it is left to TLS to read: what else reads it weighs 8 MB.
        """
        path = folder / self._name
        if not _is_ours(_read_private(path)):
            read_key(path)
        return path

    def forget(self, folder: Path) -> None:
        """Delete the file. An SD card keeps what it held until it is written over."""
        (folder / self._name).unlink(missing_ok=True)


def pem_of(key: "ec.EllipticCurvePrivateKey") -> bytes:
    """Write a key as its file holds it."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 (as above)

    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def read_key(path: Path) -> "ec.EllipticCurvePrivateKey":
    """Read a key file; raises OperatorError where it is not private, or no EC key on P-256."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 (as above)
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 (as above)
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 (as above)

    try:
        key = serialization.load_pem_private_key(_read_private(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise OperatorError(
            f"the private key {path} cannot be read: {error}", hint=PROVISION_ANEW
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise OperatorError(f"the private key {path} is no EC key on P-256", hint=PROVISION_ANEW)
    return key


def _read_private(path: Path) -> bytes:
    """Read a file that nobody else may read; raises OperatorError where others may."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & OTHERS:
            raise OperatorError(
                f"the private key {path} has mode {mode:04o}: others may be able to read it",
                hint=f"if nobody has, chmod 600 {path}; if in doubt, provision the hub anew",
            )
        return path.read_bytes()
    except OSError as error:
        raise OperatorError(
            f"the private key {path} cannot be read: {error}", hint=PROVISION_ANEW
        ) from error


def _is_ours(pem: bytes) -> bool:
    """Tell whether a file begins and ends as `pem_of` writes an EC key on P-256 (RFC 5958).

    What is in between TLS reads, and refuses where it is spoilt.
    """
    lines = pem.split()
    head, body, tail = lines[:3], lines[3:-3], lines[-3:]
    if head != [b"-----BEGIN", b"PRIVATE", b"KEY-----"]:
        return False
    if tail != [b"-----END", b"PRIVATE", b"KEY-----"]:
        return False
    try:
        return base64.b64decode(b"".join(body), validate=True)[3:].startswith(P256_HEAD)
    except binascii.Error:
        return False
