"""Encrypted P1: envelopes in the stream, keys, damage, noise, and bounded memory."""

import random
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.meters.ciphering import MAX_CIPHERED_BYTES
from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.p1 import P1Codec
from firmware_bridge.meters.p1_encrypted import SLICE_BYTES, EncryptedP1Codec
from firmware_bridge.simulator.dlms_meter import MeterKeys, encipher

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


def reasons(found: list[Telegram | Refused]) -> list[str]:
    """Keep the refusals' reasons."""
    return [entry.reason for entry in found if isinstance(entry, Refused)]


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


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
@settings(max_examples=60, deadline=None)
def test_any_split_of_the_bytes_gives_the_same(cuts: list[int]) -> None:
    """Where the reads fall does not matter."""
    codec = EncryptedP1Codec(ZONE, KEYS.key, KEYS.authentication_key)
    edges = [0, *sorted(cuts), len(STREAM)]

    found: list[Telegram | Refused] = []
    for start, end in pairwise(edges):
        if end > start:
            found += codec.feed(STREAM[start:end])
    found += codec.feed(b"")

    assert found == decode(STREAM)


@given(st.randoms(use_true_random=False), st.integers(1, 12), st.integers(1, 900))
@settings(max_examples=100, deadline=None)
def test_any_mutation_never_raises_and_splits_alike(
    draw: random.Random, count: int, step: int
) -> None:
    """Bytes changed, cut out and put in anywhere, read in steps of any size."""
    content = bytearray(STREAM)
    for _ in range(count):
        place = draw.randrange(len(content) + 1)
        match draw.randrange(3):
            case 0:
                content[place : place + 1] = draw.randbytes(1)
            case 1:
                del content[place : place + draw.randrange(60)]
            case _:
                content[place:place] = draw.randbytes(draw.randrange(60))
    codec = EncryptedP1Codec(ZONE, KEYS.key, KEYS.authentication_key)

    found: list[Telegram | Refused] = []
    for start in range(0, len(content), step):
        found += codec.feed(bytes(content[start : start + step]))
        assert codec.pending_bytes <= MAX_CIPHERED_BYTES + SLICE_BYTES
    found += codec.feed(b"")

    assert found == decode(bytes(content))
    telegrams = [entry for entry in found if isinstance(entry, Telegram)]
    assert all(entry == decode(STREAM)[0] for entry in telegrams)


@given(st.binary(max_size=400))
@settings(max_examples=60, deadline=None)
def test_telegram_after_any_noise_is_found(noise: bytes) -> None:
    """As long as the noise is no envelope."""
    found = decode(noise.replace(b"\xdb", b"?") + STREAM)

    assert found[-4:] == decode(STREAM)


def test_bytes_lost_within_an_envelope_do_not_cost_the_next_one() -> None:
    """Its length reaches into the next one, which is looked for inside."""
    found = decode(STREAM[:300] + STREAM[340:])

    assert reasons(found).count("wrong-key") == 1
    assert sum(isinstance(entry, Telegram) for entry in found) == 3


def test_stream_that_ends_within_an_envelope_is_truncated() -> None:
    """A pulled cable."""
    assert reasons(decode(STREAM[:-5])) == ["truncated"]
    assert reasons(decode(STREAM[:9])) == ["noise"]


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

    assert reasons(decode(encipher(damaged, TITLE, 1, KEYS))) == ["bad-crc"]


def test_endless_noise_is_bounded() -> None:
    """Half a megabyte of noise, some of it like an envelope's beginning."""
    draw = random.Random(5)
    codec = EncryptedP1Codec(ZONE, KEYS.key, KEYS.authentication_key)

    for _ in range(32):
        codec.feed(draw.randbytes(16_000) + b"\xdb\x08")
        assert codec.pending_bytes <= MAX_CIPHERED_BYTES + SLICE_BYTES
