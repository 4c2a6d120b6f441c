"""A firmware image for MCUboot as a file: header, payload, tags, hash; read and bounded.

Pure. Owns what an image says of itself; whether it may be installed is `image_rules.py`'s.
Format: https://docs.mcuboot.com/design.html#image-format; the structures are smpclient's, which is
loaded only when an image is looked at.
"""

import hashlib
import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.errors import BadInputError

if TYPE_CHECKING:
    from smpclient.mcuboot import ImageHeader, ImageTLVInfo, ImageTLVValue

HEADER_BYTES = 32
IMAGE_BYTES_MAX = 8 * 1024 * 1024
"""Flash of the largest controllers that panels are built with."""

BOARD_TAG = 0xA0
"""The first tag that MCUboot leaves to makers: the board's name, as HELLO says it, in UTF-8."""

BOARD_BYTES_MAX = 16
TAGS_MAX = 64
SHA256_BYTES = 32

VERSION_TEXT = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,5})(?:[+.](\d{1,10}))?")
SIGN_HINT = "sign it with imgtool sign, without --pad and --encrypt"


class Version(NamedTuple):
    """A version as MCUboot orders it."""

    major: int
    minor: int
    revision: int
    build: int = 0

    def __str__(self) -> str:
        """Write it as imgtool takes it."""
        build = f"+{self.build}" if self.build else ""
        return f"{self.major}.{self.minor}.{self.revision}{build}"


class Tag(NamedTuple):
    """One entry after the payload; `is_protected` where the hash covers it."""

    number: int
    name: str
    value: bytes
    is_protected: bool


@dataclass(frozen=True, slots=True)
class FirmwareImage:
    """A whole image whose hash is right; `signed_bytes` of `content` are what the hash covers."""

    content: bytes = field(repr=False)
    version: Version
    load_address: int
    flags: int
    payload_bytes: int
    signed_bytes: int
    hash: bytes
    board: str | None
    tags: tuple[Tag, ...] = field(repr=False)

    def value_of(self, number: int) -> bytes | None:
        """Return a tag's value, None where the image has no such tag."""
        return next((tag.value for tag in self.tags if tag.number == number), None)


def parse_version(text: str | None) -> Version | None:
    """Read a version as panels say it: 1.2.3, 1.2.3+4 or 1.2.3.4; None where it is another text."""
    found = VERSION_TEXT.fullmatch(text or "")
    if found is None:
        return None
    major, minor, revision, build = (int(part or 0) for part in found.groups())
    return Version(major, minor, revision, build)


def is_mcuboot(content: bytes) -> bool:
    """Tell by its first four bytes whether a file is an image for MCUboot."""
    return content[:4] == b"\x3d\xb8\xf3\x96"


def read_image(content: bytes) -> FirmwareImage:
    """Read an image; BadInputError where it is none, is cut, or its hash is another."""
    image = describe_image(content)
    digest = hashlib.sha256 if len(image.hash) == SHA256_BYTES else hashlib.sha512
    if digest(content[: image.signed_bytes]).digest() != image.hash:
        raise BadInputError("the image's hash is not that of its bytes: it was altered")
    return image


def describe_image(content: bytes) -> FirmwareImage:
    """Read what an image says of itself, its hash unchecked; BadInputError as `read_image`."""
    if len(content) > IMAGE_BYTES_MAX:
        raise BadInputError(f"an image of {len(content)} bytes; {IMAGE_BYTES_MAX} at most")
    if not is_mcuboot(content) or len(content) < HEADER_BYTES:
        raise BadInputError("the file is no MCUboot image", hint=SIGN_HINT)
    try:
        header, signed_bytes, tags = _parse(content)
    # smpclient lets struct's errors through for entries that are cut; pydantic's are ValueErrors.
    except (struct.error, ValueError) as error:
        raise BadInputError(f"the image is damaged: {error!s:.120}", hint=SIGN_HINT) from error
    version = Version(header.ver.major, header.ver.minor, header.ver.revision, header.ver.build_num)
    return FirmwareImage(
        content=content,
        version=version,
        load_address=header.load_addr,
        flags=int(header.flags),
        payload_bytes=header.img_size,
        signed_bytes=signed_bytes,
        hash=_told_hash(tags),
        board=_board_of(tags),
        tags=tags,
    )


