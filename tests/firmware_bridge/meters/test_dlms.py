"""The DLMS stream: frames on each link, damage, truncation, noise, keys."""

import random
import sys
from subprocess import run
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.dlms import DlmsCodec
from firmware_bridge.meters.dlms_assembly import MAX_APDU_BYTES
from firmware_bridge.simulator.dlms_meter import LLC, MeterKeys, encipher, frames_of, telegrams
from shared.readings import Quality
from tests.support.codecs import mutated, reasons_of, telegrams_of
from tests.support.dlms import SEPARATOR, blocks, mbus, notification, octets, triples, u32

ZONE = ZoneInfo("Europe/London")
START_MS = 1_790_000_000_000
KEYS = MeterKeys()
TITLE = b"SIM\x00\x00\x00\x00\x01"
PUSHES = [push for push, _ in telegrams(1, START_MS, START_MS + 60_000)]
APDU = notification(
    triples([("1.0.1.7.0.255", u32(412), 0, 27), ("1.0.1.8.0.255", u32(7_654_321), 0, 30)])
)


def decode(
    content: bytes, key: bytes | None = None, authentication_key: bytes | None = None
) -> list[Telegram | Refused]:
    """Decode a whole stream, its end included."""
    codec = DlmsCodec(ZONE, key, authentication_key)
    return codec.feed(content) + codec.feed(b"")


def hdlc(apdu: bytes) -> bytes:
    """Carry an APDU in HDLC frames."""
    return frames_of(LLC + apdu)


def sealed(apdu: bytes) -> bytes:
    """Encrypt an APDU as the simulated meter does."""
    return encipher(apdu, TITLE, 7, KEYS)


def registers(found: list[Telegram | Refused]) -> list[dict[str, int]]:
    """Keep each telegram's registers."""
    return [telegram.samples[0].registers for telegram in telegrams_of(found)]


EXPECTED = {"power_import_w": 412, "import_mwh": 7_654_321_000}


@pytest.mark.parametrize(
    ("content", "quality"),
    [
        (hdlc(APDU), Quality.GOOD),
        (hdlc(APDU)[1:], Quality.GOOD),
        (mbus(APDU), Quality.GOOD),
        (mbus(APDU, 17), Quality.GOOD),
        (APDU, Quality.UNCHECKED),
        (SEPARATOR + APDU, Quality.UNCHECKED),
        (b"\0\1\0\1\0\1" + len(APDU).to_bytes(2, "big") + APDU, Quality.UNCHECKED),
        (b"".join(blocks(APDU, 20)), Quality.UNCHECKED),
        (b"".join(hdlc(block) for block in blocks(APDU, 20)), Quality.GOOD),
    ],
    ids=["hdlc", "no-flag", "mbus", "mbus-parts", "bare", "llc", "wrapper", "blocks", "hdlc-gbt"],
)
def test_every_link_carries_the_same_reading(content: bytes, quality: Quality) -> None:
    """What is not checked by the link is marked so."""
    found = decode(content)

    assert registers(found) == [EXPECTED]
    assert not reasons_of(found)
    assert telegrams_of(found)[0].samples[0].quality == quality


@given(st.randoms(use_true_random=False), st.integers(1, 40), st.integers(1, 900))
@settings(max_examples=100, deadline=None)
def test_hurt_bare_link_is_bounded_and_read_alike_in_any_pieces(
    draw: random.Random, count: int, step: int
) -> None:
    """Without frames, an APDU's own encoding is all there is to go by."""
    content = mutated(draw, APDU * 4, count)
    codec = DlmsCodec(ZONE)

    found: list[Telegram | Refused] = []
    for start in range(0, len(content), step):
        found += codec.feed(content[start : start + step])
        assert codec.pending_bytes <= MAX_APDU_BYTES + DlmsCodec.slice_bytes
    found += codec.feed(b"")

    assert codec.pending_bytes == 0
    assert found == decode(content)


def test_one_changed_bit_is_refused_at_once_and_the_next_push_is_read() -> None:
    """The refusal holds the frame; the rest of the push, without its beginning, is refused too."""
    damaged = bytearray(PUSHES[0])
    damaged[60] ^= 1
    codec = DlmsCodec(ZONE)

    first = codec.feed(bytes(damaged))
    second = codec.feed(PUSHES[1])

    assert reasons_of(first)[0] == "bad-crc"
    assert not telegrams_of(first)
    assert telegrams_of(second) == telegrams_of(decode(PUSHES[1]))


def test_bytes_lost_within_a_frame_do_not_cost_the_next_one() -> None:
    """A frame that reaches into the next one by its length is looked into."""
    content = PUSHES[0][:50] + PUSHES[0][90:] + PUSHES[1]

    found = decode(content)

    assert "bad-crc" in reasons_of(found)
    assert telegrams_of(decode(PUSHES[1]))[0] in telegrams_of(found)


