"""The ciphered envelope: against a cipher library's own GCM, damage, and what is not encrypted."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.meters.ciphering import (
    Ciphered,
    Decipherer,
    WrongKeyError,
    name_title,
    open_unkeyed,
    read_ciphered,
)
from firmware_bridge.meters.dlms_axdr import AxdrError, AxdrShortError

KEY = bytes(range(16))
AUTHENTICATION_KEY = bytes(range(0xD0, 0xE0))
TITLE = bytes.fromhex("4d4d4d0000bc614e")
COUNTER = bytes.fromhex("01234567")
PLAIN = b"\x0f a notification"


def envelope(control: int, content: bytes, length: bytes = b"") -> bytes:
    """Wrap content with its title, control byte and counter."""
    body = bytes((control,)) + COUNTER + content
    return b"\xdb\x08" + TITLE + (length or bytes((len(body),))) + body


def sealed(control: int) -> bytes:
    """Protect the plain text as a control byte asks for."""
    head = bytes((control,)) + AUTHENTICATION_KEY
    gcm = AESGCM(KEY)
    if control & 0x20:
        content = gcm.encrypt(TITLE + COUNTER, PLAIN, head)[: len(PLAIN) + 12]
        return content if control & 0x10 else content[: len(PLAIN)]
    tag = gcm.encrypt(TITLE + COUNTER, b"", head + PLAIN)[:12]
    return PLAIN + tag if control & 0x10 else PLAIN


@pytest.mark.parametrize("control", [0x30, 0x20, 0x10, 0x00])
@pytest.mark.parametrize("authentication_key", [AUTHENTICATION_KEY, None])
def test_every_protection_is_opened(control: int, authentication_key: bytes | None) -> None:
    """Encrypted, authenticated, both or neither; verified where there is a tag and a key for it."""
    ciphered = read_ciphered(envelope(control, sealed(control)), 0)

    opened = Decipherer(KEY, authentication_key).open(ciphered)

    assert opened.plain == PLAIN
    assert opened.is_verified == (bool(control & 0x10) and authentication_key is not None)


@pytest.mark.parametrize("control", [0x30, 0x10])
@pytest.mark.parametrize("place", [0, 5, -1])
def test_one_changed_byte_does_not_verify(control: int, place: int) -> None:
    """In the content or in the tag."""
    content = bytearray(sealed(control))
    content[place] ^= 1
    ciphered = read_ciphered(envelope(control, bytes(content)), 0)

    with pytest.raises(WrongKeyError):
        Decipherer(KEY, AUTHENTICATION_KEY).open(ciphered)


def test_tag_that_is_cut_off_does_not_verify() -> None:
    """An envelope shorter than a tag."""
    ciphered = read_ciphered(envelope(0x30, bytes(5)), 0)

    with pytest.raises(WrongKeyError):
        Decipherer(KEY, AUTHENTICATION_KEY).open(ciphered)


@pytest.mark.parametrize(("control", "plain"), [(0x00, PLAIN), (0x10, PLAIN), (0x20, None)])
def test_what_is_not_encrypted_needs_no_key(control: int, plain: bytes | None) -> None:
    """And what is, does."""
    opened = open_unkeyed(read_ciphered(envelope(control, sealed(control)), 0))

    assert (opened and opened.plain) == plain


@pytest.mark.parametrize("length", [b"\x16", b"\x81\x16", b"\x82\x00\x16", b"\x84\x00\x00\x00\x16"])
def test_length_is_read_in_any_size(length: bytes) -> None:
    """From one byte to five."""
    raw = envelope(0, PLAIN + b"\0", length)

    ciphered = read_ciphered(b"xx" + raw + b"yy", 2)

    assert ciphered == Ciphered(len(raw), TITLE, 0, COUNTER, PLAIN + b"\0")


@given(st.integers(0, 24))
def test_envelope_cut_short_asks_for_more(cut: int) -> None:
    """A stream waits for the rest."""
    with pytest.raises(AxdrShortError):
        read_ciphered(envelope(0x30, sealed(0x30))[:cut], 0)


@pytest.mark.parametrize(
    "raw", [b"\xdb\x07" + bytes(20), b"\xda\x08" + bytes(20), b"\xdb\x08" + bytes(20)]
)
def test_what_is_no_envelope_is_refused(raw: bytes) -> None:
    """A title of another size, another tag, a length of nothing."""
    with pytest.raises(AxdrError):
        read_ciphered(raw, 0)


def test_title_is_named_as_people_write_it() -> None:
    """The maker's letters stay letters."""
    assert name_title(b"KFM" + bytes.fromhex("1200200034")) == "KFM1200200034"
    assert name_title(bytes.fromhex("00112233445566ff")) == "00112233445566FF"


def test_key_of_another_size_is_an_error_of_the_caller() -> None:
    """Keys are checked where they are configured."""
    with pytest.raises(ValueError, match="key"):
        Decipherer(b"short")
