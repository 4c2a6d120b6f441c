"""MCUboot images as files: what they say, what spoils them, and that imgtool agrees."""

import random
import struct
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from imgtool import main  # type: ignore[import-untyped]

from firmware_bridge.display.image import (
    IMAGE_BYTES_MAX,
    Version,
    describe_image,
    is_mcuboot,
    parse_version,
    read_image,
)
from firmware_bridge.display.image_rules import check_signature, check_whole, parse_keys
from shared.errors import BadInputError
from tests.support.firmware import HEADER_BYTES, FirmwareMaker, area, tag

MAKER = FirmwareMaker()
IMAGE = MAKER.make((1, 2, 3, 4), payload_bytes=900)


def private_key(maker: FirmwareMaker, path: Path) -> Path:
    """Write a maker's key as imgtool reads it."""
    path.write_bytes(
        maker.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def imgtool(*words: object) -> str:
    """Do what the command imgtool does, and return what it says."""
    done = CliRunner().invoke(main.imgtool, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_an_image_says_its_version_board_and_hash() -> None:
    """Header and tags, as the format has them."""
    image = read_image(IMAGE)

    assert image.version == Version(1, 2, 3, 4)
    assert str(image.version) == "1.2.3+4"
    assert (image.board, image.payload_bytes, image.load_address) == ("panel-a", 900, 0)
    assert [(one.name, one.is_protected) for one in image.tags] == [
        ("BOARD", True),
        ("SHA256", False),
        ("KEYHASH", False),
        ("ED25519", False),
    ]
    assert image.signed_bytes == HEADER_BYTES + 900 + 15


def test_every_cut_of_an_image_is_refused() -> None:
    """A file that was not copied whole is none, wherever it ends."""
    for length in (*range(0, HEADER_BYTES, 31), *range(len(IMAGE) - 200, len(IMAGE))):
        with pytest.raises(BadInputError):
            read_image(IMAGE[:length])


def test_every_altered_byte_of_what_is_hashed_is_noticed() -> None:
    """Header, payload and protected tags: one bit anywhere."""
    signed_bytes = read_image(IMAGE).signed_bytes
    for at in range(0, signed_bytes, 7):
        altered = bytearray(IMAGE)
        altered[at] ^= 0x10
        with pytest.raises(BadInputError):
            read_image(bytes(altered))


def test_noise_after_the_magic_is_refused_in_words() -> None:
    """Whatever a file holds, it ends in a reason: nothing else is raised, nothing hangs."""
    chance = random.Random(5)
    for _ in range(150):
        noise = IMAGE[:4] + chance.randbytes(chance.randrange(400))
        with pytest.raises(BadInputError):
            read_image(noise)


def test_noise_in_the_tags_is_refused_in_words() -> None:
    """The part of an image that no hash covers is read with the same care."""
    chance, start = random.Random(6), read_image(IMAGE).signed_bytes
    refused = 0
    for _ in range(150):
        altered = bytearray(IMAGE)
        altered[chance.randrange(start, len(IMAGE))] = chance.randrange(256)
        try:
            check_signature(read_image(bytes(altered)), parse_keys(MAKER.public_pem()))
        except BadInputError:
            refused += 1

    assert refused > 138


def test_an_image_with_an_altered_payload_can_still_be_described() -> None:
    """A bootloader lists what a slot says of itself; whether it is whole is another question."""
    altered = bytearray(IMAGE)
    altered[HEADER_BYTES + 5] ^= 1

    assert describe_image(bytes(altered)).hash == read_image(IMAGE).hash


def test_what_follows_an_image_is_refused() -> None:
    """A padded image is as long as its slot: it would be sent with all its padding."""
    with pytest.raises(BadInputError, match="3 bytes follow"):
        read_image(IMAGE + b"\xff\xff\xff")


def test_a_file_larger_than_any_flash_is_refused_unread() -> None:
    """Nobody has to hold and hash it."""
    with pytest.raises(BadInputError, match="at most"):
        read_image(IMAGE[:4] + bytes(IMAGE_BYTES_MAX))


def test_another_kind_of_file_is_none() -> None:
    """A ZigBee image, an ELF file, an empty one."""
    assert is_mcuboot(IMAGE)
    assert not is_mcuboot(b"\x7fELF")
    with pytest.raises(BadInputError, match="no MCUboot image"):
        read_image(b"\x7fELF" + bytes(100))
    with pytest.raises(BadInputError, match="no MCUboot image"):
        read_image(b"")


def test_a_tag_that_stands_twice_is_refused() -> None:
    """Of two hashes nobody knows which one the bootloader goes by."""
    signed = IMAGE[: read_image(IMAGE).signed_bytes]
    twice = area(0x6907, tag(0x10, bytes(32)) + tag(0x10, bytes(32)))

    with pytest.raises(BadInputError, match="twice"):
        read_image(signed + twice)


def test_an_image_without_a_hash_is_refused() -> None:
    """Nothing could be signed."""
    signed = IMAGE[: read_image(IMAGE).signed_bytes]

    with pytest.raises(BadInputError, match="0 hashes"):
        read_image(signed + area(0x6907, tag(0x01, bytes(32))))


def test_a_board_that_nobody_signed_is_not_believed() -> None:
    """Only protected tags are covered by the hash."""
    made = MAKER.make(board=None)
    signed_bytes = read_image(made).signed_bytes
    (length,) = struct.unpack_from("<H", made, signed_bytes + 2)
    tags = made[signed_bytes + 4 : signed_bytes + length] + tag(0xA0, b"panel-a")

    image = read_image(made[:signed_bytes] + area(0x6907, tags))

    assert image.board is None
    with pytest.raises(BadInputError, match="which board"):
        check_whole(image)


def test_a_boards_name_is_bounded() -> None:
    """HELLO has room for 16 bytes."""
    with pytest.raises(BadInputError, match="17 bytes"):
        read_image(MAKER.make(board="x" * 17))


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.2.3", Version(1, 2, 3)),
        ("1.2.3+40", Version(1, 2, 3, 40)),
        ("1.2.3.40", Version(1, 2, 3, 40)),
        ("1.2", None),
        ("v1.2.3", None),
        ("1.2.3-rc1", None),
        ("", None),
        (None, None),
    ],
)
def test_versions_are_read_as_panels_say_them(text: str | None, version: Version | None) -> None:
    """Zephyr writes the build number after a point, imgtool after a plus."""
    assert parse_version(text) == version


