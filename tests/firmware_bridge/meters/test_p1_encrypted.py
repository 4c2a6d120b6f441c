"""Encrypted P1: envelopes in the stream, keys, damage, noise."""

import random
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.p1 import P1Codec
from firmware_bridge.meters.p1_encrypted import EncryptedP1Codec
from firmware_bridge.simulator.dlms_meter import MeterKeys, encipher
from tests.support.codecs import mutated, reasons_of

ZONE = ZoneInfo("Europe/Luxembourg")
KEYS = MeterKeys()
TITLE = b"SAG\x75\x00\x00\x12\x34"
V5 = (Path(__file__).parents[2] / "golden" / "p1" / "dsmr_5.telegram").read_bytes()
STREAM = b"".join(encipher(V5, TITLE, counter, KEYS) for counter in range(4))


def decode(
    content: bytes,
    key: bytes | None = KEYS.key,
    authentication_key: bytes | None = KEYS.authentication_key,
) -> list[Telegram | Refused]:
    """Decode a whole stream, its end included."""
    codec = EncryptedP1Codec(ZONE, key, authentication_key)
    return codec.feed(content) + codec.feed(b"")


@pytest.mark.parametrize("authentication_key", [KEYS.authentication_key, None])
def test_telegram_inside_is_what_p1_makes_of_it(authentication_key: bytes | None) -> None:
    """With or without the authentication key; its own checksum holds either way."""
    found = decode(STREAM, authentication_key=authentication_key)

    assert found == P1Codec(ZONE).feed(V5) * 4


def test_telegram_is_complete_with_its_last_byte() -> None:
    """Nothing waits for the next one, ten seconds later."""
    codec = EncryptedP1Codec(ZONE, KEYS.key, KEYS.authentication_key)

    found = codec.feed(encipher(V5, TITLE, 1, KEYS))

    assert [type(entry) for entry in found] == [Telegram]
    assert codec.pending_bytes == 0


@given(st.randoms(use_true_random=False), st.integers(1, 12))
@settings(max_examples=100, deadline=None)
def test_hurt_envelope_never_gives_another_telegram(draw: random.Random, count: int) -> None:
    """Its tag and the checksum inside let nothing through that was not sent."""
    found = decode(mutated(draw, STREAM, count))

    telegrams = [entry for entry in found if isinstance(entry, Telegram)]
    assert all(entry == decode(STREAM)[0] for entry in telegrams)


def test_bytes_lost_within_an_envelope_do_not_cost_the_next_one() -> None:
    """Its length reaches into the next one, which is looked for inside."""
    found = decode(STREAM[:300] + STREAM[340:])

    assert reasons_of(found).count("wrong-key") == 1
    assert sum(isinstance(entry, Telegram) for entry in found) == 3


@pytest.mark.parametrize("count", range(1, 30))
@pytest.mark.parametrize("size", [1, 700, 100_000])
def test_few_bytes_lost_cost_no_other_envelope(count: int, size: int) -> None:
    """The next one's head is cut off where the length reaches to: its rest is waited for."""
    codec = EncryptedP1Codec(ZONE, KEYS.key, KEYS.authentication_key)
    content = STREAM[:300] + STREAM[300 + count :]

    found = [one for at in range(0, len(content), size) for one in codec.feed(content[at:][:size])]
    found += codec.feed(b"")

    assert reasons_of(found) == ["wrong-key"]
    assert sum(isinstance(entry, Telegram) for entry in found) == 3


def test_end_of_a_refused_envelope_that_looks_like_a_start_is_no_noise() -> None:
    """It was answered for already."""
    sealed = next(
        one
        for counter in range(3_000)
        if (one := encipher(V5, TITLE, counter, KEYS))[-1] == STREAM[0]
    )

    assert reasons_of(decode(sealed + STREAM, key=bytes(16))) == ["wrong-key"] * 5


def test_stream_that_ends_within_an_envelope_is_truncated() -> None:
    """A pulled cable."""
    assert reasons_of(decode(STREAM[:-5])) == ["truncated"]
    assert reasons_of(decode(STREAM[:9])) == ["noise"]


@pytest.mark.parametrize(
    ("key", "authentication_key", "reason"),
    [
        (None, None, "encrypted"),
        (bytes(16), None, "wrong-key"),
        (bytes(16), KEYS.authentication_key, "wrong-key"),
        (KEYS.key, bytes(16), "wrong-key"),
    ],
)
def test_wrong_or_missing_key_is_told_with_the_system_title(
    key: bytes | None, authentication_key: bytes | None, reason: str
) -> None:
    """At once, one refusal a telegram."""
    codec = EncryptedP1Codec(ZONE, key, authentication_key)

    (refused,) = codec.feed(encipher(V5, TITLE, 1, KEYS))

    assert isinstance(refused, Refused)
    assert refused.reason == reason
    assert "SAG7500001234" in refused.detail


def test_damaged_telegram_inside_keeps_its_own_reason() -> None:
    """What P1 says of it."""
    damaged = V5.replace(b"(004426.001*kWh)", b"(004426.002*kWh)")

    assert reasons_of(decode(encipher(damaged, TITLE, 1, KEYS))) == ["bad-crc"]
