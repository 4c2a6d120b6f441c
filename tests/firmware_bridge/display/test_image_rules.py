"""Which images may go to which panel: signature, board, version."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from firmware_bridge.display.image import Version, read_image
from firmware_bridge.display.image_rules import (
    KEYS_MAX,
    check_signature,
    check_whole,
    is_running,
    judge_anew,
    judge_image,
    parse_keys,
)
from firmware_bridge.display.messages import Capability, Hello
from shared.errors import BadInputError, OperatorError
from tests.support.firmware import FirmwareMaker, area, tag

MAKER, STRANGER = FirmwareMaker(), FirmwareMaker()
KEYS = parse_keys(MAKER.public_pem())
IMAGE = read_image(MAKER.make((1, 1, 0, 0), payload_bytes=300))


def panel(**changes: object) -> Hello:
    """Say HELLO as a panel that may have the image."""
    said: dict[str, object] = {
        "version_min": 1,
        "version_max": 1,
        "boot_id": 1,
        "board": "panel-a",
        "firmware": "1.0.0",
        "capabilities": int(Capability.UPDATE),
    }
    return Hello(**{**said, **changes})  # type: ignore[arg-type]


def p256_maker() -> FirmwareMaker:
    """Make a maker whose key is of the other kind."""
    return FirmwareMaker(ec.generate_private_key(ec.SECP256R1()))


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_the_signature_of_a_known_key_is_taken(kind: str) -> None:
    """Both kinds that small bootloaders check."""
    maker = MAKER if kind == "ed25519" else p256_maker()

    check_signature(read_image(maker.make()), parse_keys(maker.public_pem()))


def test_an_unsigned_image_is_refused() -> None:
    """A hash alone anybody can make."""
    with pytest.raises(BadInputError, match="not signed"):
        check_signature(read_image(MAKER.make(is_signed=False)), KEYS)


def test_a_strangers_image_is_refused() -> None:
    """Signed well, by a key that nobody here has configured."""
    with pytest.raises(BadInputError, match="not known here"):
        check_signature(read_image(STRANGER.make()), KEYS)


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_a_strangers_signature_under_a_known_keys_name_is_refused(kind: str) -> None:
    """The key's hash in the image is its claim, the signature is the proof."""
    maker, stranger = (MAKER, STRANGER) if kind == "ed25519" else (p256_maker(), p256_maker())
    as_maker = FirmwareMaker(stranger.key)
    as_maker.key_hash = maker.key_hash  # type: ignore[method-assign]

    with pytest.raises(BadInputError, match="not that of the key"):
        check_signature(read_image(as_maker.make()), parse_keys(maker.public_pem()))


def test_a_signature_moved_from_another_image_is_refused() -> None:
    """It is over this version and these bytes alone."""
    old, new = MAKER.make((1, 0, 0, 0)), MAKER.make((1, 1, 0, 0))
    signed_bytes = read_image(new).signed_bytes
    told = read_image(new).hash
    taken = read_image(old).value_of(0x24)
    assert taken is not None
    tags = tag(0x10, told) + tag(0x01, MAKER.key_hash()) + tag(0x24, taken)

    with pytest.raises(BadInputError, match="not that of the key"):
        check_signature(read_image(new[:signed_bytes] + area(0x6907, tags)), KEYS)


def test_a_signature_of_another_kind_than_the_key_is_refused() -> None:
    """An ECDSA tag cannot speak for an Ed25519 key."""
    made = MAKER.make()
    signed_bytes = read_image(made).signed_bytes
    tags = tag(0x10, read_image(made).hash) + tag(0x01, MAKER.key_hash()) + tag(0x22, bytes(70))

    with pytest.raises(BadInputError, match="kind"):
        check_signature(read_image(made[:signed_bytes] + area(0x6907, tags)), KEYS)


def test_a_pure_signature_is_over_the_whole_image() -> None:
    """MCUboot calls it pure; for Ed25519 alone."""
    made = MAKER.make()
    image = read_image(made)
    assert isinstance(MAKER.key, ed25519.Ed25519PrivateKey)
    pure = MAKER.key.sign(made[: image.signed_bytes])
    tags = tag(0x10, image.hash) + tag(0x01, MAKER.key_hash()) + tag(0x25, b"\x01")
    tags += tag(0x24, pure)

    check_signature(read_image(made[: image.signed_bytes] + area(0x6907, tags)), KEYS)


