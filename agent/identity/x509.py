"""Reads a certificate's validity, name and key out of its bytes (X.690 DER, RFC 5280 §4.1). Pure.

The standard library tells them only of authorities and of peers, and cryptography weighs 8 MB of a
hub's memory: it is loaded where keys are made and used. Checks no signature; TLS does.
"""

import datetime as dt
import ssl
from typing import NamedTuple

from shared.errors import BadInputError
from shared.units import MS_PER_SECOND

SEQUENCE = 0x30
VERSION = 0xA0
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
COMMON_NAME = bytes.fromhex("0603550403")
"""The object identifier 2.5.4.3, encoded."""

LONG_LENGTH = 0x80
MAX_LENGTH_BYTES = 3
"""No certificate has 16 MB."""

MAX_CERTIFICATE_CHARS = 64 * 1024
END = "-----END CERTIFICATE-----"


class Certificate(NamedTuple):
    """What a certificate says of itself, in UTC milliseconds; `name` is "" where it has none.

    `public_key_der` is its key as SubjectPublicKeyInfo, `der` the whole of it.
    """

    name: str
    not_before_ms: int
    not_after_ms: int
    public_key_der: bytes
    der: bytes


class _Element(NamedTuple):
    tag: int
    content: bytes
    rest: bytes


def read_certificate(pem: str) -> Certificate:
    """Read the first certificate of a PEM text; raises BadInputError for what is none."""
    try:
        start = pem.index("-----BEGIN CERTIFICATE-----")
        end = pem.index(END, start) + len(END)
        whole = ssl.PEM_cert_to_DER_cert(pem[start:end])
        return _read_fields(_expect(_expect(whole, SEQUENCE).content, SEQUENCE).content, whole)
    except (ValueError, IndexError) as error:
        raise BadInputError(
            f"no certificate can be read there: {error}", hint="name a file with a PEM certificate"
        ) from error


def _read_fields(fields: bytes, whole: bytes) -> Certificate:
    """Walk version, serial number, algorithm, issuer, validity, subject, public key."""
    element = _next(fields)
    if element.tag == VERSION:
        element = _next(element.rest)
    for _ in ("algorithm", "issuer"):
        element = _next(element.rest)
    validity = _expect(element.rest, SEQUENCE)
    not_before = _next(validity.content)
    not_after = _next(not_before.rest)
    subject = _expect(validity.rest, SEQUENCE)
    after_key = _expect(subject.rest, SEQUENCE).rest
    return Certificate(
        _common_name(subject.content),
        _time_ms(not_before),
        _time_ms(not_after),
        subject.rest[: len(subject.rest) - len(after_key)],
        whole,
    )


def _common_name(names: bytes) -> str:
    while names:
        name_set = _next(names)
        names = name_set.rest
        pair = _next(name_set.content).content
        if pair.startswith(COMMON_NAME):
            return _next(pair[len(COMMON_NAME) :]).content.decode("utf-8", "replace")
    return ""


def _time_ms(element: _Element) -> int:
    text = element.content.decode("ascii")
    if element.tag == UTC_TIME:
        # RFC 5280 §4.1.2.5.1: two digits of 50 and above are of the last century.
        text = ("19" if text[:2] >= "50" else "20") + text
    elif element.tag != GENERALIZED_TIME:
        raise ValueError(f"tag {element.tag:#x} where a time belongs")
    moment = dt.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=dt.UTC)
    return int(moment.timestamp()) * MS_PER_SECOND


def _expect(encoded: bytes, tag: int) -> _Element:
    element = _next(encoded)
    if element.tag != tag:
        raise ValueError(f"tag {element.tag:#x} where {tag:#x} belongs")
    return element


def _next(encoded: bytes) -> _Element:
    """Take one element off: a tag, a short or long length, so many bytes."""
    tag, length, start = encoded[0], encoded[1], 2
    if length & LONG_LENGTH:
        width = length & ~LONG_LENGTH
        if not 0 < width <= MAX_LENGTH_BYTES:
            raise ValueError(f"length of {width} bytes")
        start += width
        length = int.from_bytes(encoded[2:start], "big")
    if len(encoded) < start + length:
        raise ValueError("cut short")
    return _Element(tag, encoded[start : start + length], encoded[start + length :])
