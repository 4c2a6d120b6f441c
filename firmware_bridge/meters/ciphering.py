"""General ciphering of DLMS APDUs (IEC 62056-5-3, security suite 0): AES-128-GCM, 12-byte tags.

Owns the envelope (system title, security control, invocation counter) and opening it with a
meter's keys. Also used by the encrypted P1 ports of Luxembourg and Austria. `cryptography` is
loaded when a `Decipherer` is made, so that a hub whose meter does not encrypt never loads it.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from firmware_bridge.meters.codec import Refused, refuse
from firmware_bridge.meters.dlms_axdr import AxdrError, AxdrShortError, read_length
from shared.errors import BadInputError

GENERAL_GLO, GENERAL_DED = 0xDB, 0xDC
SYSTEM_TITLE_BYTES = 8
AUTHENTICATED_BIT, ENCRYPTED_BIT, COMPRESSED_BIT = 0x10, 0x20, 0x80
COUNTER_BYTES = 4
TAG_BYTES = 12
HEAD_BYTES = 1 + COUNTER_BYTES
FIRST_BLOCK = (2).to_bytes(4, "big")
"""GCM encrypts from its second counter block on; the first one masks the tag (NIST SP 800-38D)."""

MAX_CIPHERED_BYTES = 8_192
"""The longest real one, an encrypted P1 telegram with a full text, has 4 KB."""

_MAKER_LETTERS = 3


class Ciphered(NamedTuple):
    """A ciphered APDU's envelope and content; `size` counts every byte of it."""

    size: int
    system_title: bytes
    control: int
    counter: bytes
    content: bytes


class Opened(NamedTuple):
    """The plain APDU, and whether its tag was verified with the authentication key."""

    plain: bytes
    is_verified: bool


class WrongKeyError(BadInputError):
    """A tag does not fit the keys."""


def read_ciphered(data: bytes, start: int) -> Ciphered:
    """Read the envelope at `start`; raise AxdrError, AxdrShortError where bytes are missing."""
    if len(data) < start + 2:
        raise AxdrShortError("a ciphered APDU is cut off")
    if data[start] not in (GENERAL_GLO, GENERAL_DED) or data[start + 1] != SYSTEM_TITLE_BYTES:
        raise AxdrError("no ciphered APDU with a system title begins here")
    title_end = start + 2 + SYSTEM_TITLE_BYTES
    length, place = read_length(data, title_end)
    if not HEAD_BYTES <= length <= MAX_CIPHERED_BYTES:
        raise AxdrError(f"a ciphered APDU of {length} bytes")
    end = place + length
    if end > len(data):
        raise AxdrShortError("a ciphered APDU is cut off")
    return Ciphered(
        size=end - start,
        system_title=data[start + 2 : title_end],
        control=data[place],
        counter=data[place + 1 : place + HEAD_BYTES],
        content=data[place + HEAD_BYTES : end],
    )


def name_title(system_title: bytes) -> str:
    """Write a system title as people do: three letters of the maker, the rest in hexadecimal."""
    maker = system_title[:_MAKER_LETTERS]
    if maker.isalpha() and maker.isascii():
        return maker.decode("ascii") + system_title[_MAKER_LETTERS:].hex().upper()
    return system_title.hex().upper()


def open_unkeyed(ciphered: Ciphered) -> Opened | None:
    """Return the content of an APDU that is not encrypted; None where a key is needed."""
    if ciphered.control & ENCRYPTED_BIT:
        return None
    has_tag = bool(ciphered.control & AUTHENTICATED_BIT)
    return Opened(ciphered.content[:-TAG_BYTES] if has_tag else ciphered.content, False)


class Decipherer:
    """Opens ciphered APDUs with one meter's keys of sixteen bytes each."""

    def __init__(self, key: bytes, authentication_key: bytes | None = None) -> None:
        """Load the cipher; raise ValueError where the key is no AES key."""
        self._ciphers: Any = import_module("cryptography.hazmat.primitives.ciphers")
        self._modes: Any = import_module("cryptography.hazmat.primitives.ciphers.modes")
        algorithms: Any = import_module("cryptography.hazmat.primitives.ciphers.algorithms")
        self._invalid_tag: Any = import_module("cryptography.exceptions").InvalidTag
        self._algorithm = algorithms.AES128(key)
        self._authentication_key = authentication_key

    def open(self, ciphered: Ciphered) -> Opened:
        """Return the plain APDU; raise WrongKeyError where its tag does not fit the keys.

        Without an authentication key, or without a tag, nothing is verified: the caller must see
        for itself whether the plain bytes make sense.
        """
        if ciphered.control & AUTHENTICATED_BIT and self._authentication_key is not None:
            return Opened(self._verify(ciphered), True)
        return open_unkeyed(ciphered) or Opened(self.decrypt(ciphered), False)

    def decrypt(self, ciphered: Ciphered) -> bytes:
        """Decrypt without verifying anything."""
        has_tag = bool(ciphered.control & AUTHENTICATED_BIT)
        content = ciphered.content[:-TAG_BYTES] if has_tag else ciphered.content
        block = ciphered.system_title + ciphered.counter + FIRST_BLOCK
        context = self._ciphers.Cipher(self._algorithm, self._modes.CTR(block)).decryptor()
        plain: bytes = context.update(content) + context.finalize()
        return plain

    def _verify(self, ciphered: Ciphered) -> bytes:
        content, tag = ciphered.content[:-TAG_BYTES], ciphered.content[-TAG_BYTES:]
        if len(tag) < TAG_BYTES:
            raise WrongKeyError("the tag is cut off")
        is_encrypted = bool(ciphered.control & ENCRYPTED_BIT)
        vector = ciphered.system_title + ciphered.counter
        mode = self._modes.GCM(vector, tag, min_tag_length=TAG_BYTES)
        context = self._ciphers.Cipher(self._algorithm, mode).decryptor()
        head = bytes((ciphered.control,)) + (self._authentication_key or b"")
        context.authenticate_additional_data(head if is_encrypted else head + content)
        plain: bytes = context.update(content) if is_encrypted else content
        try:
            context.finalize()
        except self._invalid_tag:
            raise WrongKeyError("the tag does not fit the keys") from None
        return plain


def open_or_refuse(
    ciphered: Ciphered,
    decipherer: Decipherer | None,
    raw: bytes,
    makes_sense: Callable[[bytes], bool],
) -> Opened | Refused:
    """Open a ciphered APDU, or refuse it in words that name the system title it carries.

    `makes_sense` judges plain bytes whose tag was not verified. Reasons: "encrypted" without a
    key, "wrong-key", "unknown-apdu" for compressed content.
    """
    seen = (
        f"system title {ciphered.system_title.hex().upper()}, {name_title(ciphered.system_title)}"
    )
    if ciphered.control & COMPRESSED_BIT:
        return refuse("unknown-apdu", f"the meter ({seen}) compresses what it sends", raw)
    opened = open_unkeyed(ciphered)
    if decipherer is None:
        return opened or refuse("encrypted", f"the meter ({seen}) encrypts; give its key", raw)
    try:
        opened = decipherer.open(ciphered)
    except WrongKeyError:
        which = "the key"
        if makes_sense(decipherer.decrypt(ciphered)):
            which = "the authentication key"
        return refuse("wrong-key", f"{which} is not that of the meter ({seen})", raw)
    if opened.is_verified or makes_sense(opened.plain):
        return opened
    return refuse("wrong-key", f"the key is not that of the meter ({seen})", raw)
