"""Framing of the P1 stream: checksums, damage, truncation, noise."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastcrc import crc16

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.p1 import P1Codec
from tests.support.codecs import reasons_of, telegrams_of

GOLDEN = Path(__file__).parents[2] / "golden" / "p1"
ZONE = ZoneInfo("Europe/Amsterdam")
V5 = (GOLDEN / "dsmr_5.telegram").read_bytes()
V3 = (GOLDEN / "dsmr_3.telegram").read_bytes()


def signed(body: str) -> bytes:
    """Close a telegram's text with its checksum."""
    content = body.encode("latin-1") + b"!"
    return content + b"%04X\r\n" % crc16.arc(content)


def decode(content: bytes) -> list[Telegram | Refused]:
    """Decode a whole stream, its end included."""
    codec = P1Codec(ZONE)
    return codec.feed(content) + codec.feed(b"")


def test_noise_is_one_refusal_however_it_is_read() -> None:
    """Noise before a telegram is reported once, with its size."""
    found = decode(b"half a line\r\n" + V5)

    assert reasons_of(found) == ["noise"]
    assert len(telegrams_of(found)) == 1


def test_wrong_checksum_is_refused() -> None:
    """One changed digit is enough."""
    found = decode(V5.replace(b"(004426.001*kWh)", b"(004426.002*kWh)"))

    assert reasons_of(found) == ["bad-crc"]
    assert not telegrams_of(found)


def test_unreadable_checksum_is_not_taken_for_none() -> None:
    """A damaged checksum does not make an unchecked telegram of a checked one."""
    found = decode(V5[:-6] + b"zzzz\r\n")

    assert "bad-crc" in reasons_of(found)
    assert not telegrams_of(found)


def test_checksum_without_leading_zeros_is_read() -> None:
    """Some meters do not pad it to four digits."""
    for serial in range(2_000):
        content = f"/EXM5\r\n\r\n0-0:96.1.1({serial:08d})\r\n1-0:1.7.0(00.100*kW)\r\n!".encode()
        if crc16.arc(content) < 0x1000:
            break

    found = decode(content + b"%X\r\n" % crc16.arc(content))

    assert len(telegrams_of(found)) == 1
    assert not reasons_of(found)


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize(("maker", "count"), [(b"HLY", 1), (b"EXM", 0)])
def test_x25_checksum_is_accepted_of_holley_alone(maker: bytes, count: int, order: str) -> None:
    """To believe it of every meter would let more damage through."""
    content = b"/" + maker + V5[4 : V5.rindex(b"!") + 1]
    printed = crc16.ibm_sdlc(content).to_bytes(2, "big" if order == "big" else "little")

    found = decode(content + printed.hex().upper().encode() + b"\r\n")

    assert len(telegrams_of(found)) == count
    assert reasons_of(found) == ["bad-crc"] * (1 - count)


def test_telegram_glued_to_the_next_gives_both() -> None:
    """No line end between the checksum and the next start."""
    found = decode(V5[:-2] + V5)

    assert len(telegrams_of(found)) == 2
    assert not reasons_of(found)


@pytest.mark.parametrize("end", [b"\r", b"\n", b"", b"\rJ", b"J\n", b"JK", b"\r/", b"//"])
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_line_end_damaged_after_a_telegram_does_not_cost_the_next(end: bytes, size: int) -> None:
    """Its `/` is where it has to be; at worst the two bytes are noise."""
    codec = P1Codec(ZONE)
    content = V5[:-2] + end + V5

    found = [one for at in range(0, len(content), size) for one in codec.feed(content[at:][:size])]

    assert telegrams_of(found) == telegrams_of(decode(V5)) * 2
    assert set(reasons_of(found)) <= {"noise", "truncated"}


@pytest.mark.parametrize("cut", [30, 100, 333, 500, 640])
def test_telegram_cut_short_by_the_next_costs_only_itself(cut: int) -> None:
    """Whether it is cut at a line's end or within one, the next is whole."""
    found = decode(V5[:cut] + V5)

    assert telegrams_of(found) == telegrams_of(decode(V5))
    assert reasons_of(found) == ["truncated"]


def test_unchecked_telegram_cut_within_a_line_costs_only_itself() -> None:
    """Without a checksum, a `/` within a line shows that another telegram begins."""
    found = decode(V3[:150] + V3)

    assert telegrams_of(found) == telegrams_of(decode(V3))
    assert reasons_of(found) == ["truncated"]


def test_slash_in_a_text_begins_no_telegram() -> None:
    """A message need not be hexadecimal in telegrams without a checksum."""
    (telegram,) = telegrams_of(decode(V3.replace(b"(31323334)", b"(on/off)")))

    assert telegram.texts[0] == "on/off"


def test_telegram_longer_than_the_cap_is_refused() -> None:
    """The next telegram is found after it."""
    found = decode(b"/EXM5\r\n" + b"x" * 9_000 + b"\r\n" + V5)

    assert reasons_of(found) == ["too-long", "noise"]
    assert len(telegrams_of(found)) == 1


def test_last_line_without_an_end_is_read_at_the_end() -> None:
    """A capture may lack the last line end."""
    found = decode(V3.rstrip())

    assert telegrams_of(found) == telegrams_of(decode(V3))


def test_lines_after_an_unchecked_telegram_are_its_trailer() -> None:
    """The EasyMeter sends lines of its own after the end; they are no noise, but a flood is."""
    trailer = b"  25818685\r\nDE0000000000000000000000000000003\r\n"

    assert not reasons_of(decode(V3 + trailer + V3))
    assert reasons_of(decode(V3 + b"x" * 400 + b"\r\n" + V3)) == ["noise"]
    assert reasons_of(decode(V5 + trailer + V5)) == ["noise"]