@pytest.mark.parametrize("content", [hdlc(APDU), mbus(APDU), APDU, sealed(APDU)])
def test_stream_that_ends_within_a_push_is_truncated(content: bytes) -> None:
    """A pulled cable."""
    found = decode(content[:-3])

    assert reasons_of(found) == ["truncated"]


@pytest.mark.parametrize(
    "content",
    [
        PUSHES[0][: PUSHES[0].index(b"\x7e\x7e") + 1],
        mbus(APDU, 20)[:31],
        hdlc(blocks(APDU, 20)[0]),
    ],
    ids=["segment", "mbus frame", "block"],
)
def test_first_part_without_its_rest_is_truncated(content: bytes) -> None:
    """And a whole push after it is read."""
    found = decode(content + (mbus(APDU) if content[0] == 0x68 else hdlc(APDU)))

    assert reasons_of(found) == ["truncated"]
    assert registers(found) == [EXPECTED]


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_missing_block_is_told(missing: int) -> None:
    """Whichever block is lost, the values of a half push are never believed."""
    kept = blocks(APDU, 20)
    del kept[missing]

    found = decode(b"".join(hdlc(block) for block in kept))

    assert not telegrams_of(found)
    assert set(reasons_of(found)) == {"truncated"}


def test_bare_content_of_a_damaged_frame_is_never_believed() -> None:
    """An APDU inside a frame whose checksum is wrong is not a bare APDU."""
    damaged = bytearray(hdlc(APDU))
    damaged[-3] ^= 0xFF
    damaged[5] ^= 0xFF

    assert not telegrams_of(decode(bytes(damaged)))
    assert not telegrams_of(decode(bytes(damaged[3:])))


def test_bare_link_resynchronises_after_damage() -> None:
    """Once a link is known to carry bare APDUs, the next one is found in spite of noise."""
    found = decode(APDU + b"\x99\x98\x97" + APDU)

    assert registers(found) == [EXPECTED, EXPECTED]
    assert reasons_of(found) == ["noise"]


def test_bare_link_entered_midway_is_found_in_the_end() -> None:
    """After as much noise as no framed link would give, bare APDUs are looked for."""
    found = decode(APDU[20:] * 200 + APDU)

    assert registers(found)[-1:] == [EXPECTED]


@pytest.mark.parametrize(
    "beginning",
    [
        b"\xe0\x40\x12\x34\x00\x00\x82\x01\x00",
        b"\xe0\x40\x00\x01\x00\x00\x82\x01\x00",
        b"\xdb\x08" + TITLE + b"\x82\x01\x00\x30" + bytes(20),
        b"\x0f\x40\x00\x00\x00\x00\x09\x82\x10\x00",
    ],
    ids=["block", "first block", "ciphered", "notification"],
)
@pytest.mark.parametrize("frames", [PUSHES[0], mbus(APDU, 60)], ids=["hdlc", "mbus"])
def test_noise_that_begins_like_a_bare_apdu_hides_no_frame(beginning: bytes, frames: bytes) -> None:
    """After endless noise bare APDUs are looked for, and one may seem to reach into a frame."""
    found = decode(b"\x99" * 5_000 + beginning + frames)

    assert telegrams_of(found) == telegrams_of(decode(frames))


def test_idle_flags_and_line_ends_are_no_noise() -> None:
    """Some links fill the time between frames."""
    found = decode(b"\x7e\x7e\x7e" + hdlc(APDU) + b"\r\n\0" + b"\x7e\x7e" + hdlc(APDU))

    assert registers(found) == [EXPECTED, EXPECTED]
    assert not reasons_of(found)


def test_repeated_llc_header_in_a_segment_is_taken_off() -> None:
    """Some meters put it in front of every segment."""
    whole = bytes.fromhex("7e") + b"".join(())
    content = LLC + APDU
    first, second = content[:30], LLC + content[30:]
    frames = _segment(first, is_last=False) + _segment(second, is_last=True)

    found = decode(whole + frames)

    assert registers(found) == [EXPECTED]


def _segment(content: bytes, *, is_last: bool) -> bytes:
    from firmware_bridge.simulator import dlms_meter  # noqa: PLC0415 (its frame, not its push)

    return b"\x7e" + dlms_meter._frame(content, is_last=is_last) + b"\x7e"


@pytest.mark.parametrize("wrap", [hdlc, mbus, bytes], ids=["hdlc", "mbus", "bare"])
def test_sealed_push_is_opened_with_its_keys(wrap: object) -> None:
    """With the authentication key even a bare APDU is checked."""
    assert callable(wrap)

    found = decode(wrap(sealed(APDU)), KEYS.key, KEYS.authentication_key)

    assert registers(found) == [EXPECTED]
    sample = telegrams_of(found)[0].samples[0]
    assert (sample.meter, sample.quality) == ("SIM0000000001", Quality.GOOD)


def test_sealed_push_is_opened_without_the_authentication_key() -> None:
    """Then nothing but the link checks it."""
    found = decode(hdlc(sealed(APDU)) + hdlc(APDU), KEYS.key)
    bare = decode(sealed(APDU), KEYS.key)

    assert registers(found) == [EXPECTED, EXPECTED]
    assert telegrams_of(bare)[0].samples[0].quality == Quality.UNCHECKED


