"""Firmware images for MCUboot, signed by a maker of the tests: small, quick, and spoilt at will."""

import hashlib
import random
import struct
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256

from firmware_bridge.display.image_rules import ECDSA, ED25519, KEY_HASH

MAGIC = 0x96F3B83D
HEADER_BYTES = 0x200
BOARD = "panel-a"
Key = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


def tag(number: int, value: bytes) -> bytes:
    """Write one tag."""
    return struct.pack("<BxH", number, len(value)) + value


def area(magic: int, tags: bytes) -> bytes:
    """Write an area of tags."""
    return struct.pack("<HH", magic, 4 + len(tags)) + tags


@dataclass
class FirmwareMaker:
    """Who makes firmware for panels."""

    key: Key = field(default_factory=ed25519.Ed25519PrivateKey.generate)

    def public_pem(self) -> str:
        """Write the public key that hubs and bootloaders are given."""
        public = self.key.public_key()
        return public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()

    def key_hash(self) -> bytes:
        """Name the key as images do."""
        written = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return hashlib.sha256(written).digest()

    def sign(self, signed: bytes) -> bytes:
        """Make the tag with the signature."""
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return tag(ED25519, self.key.sign(hashlib.sha256(signed).digest()))
        return tag(ECDSA, self.key.sign(signed, ec.ECDSA(SHA256())))

    def make(
        self,
        version: tuple[int, int, int, int] = (1, 1, 0, 0),
        payload_bytes: int = 8_000,
        board: str | None = BOARD,
        flags: int = 0,
        *,
        is_signed: bool = True,
    ) -> bytes:
        """Make an image; its payload follows from its version."""
        payload = random.Random(str(version)).randbytes(payload_bytes)
        protected = b"" if board is None else area(0x6908, tag(0xA0, board.encode()))
        header = struct.pack(
            "<LLHHLLBBHL4x",
            MAGIC,
            0,
            HEADER_BYTES,
            len(protected),
            len(payload),
            flags,
            *version,
        )
        signed = header.ljust(HEADER_BYTES, b"\x00") + payload + protected
        tags = tag(0x10, hashlib.sha256(signed).digest())
        if is_signed:
            tags += tag(KEY_HASH, self.key_hash()) + self.sign(signed)
        return signed + area(0x6907, tags)