def test_versions_are_ordered_by_their_numbers() -> None:
    """Not by their digits; the build number counts last."""
    assert Version(1, 9, 0) < Version(1, 10, 0) < Version(1, 10, 0, 1) < Version(2, 0, 0)


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_images_of_imgtool_are_read_and_their_signature_is_known(kind: str, tmp_path: Path) -> None:
    """MCUboot's own tool signs, this code reads and checks."""
    maker = MAKER if kind == "ed25519" else FirmwareMaker(ec.generate_private_key(ec.SECP256R1()))
    key = private_key(maker, tmp_path / "key.pem")
    (tmp_path / "app.bin").write_bytes(bytes(range(256)) * 9)
    words = ["--version", "3.2.1+7", "--header-size", "0x200", "--pad-header", "--align", "4"]
    words += ["--slot-size", "0x40000", "--custom-tlv", "0x00a0", "panel-a"]
    imgtool("sign", "-k", key, *words, tmp_path / "app.bin", tmp_path / "signed.bin")

    image = read_image((tmp_path / "signed.bin").read_bytes())
    public = imgtool("getpub", "-k", key, "-e", "pem")

    check_signature(image, parse_keys(public))
    assert (str(image.version), image.board) == ("3.2.1+7", "panel-a")


def test_imgtool_takes_the_images_of_these_tests(tmp_path: Path) -> None:
    """What the simulated bootloader starts, a real one would start."""
    (tmp_path / "made.bin").write_bytes(IMAGE)

    said = imgtool("verify", "-k", private_key(MAKER, tmp_path / "key.pem"), tmp_path / "made.bin")

    assert "correctly validated" in said
    assert "1.2.3+4" in said
