"""The hub's private key in a PKCS#11 token: a TPM, a secure element, SoftHSM.

Loads python-pkcs11 and the token's own module into this process, only where a token is configured.
The folder holds a `key.uri` (RFC 7512) that names the key; whoever has the file has no key.
"""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pkcs11
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    encode_dss_signature,
)
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.exceptions import NoSuchToken, PKCS11Error, UserAlreadyLoggedIn
from pkcs11.util.ec import encode_named_curve_parameters

from agent.identity.files import write_whole
from agent.uplink.access import TokenKeyRef
from shared.errors import OperatorError

URI_NAME = "key.uri"
ID_BYTES = 16
COORDINATE_BYTES = 32
POINT_BYTES = 65
"""An uncompressed point of P-256: 04, x and y."""

_guard = threading.Lock()
"""A module is used by one thread at a time: sessions of a token share its login."""


@dataclass(frozen=True, slots=True)
class Token:
    """Which token by which module, and its PIN, which no message shows."""

    module: Path
    label: str
    pin: str

    def __repr__(self) -> str:
        return f"Token({str(self.module)!r}, {self.label!r})"


class TokenKeyStore:
    """Keys that are made in the token, sensitive and not extractable."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def make(self, folder: Path) -> ec.EllipticCurvePrivateKey:
        """Make the key under a name that is written down first, so that a cut leaves no orphan."""
        uri = folder / URI_NAME
        if not uri.exists():
            name = f"hearthlink-{secrets.token_hex(ID_BYTES)}"
            write_whole(
                uri, f"pkcs11:token={self._token.label};object={name};type=private".encode()
            )
        name = object_of(folder)
        with _session(self._token) as session:
            if not _find(session, name, ObjectClass.PRIVATE_KEY):
                _generate(session, name)
        return self.open(folder)

    def open(self, folder: Path) -> ec.EllipticCurvePrivateKey:
        """Find the key that the folder names."""
        name = object_of(folder)
        with _session(self._token) as session:
            private = _find(session, name, ObjectClass.PRIVATE_KEY)
            public = _find(session, name, ObjectClass.PUBLIC_KEY)
            if not private or not public:
                raise OperatorError(
                    f"the token {self._token.label!r} holds no key {name!r}",
                    hint="put the hub's own token back, or provision the hub anew",
                )
            point = bytes(public[0][Attribute.EC_POINT])
        # DER octet string around the point (PKCS#11 3.1 §6.3.3).
        return TokenKey(self._token, name, point[-POINT_BYTES:])

    def reach(self, folder: Path) -> TokenKeyRef:
        """Say which key of which token it is."""
        token = self._token
        return TokenKeyRef(
            token.module, token.label, token.pin, object_of(folder), lambda: self.open(folder)
        )

    def forget(self, folder: Path) -> None:
        """Destroy the key in the token."""
        if not (folder / URI_NAME).exists():
            return
        name = object_of(folder)
        with _session(self._token) as session:
            for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
                for found in _find(session, name, kind):
                    found.destroy()
        (folder / URI_NAME).unlink()


class TokenKey(ec.EllipticCurvePrivateKey):
    """A key that signs in its token; cryptography takes it like any other of its kind."""

    def __init__(self, token: Token, name: str, point: bytes) -> None:
        self.token = token
        self.name = name
        self._public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)

    def __repr__(self) -> str:
        return f"TokenKey({self.name!r})"

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """Sign with ECDSA and SHA-256; returns DER. Raises OperatorError where the token fails."""
        algorithm = signature_algorithm.algorithm
        if isinstance(algorithm, Prehashed) or not isinstance(algorithm, hashes.SHA256):
            raise TypeError("a token's key signs with SHA-256 alone")
        digest = hashes.Hash(algorithm)
        digest.update(data)
        with _session(self.token) as session:
            (key,) = _find(session, self.name, ObjectClass.PRIVATE_KEY)[:1] or (None,)
            if key is None:
                raise OperatorError(f"the token {self.token.label!r} lost the key {self.name!r}")
            signed = key.sign(digest.finalize(), mechanism=Mechanism.ECDSA)
        r, s = signed[:COORDINATE_BYTES], signed[COORDINATE_BYTES:]
        return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half."""
        return self._public

    @property
    def curve(self) -> ec.EllipticCurve:
        """P-256."""
        return ec.SECP256R1()

    @property
    def key_size(self) -> int:
        """256 bits."""
        return self.curve.key_size

    def exchange(self, *_: object) -> NoReturn:
        """Refuse: this key signs."""
        raise TypeError("a token's key signs, and does nothing else")

    def private_numbers(self) -> NoReturn:
        """Refuse: the key does not leave its token."""
        raise TypeError("a token's key never leaves it")

    def private_bytes(self, *_: object) -> NoReturn:
        """Refuse: the key does not leave its token."""
        raise TypeError("a token's key never leaves it")

    def __copy__(self) -> "TokenKey":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "TokenKey":
        return self


def object_of(folder: Path) -> str:
    """Read which object of the token is this folder's key; raises OperatorError."""
    path = folder / URI_NAME
    try:
        parts = path.read_text().strip().removeprefix("pkcs11:").split(";")
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be read: {error}", hint="provision the hub anew"
        ) from error
    for part in parts:
        key, _, value = part.partition("=")
        if key == "object" and value:
            return value
    raise OperatorError(f"{path} names no object of a token", hint="provision the hub anew")


def _generate(session: Any, name: str) -> None:
    curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
    parameters = session.create_domain_parameters(KeyType.EC, curve, local=True)
    parameters.generate_keypair(
        store=True,
        label=name,
        public_template={Attribute.ID: name.encode()},
        private_template={
            Attribute.ID: name.encode(),
            Attribute.SENSITIVE: True,
            Attribute.EXTRACTABLE: False,
        },
    )


def _find(session: Any, name: str, kind: ObjectClass) -> list[Any]:
    return list(session.get_objects({Attribute.LABEL: name, Attribute.CLASS: kind}))


def _opened(found: Any, pin: str) -> Any:
    try:
        return found.open(rw=True, user_pin=pin)
    except UserAlreadyLoggedIn:
        # The AWS runtime has, in this process: a login is the whole process's.
        return found.open(rw=True)


@contextmanager
def _session(token: Token) -> Iterator[Any]:
    try:
        with _guard:
            found = pkcs11.lib(str(token.module)).get_token(token_label=token.label)
            with _opened(found, token.pin) as session:
                yield session
    except NoSuchToken as error:
        raise OperatorError(
            f"{token.module} knows no token {token.label!r}",
            hint="correct identity.pkcs11_token; pkcs11-tool --list-slots names them",
        ) from error
    except (PKCS11Error, RuntimeError) as error:
        raise OperatorError(
            f"the token {token.label!r} cannot be used: {type(error).__name__} {error}".strip(),
            hint="check identity.pkcs11_module, identity.pkcs11_token and the PIN",
        ) from error