def _parse(content: bytes) -> "tuple[ImageHeader, int, tuple[Tag, ...]]":
    """Take the image apart; the header, how many bytes the hash covers, and the tags."""
    from smpclient.mcuboot import (  # noqa: PLC0415 (pydantic comes with it)
        IMAGE_HEADER_STRUCT,
        IMAGE_TLV_INFO_MAGIC,
        IMAGE_TLV_PROT_INFO_MAGIC,
        ImageHeader,
        ImageTLVInfo,
        MCUBootImageError,
    )

    try:
        header = ImageHeader.loads(content[: IMAGE_HEADER_STRUCT.size])
        end = header.hdr_size + header.img_size
        if header.hdr_size < HEADER_BYTES or not header.img_size:
            raise BadInputError("the image has no header or no payload", hint=SIGN_HINT)
        signed_bytes = end + header.protect_tlv_size
        tags: list[Tag] = []
        if header.protect_tlv_size:
            protected = ImageTLVInfo.loads(content[end : end + 4], IMAGE_TLV_PROT_INFO_MAGIC)
            if protected.tlv_tot != header.protect_tlv_size:
                raise BadInputError("the image's header and its protected tags disagree")
            tags += _tags_in(content, end, protected, is_protected=True)
        plain = ImageTLVInfo.loads(content[signed_bytes : signed_bytes + 4], IMAGE_TLV_INFO_MAGIC)
        tags += _tags_in(content, signed_bytes, plain, is_protected=False)
    except MCUBootImageError as error:
        raise BadInputError(f"the image is damaged: {error!s:.120}", hint=SIGN_HINT) from error
    if signed_bytes + plain.tlv_tot != len(content):
        extra = len(content) - signed_bytes - plain.tlv_tot
        raise BadInputError(f"{extra} bytes follow the image, or lack", hint=SIGN_HINT)
    return header, signed_bytes, tuple(tags)


def _tags_in(
    content: bytes, start: int, info: "ImageTLVInfo[Any]", *, is_protected: bool
) -> list[Tag]:
    """Read the tags of one region; each number may stand in it once."""
    from smpclient.mcuboot import ImageInfo  # noqa: PLC0415 (as above)

    region = content[start + 4 : start + info.tlv_tot]
    if len(region) != info.tlv_tot - 4:
        raise BadInputError("the image ends within its tags: it is cut", hint=SIGN_HINT)
    found = ImageInfo.parse_tlvs(region)
    numbers = [int(one.header.type) for one in found]
    if len(found) > TAGS_MAX or len(set(numbers)) != len(numbers):
        raise BadInputError("the image has a tag twice, or too many")
    return [Tag(int(one.header.type), _name_of(one), one.value, is_protected) for one in found]


def _name_of(tag: "ImageTLVValue") -> str:
    if int(tag.header.type) == BOARD_TAG:
        return "BOARD"
    return getattr(tag.header.type, "name", f"0x{int(tag.header.type):02x}")


def _told_hash(tags: tuple[Tag, ...]) -> bytes:
    told = [tag.value for tag in tags if tag.name in ("SHA256", "SHA512")]
    if len(told) != 1:
        raise BadInputError(f"the image has {len(told)} hashes of a known kind", hint=SIGN_HINT)
    return told[0]


def _board_of(tags: tuple[Tag, ...]) -> str | None:
    """Return the board an image is for; only a protected tag can be believed."""
    value = next((tag.value for tag in tags if tag.number == BOARD_TAG and tag.is_protected), None)
    if value is None:
        return None
    if not 0 < len(value) <= BOARD_BYTES_MAX:
        raise BadInputError(f"a board's name of {len(value)} bytes; {BOARD_BYTES_MAX} at most")
    return value.decode(errors="replace")
