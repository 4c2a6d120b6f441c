"""What a firmware file says of itself: MCUboot images of panels, ZigBee OTA images of devices.

Pure but for the libraries that read the formats, loaded when a file is looked at. Judges nothing.
"""

from typing import TYPE_CHECKING

from firmware_bridge.display.image import FirmwareImage, is_mcuboot, read_image
from shared.errors import BadInputError, OperatorError

if TYPE_CHECKING:
    from zigpy.ota.image import BaseOTAImage

FILE_BYTES_MAX = 16 << 20
"""Panels have 8 MB at most; the largest ZigBee images are of a few."""

SHOWN_BYTES = 16
TAGS_SHOWN = 64

Shown = dict[str, object]


def inspect(content: bytes) -> Shown:
    """Describe a file; BadInputError where it is of neither kind, or damaged."""
    if len(content) > FILE_BYTES_MAX:
        raise BadInputError(f"a file of {len(content)} bytes; {FILE_BYTES_MAX} at most")
    try:
        if is_mcuboot(content):
            return describe_panel_image(read_image(content))
        return describe_ota_image(_read_ota(content))
    except ModuleNotFoundError as error:
        raise OperatorError(
            f"looking at this file needs the package {error.name}, which is not installed here",
            hint="pip install 'hearthlink[agent,panel]'",
        ) from error


def describe_panel_image(image: FirmwareImage) -> Shown:
    """Describe an image for MCUboot; its hash was checked."""
    return {
        "kind": "mcuboot",
        "version": str(image.version),
        "board": image.board,
        "size_bytes": len(image.content),
        "payload_bytes": image.payload_bytes,
        "load_address": f"0x{image.load_address:08x}",
        "flags": f"0x{image.flags:08x}",
        "hash": image.hash.hex(),
        "tags": [
            {
                "number": f"0x{tag.number:02x}",
                "name": tag.name,
                "bytes": len(tag.value),
                "begins": tag.value[:SHOWN_BYTES].hex(),
                "is_protected": tag.is_protected,
            }
            for tag in image.tags[:TAGS_SHOWN]
        ],
    }


def describe_ota_image(image: "BaseOTAImage") -> Shown:
    """Describe a ZigBee OTA upgrade image (ZCL specification, 11.4)."""
    header = image.header
    shown: Shown = {
        "kind": "zigbee-ota",
        "manufacturer": f"0x{header.manufacturer_id:04x}",
        "image_type": f"0x{header.image_type:04x}",
        "version": f"0x{header.file_version:08x}",
        "stack_version": f"0x{header.stack_version:04x}",
        "header": bytes(header.header_string).rstrip(b"\x00").decode(errors="replace"),
        "size_bytes": int(header.image_size),
    }
    if header.hardware_versions_present:
        least, most = header.minimum_hardware_version, header.maximum_hardware_version
        shown["hardware"] = [f"{one.version}.{one.revision}" for one in (least, most)]
    shown["tags"] = [
        {"number": f"0x{tag.tag_id:04x}", "name": tag.tag_id.name, "bytes": len(tag.data)}
        for tag in getattr(image, "subelements", [])[:TAGS_SHOWN]
    ]
    return shown


def _read_ota(content: bytes) -> "BaseOTAImage":
    from zigpy.ota.image import parse_ota_image  # noqa: PLC0415 (weighs 20 MB)

    try:
        image, rest = parse_ota_image(content)
    # zigpy asserts what containers of some makers are known to hold.
    except (ValueError, AssertionError) as error:
        raise BadInputError(
            "the file is neither an MCUboot image nor a ZigBee OTA image",
            hint=f"zigpy says: {error!s:.120}",
        ) from error
    if rest:
        raise BadInputError(f"{len(rest)} bytes follow the ZigBee OTA image")
    return image
