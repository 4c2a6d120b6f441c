"""Where the hub's private key lives: the port, and the adapter for a file.

A key is made where it stays, is used through what cryptography calls an EC private key, and is
never logged, copied or exported. The other adapter is agent/identity/token.py (PKCS#11).
"""

import stat
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.identity.files import write_whole
from agent.uplink.access import TokenKeyRef
from shared.errors import OperatorError

KEY_NAME = "device.key"
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeyStore(Protocol):
    """Keys of one kind, each belonging to a folder that also holds its certificate."""

    def make(self, folder: Path) -> ec.EllipticCurvePrivateKey:
        """Make this folder's key (P-256), or open the one that it has; durable on return.

        Raises OperatorError where it cannot be made or used.
        """

    def open(self, folder: Path) -> ec.EllipticCurvePrivateKey:
        """Open this folder's key; raises OperatorError where there is none, or it is not safe."""

    def reach(self, folder: Path) -> Path | TokenKeyRef:
        """Say how a TLS library gets at this folder's key; raises OperatorError."""

    def forget(self, folder: Path) -> None:
        """Destroy this folder's key; one that is gone is forgotten already."""


class FileKeyStore:
    """Keys as PKCS#8 files, mode 0600, under one name in their folders."""

    def __init__(self, name: str = KEY_NAME) -> None:
        self._name = name

    def make(self, folder: Path) -> ec.EllipticCurvePrivateKey:
        """Make the key, or open the one that is there."""
        path = folder / self._name
        if path.exists():
            return read_key(path)
        key = ec.generate_private_key(ec.SECP256R1())
        write_whole(path, pem_of(key))
        return key

    def open(self, folder: Path) -> ec.EllipticCurvePrivateKey:
        """Read the key; raises OperatorError where others may read it too."""
        return read_key(folder / self._name)

    def reach(self, folder: Path) -> Path:
        """Name the file, once it is safe to use."""
        self.open(folder)
        return folder / self._name

    def forget(self, folder: Path) -> None:
        """Delete the file. An SD card keeps what it held until it is written over."""
        (folder / self._name).unlink(missing_ok=True)


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Write a key as its file holds it."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a key file; raises OperatorError where it is not private, or no EC key on P-256."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & OTHERS:
            raise OperatorError(
                f"the private key {path} has mode {mode:04o}: others may be able to read it",
                hint=f"if nobody has, chmod 600 {path}; if in doubt, provision the hub anew",
            )
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise OperatorError(
            f"the private key {path} cannot be read: {error}", hint="provision the hub anew"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise OperatorError(
            f"the private key {path} is no EC key on P-256", hint="provision the hub anew"
        )
    return key
