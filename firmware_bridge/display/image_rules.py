"""Whether a firmware image may go to a panel: who signed it, for which board, and how new it is.

Pure. All of it is asked before a byte of the image is sent; the panel's bootloader asks again.
"""

import hashlib
from typing import TYPE_CHECKING, TypeAlias

from firmware_bridge.display.image import FirmwareImage, Version, parse_version
from firmware_bridge.display.messages import Capability, Hello
from shared.errors import BadInputError, OperatorError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    PublicKey: TypeAlias = Ed25519PublicKey | EllipticCurvePublicKey

KEYS_MAX = 16
KEY_HASH, PUBLIC_KEY = 0x01, 0x02
ECDSA, ED25519, PURE = 0x22, 0x24, 0x25
"""Tags of signatures (mcuboot/boot/bootutil/include/bootutil/image.h)."""

ENCRYPTED, NOT_BOOTABLE = 0x04 | 0x08, 0x10
END_OF_KEY = "-----END PUBLIC KEY-----"
KEYS_HINT = "give PEM public keys: imgtool getpub -e pem -k KEY.pem"


def parse_keys(text: str) -> "dict[bytes, PublicKey]":
    """Read PEM public keys, Ed25519 or P-256, by the SHA-256 of each, as images name them.

    Raises OperatorError where there are none, too many, or one is of another kind.
    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 (weighs 8 MB)
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # noqa: PLC0415

    keys: dict[bytes, PublicKey] = {}
    for block in text.split(END_OF_KEY)[:-1]:
        try:
            key = serialization.load_pem_public_key((block + END_OF_KEY).encode())
        except ValueError as error:
            raise OperatorError(f"a public key cannot be read: {error}", hint=KEYS_HINT) from error
        is_p256 = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"
        if not isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey) or not (
            is_p256 or isinstance(key, ed25519.Ed25519PublicKey)
        ):
            raise OperatorError("a key is neither Ed25519 nor P-256", hint=KEYS_HINT)
        written = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        keys[hashlib.sha256(written).digest()] = key
    if not 0 < len(keys) <= KEYS_MAX:
        raise OperatorError(
            f"{len(keys)} public keys; 1 to {KEYS_MAX} are in order", hint=KEYS_HINT
        )
    return keys


def check_signature(image: FirmwareImage, keys: "dict[bytes, PublicKey]") -> None:
    """Raise BadInputError unless one of these keys signed exactly this image."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 (as above)
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519  # noqa: PLC0415
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415

    signed = image.content[: image.signed_bytes]
    written = image.value_of(PUBLIC_KEY)
    named = image.value_of(KEY_HASH) or (hashlib.sha256(written).digest() if written else None)
    if named is None:
        raise BadInputError("the image is not signed", hint="sign it: imgtool sign -k KEY.pem")
    key = keys.get(named)
    if key is None:
        raise BadInputError(f"the image is signed by key {named.hex()[:16]}…, not known here")
    try:
        match key, image.value_of(ED25519), image.value_of(ECDSA):
            case ed25519.Ed25519PublicKey(), bytes() as signature, None:
                is_pure = bool(image.value_of(PURE))
                key.verify(signature, signed if is_pure else image.hash)
            case ec.EllipticCurvePublicKey(), None, bytes() as signature:
                key.verify(signature, signed, ec.ECDSA(SHA256()))
            case _:
                raise BadInputError("the image has no signature of its key's kind")
    except InvalidSignature as error:
        raise BadInputError("the image's signature is not that of the key it names") from error


def check_whole(image: FirmwareImage) -> None:
    """Raise BadInputError for an image that a panel could not start, whoever signed it."""
    if image.flags & ENCRYPTED:
        raise BadInputError(
            "the image is encrypted, so that its hash and signature cannot be checked here",
            hint="sign it without --encrypt",
        )
    if image.flags & NOT_BOOTABLE:
        raise BadInputError("the image cannot be started: it is marked as not bootable")
    if image.board is None:
        raise BadInputError(
            "the image does not say which board it is for",
            hint="sign it with: imgtool sign --custom-tlv 0x00a0 BOARD",
        )


def admit_image(image: FirmwareImage, keys: "dict[bytes, PublicKey]") -> FirmwareImage:
    """Return an image that some panel may have; raises as `check_whole` and `check_signature`."""
    check_whole(image)
    check_signature(image, keys)
    return image


def judge_image(image: FirmwareImage, panel: Hello, *, allows_older: bool) -> None:
    """Raise BadInputError unless this image is one for this panel, and newer than what it runs.

    `allows_older` lets in an older or unknown version; never another board.
    """
    capabilities = panel.capabilities or 0
    if not capabilities & Capability.UPDATE:
        raise BadInputError("this panel takes no updates over its line, as it says in HELLO")
    if panel.board is None or panel.board != image.board:
        raise BadInputError(f"the image is for board {image.board!r}, this is {panel.board!r}")
    if allows_older:
        return
    running = parse_version(panel.firmware)
    if running is None:
        raise BadInputError(
            f"the panel runs {panel.firmware!r}, which is no version to compare with",
            hint="allow an older one if you are sure: --allow-older",
        )
    if image.version <= running:
        raise BadInputError(
            f"the image is version {image.version}, the panel already runs {running}",
            hint="allow an older one if you are sure: --allow-older",
        )


def judge_anew(image: FirmwareImage, panel: Hello) -> str:
    """Judge an image whose update begins; raises as `judge_image`.

    Where the panel says just this version the refusal is returned instead: its slots tell whether
    it is this very image, which may still be on trial.
    """
    judge_image(image, panel, allows_older=True)
    try:
        judge_image(image, panel, allows_older=False)
    except BadInputError as error:
        if is_running(image.version, panel):
            return f"refused: {error}"
        raise
    return ""


def is_running(version: Version, panel: Hello) -> bool:
    """Tell whether a panel says that it runs this version; it may leave the build number out."""
    said = parse_version(panel.firmware)
    return said is not None and (said == version or (said.build == 0 and said[:3] == version[:3]))