@pytest.mark.parametrize(
    ("key", "authentication_key", "reason", "words"),
    [
        (None, None, "encrypted", "give its key"),
        (bytes(16), None, "wrong-key", "the key is not"),
        (bytes(16), KEYS.authentication_key, "wrong-key", "the key is not"),
        (KEYS.key, bytes(16), "wrong-key", "the authentication key is not"),
    ],
)
def test_wrong_or_missing_key_is_told_with_the_system_title(
    key: bytes | None, authentication_key: bytes | None, reason: str, words: str
) -> None:
    """The title is what the network operator is asked for the key of; no key is ever printed."""
    (refused,) = decode(hdlc(sealed(APDU)), key, authentication_key)

    assert isinstance(refused, Refused)
    assert refused.reason == reason
    assert words in refused.detail
    assert "53494D0000000001" in refused.detail
    assert KEYS.key.hex() not in refused.detail.lower()


def test_tampered_content_is_a_wrong_key() -> None:
    """A bare APDU has its tag alone: one bit is enough."""
    damaged = bytearray(sealed(APDU))
    damaged[40] ^= 1

    found = decode(bytes(damaged), KEYS.key, KEYS.authentication_key)

    assert "wrong-key" in reasons_of(found)
    assert not telegrams_of(found)


def test_cipher_library_is_loaded_for_a_key_alone() -> None:
    """A hub whose meter does not encrypt never loads it."""
    script = (
        "import sys\nfrom zoneinfo import ZoneInfo\n"
        "from firmware_bridge.meters.dlms import DlmsCodec\n"
        "from firmware_bridge.meters.p1_encrypted import EncryptedP1Codec\n"
        f"DlmsCodec(ZoneInfo('UTC')).feed({PUSHES[0]!r})\n"
        f"DlmsCodec(ZoneInfo('UTC')).feed({hdlc(sealed(APDU))!r})\n"
        "EncryptedP1Codec(ZoneInfo('UTC'))\n"
        "print('cryptography' in sys.modules)\n"
        "DlmsCodec(ZoneInfo('UTC'), bytes(16))\nprint('cryptography' in sys.modules)"
    )

    done = run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "True"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (hdlc(b"\xc4\x01\x00\x00"), "unknown-apdu"),
        (hdlc(b"\x0f\0\0\0\0\0\x02\x01\xee"), "bad-value"),
        (hdlc(b"\xdb\x08short"), "bad-value"),
        (hdlc(b"\xdb\x08" + TITLE + b"\x10\xb0" + bytes(15)), "unknown-apdu"),
        (hdlc(notification(b"\x02\x00")), "no-values"),
        (mbus(APDU).replace(b"\x53\xff\x10", b"\x53\xee\x21"), "unknown-apdu"),
        (hdlc(notification(octets(bytes(4)))), "bad-value"),
    ],
    ids=["get-response", "bad tag", "cut envelope", "compressed", "empty", "m-bus", "no list"],
)
def test_good_frame_without_a_reading_is_refused(content: bytes, reason: str) -> None:
    """Each with its reason; nothing vanishes."""
    found = decode(content)

    assert reasons_of(found) == [reason]
    assert not telegrams_of(found)


def test_segments_without_end_are_refused_as_too_long() -> None:
    """A meter that never sends its last segment holds no memory."""
    codec = DlmsCodec(ZONE)
    found: list[Telegram | Refused] = []

    for _ in range(100):
        found += codec.feed(_segment(bytes(150), is_last=False))

    assert "too-long" in reasons_of(found)


def test_mbus_frames_without_end_are_refused_when_their_numbers_begin_anew() -> None:
    """A meter that never sets the last-frame bit holds no memory either."""
    codec = DlmsCodec(ZONE)
    found: list[Telegram | Refused] = []

    for number in range(48):
        body = bytes((0x53, 0xFF, number & 0x0F, 0x01, 0x67)) + bytes(240)
        frame = bytes((0x68, len(body), len(body), 0x68)) + body
        found += codec.feed(frame + bytes((sum(body) & 0xFF, 0x16)))

    assert reasons_of(found) == ["truncated"] * 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (blocks(APDU, 20)[0][:5], "bad-value"),
        (blocks(APDU, 20)[0][:-3], "bad-value"),
        (blocks(APDU, 20)[0] + b"rest", "bad-value"),
        (b"\xe0\xc0\x00\x01\x00\x00\x82\xff\xff", "bad-value"),
        (blocks(blocks(APDU)[0])[0], "unknown-apdu"),
    ],
    ids=["cut head", "cut content", "no block", "too long", "nested"],
)
def test_block_that_is_none_is_refused(content: bytes, reason: str) -> None:
    """In a frame whose checksum is right: a fault of the meter's own."""
    found = decode(hdlc(content) + hdlc(APDU))

    assert reasons_of(found)[0] == reason
    assert registers(found)[-1:] == [EXPECTED]