def test_several_keys_are_read_and_anything_else_is_refused() -> None:
    """To change a key, hubs are given both."""
    assert len(parse_keys(MAKER.public_pem() + "\n" + STRANGER.public_pem())) == 2
    rsa_like = MAKER.public_pem().replace("MCow", "AAAA")
    for text in ("", "no key", rsa_like):
        with pytest.raises(OperatorError) as caught:
            parse_keys(text)
        assert "imgtool getpub" in caught.value.hint


def test_keys_of_another_curve_and_too_many_keys_are_refused() -> None:
    """P-384 is another algorithm; seventeen keys are a mistake."""
    wide = FirmwareMaker(ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(OperatorError, match="P-256"):
        parse_keys(wide.public_pem())
    many = "".join(FirmwareMaker().public_pem() for _ in range(KEYS_MAX + 1))
    with pytest.raises(OperatorError, match="17 public keys"):
        parse_keys(many)


@pytest.mark.parametrize(("flags", "word"), [(0x04, "encrypted"), (0x10, "not bootable")])
def test_images_that_cannot_be_checked_or_started_are_refused(flags: int, word: str) -> None:
    """Whoever signed them."""
    with pytest.raises(BadInputError, match=word):
        check_whole(read_image(MAKER.make(flags=flags)))


def test_an_image_for_no_board_is_refused() -> None:
    """It would fit any, and show it on pins that another board has elsewhere."""
    with pytest.raises(BadInputError, match="which board") as caught:
        check_whole(read_image(MAKER.make(board=None)))

    assert "--custom-tlv" in caught.value.hint


def test_a_newer_image_for_the_same_board_is_taken() -> None:
    """The ordinary case."""
    check_whole(IMAGE)
    judge_image(IMAGE, panel(), allows_older=False)


@pytest.mark.parametrize("firmware", ["1.1.0", "1.1.0.2", "2.0.0"])
def test_an_image_that_is_not_newer_is_refused_unless_it_is_said(firmware: str) -> None:
    """An old signature with a known hole stays good for ever."""
    with pytest.raises(BadInputError, match="already runs") as caught:
        judge_image(IMAGE, panel(firmware=firmware), allows_older=False)

    assert "--allow-older" in caught.value.hint
    judge_image(IMAGE, panel(firmware=firmware), allows_older=True)


@pytest.mark.parametrize("board", ["panel-b", None, ""])
def test_another_board_is_refused_whatever_is_said(board: str | None) -> None:
    """The same controller may have its display on other pins."""
    with pytest.raises(BadInputError, match="board"):
        judge_image(IMAGE, panel(board=board), allows_older=True)


def test_a_panel_without_a_version_needs_the_word() -> None:
    """Nobody knows whether the image is newer."""
    with pytest.raises(BadInputError, match="no version to compare"):
        judge_image(IMAGE, panel(firmware="nightly"), allows_older=False)

    judge_image(IMAGE, panel(firmware=None), allows_older=True)


@pytest.mark.parametrize("capabilities", [None, 0, int(Capability.DISPLAY)])
def test_a_panel_that_takes_no_updates_is_left_alone(capabilities: int | None) -> None:
    """It says in HELLO whether it does."""
    with pytest.raises(BadInputError, match="no updates"):
        judge_image(IMAGE, panel(capabilities=capabilities), allows_older=True)


@pytest.mark.parametrize(
    ("firmware", "is_it"),
    [("1.1.0+3", True), ("1.1.0", True), ("1.1.0.4", False), ("1.1.1", False), (None, False)],
)
def test_a_panel_may_leave_the_build_number_out(firmware: str | None, *, is_it: bool) -> None:
    """Where it says one, it counts."""
    assert is_running(Version(1, 1, 0, 3), panel(firmware=firmware)) is is_it


def test_the_version_that_runs_is_refused_unless_its_slots_say_it_is_this_image() -> None:
    """Another version, or another board, is refused at once."""
    assert judge_anew(IMAGE, panel()) == ""
    assert "already runs 1.1.0" in judge_anew(IMAGE, panel(firmware="1.1.0"))
    with pytest.raises(BadInputError, match="already runs"):
        judge_anew(IMAGE, panel(firmware="1.2.0"))
    with pytest.raises(BadInputError, match="board"):
        judge_anew(IMAGE, panel(firmware="1.1.0", board="panel-b"))
