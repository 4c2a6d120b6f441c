"""Messages: JSON and back, within limits, and nothing but BadInputError for the rest."""

import random
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadInputError
from shared.frames import MAX_SEQ
from shared.protocol import (
    BACKLOG_AGE_MS,
    MAX_HELLO_BYTES,
    MAX_LOGS_PER_HELLO,
    MAX_MESSAGE_BYTES,
    MAX_PROOFS_PER_HELLO,
    MAX_RANGES_PER_RECEIPT,
    Hello,
    Live,
    LogState,
    Receipt,
    Status,
    decode_hello,
    decode_live,
    decode_receipt,
    decode_status,
    encode_message,
    is_backlog,
)
from shared.readings import MAX_METER_ID_CHARS, Medium
from shared.units import INT64_MAX, INT64_MIN

LOG_ID = "0f" * 16
HELLO = Hello("0.1.0", 1, [LogState(LOG_ID, "meter-1", 1, 900)])
RECEIPT = Receipt("store-1", LOG_ID, 7, [(1, 900, 0)], [(901, 910, "bad-time")], 16, 1_790_000)
STATUS = Status("c0ffee", online=True)
LIVE = Live("meter-1", Medium.ELECTRICITY, 1_790_000_000_000, {"power_import_w": 431})
DECODERS: list[Callable[[bytes], Hello | Receipt | Status | Live]] = [
    decode_hello,
    decode_receipt,
    decode_status,
    decode_live,
]
MESSAGES: list[Hello | Receipt | Status | Live] = [HELLO, RECEIPT, STATUS, LIVE]


@pytest.mark.parametrize(("message", "decode"), list(zip(MESSAGES, DECODERS, strict=True)))
def test_a_message_comes_back(
    message: Hello | Receipt | Status | Live,
    decode: Callable[[bytes], Hello | Receipt | Status | Live],
) -> None:
    """What is encoded is what is decoded, and small."""
    payload = encode_message(message)

    assert decode(payload) == message
    assert len(payload) < 300


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b'{"store_id": 5}',
        b'{"meter": "\xff"}',
        b'{"online": "yes"}',
        b'{"unknown": ' + b"[" * 8_000,
    ],
    ids=lambda payload: f"{len(payload)} bytes",
)
def test_what_is_no_message_is_bad_input(decode: Callable[[bytes], object], payload: bytes) -> None:
    """Broken JSON, the wrong shape, broken text and deep nesting alike."""
    with pytest.raises(BadInputError, match="not a "):
        decode(payload)


@pytest.mark.parametrize("decode", DECODERS)
def test_a_message_past_the_limit_is_not_parsed(decode: Callable[[bytes], object]) -> None:
    """The limit holds before any of it is read."""
    with pytest.raises(BadInputError, match="the limit is"):
        decode(b" " * ((MAX_HELLO_BYTES if decode is decode_hello else MAX_MESSAGE_BYTES) + 1))


@given(st.integers(0, 3), st.integers(0, 2**32))
def test_changed_bytes_raise_nothing_but_bad_input(kind: int, seed: int) -> None:
    """A message decodes or is set aside, whatever happened to it."""
    rng = random.Random(seed)
    changed = bytearray(encode_message(MESSAGES[kind]))
    for _ in range(rng.randint(1, 3)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)

    try:
        message = DECODERS[kind](bytes(changed))
    except BadInputError:
        return
    assert DECODERS[kind](encode_message(message)) == message


def test_a_later_field_is_passed_over() -> None:
    """A newer peer may say more; what is known of it holds."""
    payload = encode_message(STATUS)[:-1] + b', "since_ms": [1, 2]}'

    assert decode_status(payload) == STATUS


@pytest.mark.parametrize("number", [INT64_MIN, INT64_MAX])
def test_numbers_reach_to_64_bits(number: int) -> None:
    """Every number that a database holds is carried."""
    live = msgspec.structs.replace(LIVE, registers={"import_mwh": number})

    assert decode_live(encode_message(live)) == live


@pytest.mark.parametrize("number", [str(INT64_MAX + 1), str(INT64_MIN - 1), "9" * 400, "1e400"])
def test_numbers_past_64_bits_are_bad_input(number: str) -> None:
    """JSON knows no limit; the store behind it does."""
    payload = encode_message(LIVE).replace(b"431", number.encode())

    with pytest.raises(BadInputError):
        decode_live(payload)


def test_a_hello_lists_so_many_logs_and_no_more() -> None:
    """Exactly the limit passes."""
    log = LogState(LOG_ID, "m", 1, 2)
    most = Hello("0.1.0", 1, [log] * MAX_LOGS_PER_HELLO)

    assert decode_hello(encode_message(most)) == most
    with pytest.raises(BadInputError, match="65 logs"):
        decode_hello(encode_message(Hello("0.1.0", 1, [*most.logs, log])))


@pytest.mark.parametrize("character", ["m", "\u20ac", "\U0001f50c", "\x01"])
def test_the_largest_hello_fits_its_limit(character: str) -> None:
    """Full lists, ids and sequences pass, whatever an id's characters take as JSON."""
    log = LogState("f" * 32, character * MAX_METER_ID_CHARS, MAX_SEQ, MAX_SEQ)
    most = Hello("0.1.0+" + "v" * 58, 1, [log] * MAX_LOGS_PER_HELLO)

    assert decode_hello(encode_message(most)) == most


@pytest.mark.parametrize("key", ["stored", "rejected"])
def test_a_receipt_lists_so_many_ranges_and_no_more(key: str) -> None:
    """Either list is bounded, and a receipt of full lists is within the limit of bytes."""
    ranges = [(n, n, "later-version" if key == "rejected" else 0) for n in range(64)]
    most = msgspec.structs.replace(RECEIPT, **{key: ranges})
    over = msgspec.structs.replace(RECEIPT, **{key: [*ranges, ranges[0]]})

    assert len(ranges) == MAX_RANGES_PER_RECEIPT
    assert decode_receipt(encode_message(most)) == most
    with pytest.raises(BadInputError, match="over 64 ranges"):
        decode_receipt(encode_message(over))


def test_the_largest_receipt_fits_a_message() -> None:
    """128 ranges of the largest sequences stay below the limit of bytes."""
    far = 2**53 - 1
    full = msgspec.structs.replace(
        RECEIPT,
        stored=[(far, far, far)] * MAX_RANGES_PER_RECEIPT,
        rejected=[(far, far, "inflates-too-large")] * MAX_RANGES_PER_RECEIPT,
    )

    assert len(encode_message(full)) <= MAX_MESSAGE_BYTES


def test_a_frame_is_backlog_once_it_is_older_than_the_limit() -> None:
    """Both sides draw the line at the same millisecond."""
    assert not is_backlog(1_000, 1_000 + BACKLOG_AGE_MS)
    assert is_backlog(1_000, 1_001 + BACKLOG_AGE_MS)
    assert not is_backlog(9_000, 1_000)


def test_a_hello_proves_so_many_rows_and_no_more() -> None:
    """Each costs the cloud a frame to read; over all logs of the hello."""
    proofs = [(seq, "0" * 16, "1" * 16) for seq in range(MAX_PROOFS_PER_HELLO)]
    within = Hello("0.1.0", 1, [LogState(LOG_ID, "meter-1", 1, 900, proofs)])
    beyond = Hello("0.1.0", 1, [*within.logs, LogState(LOG_ID, "meter-1", 1, 900, proofs[:1])])

    assert decode_hello(encode_message(within)) == within
    with pytest.raises(BadInputError, match="proofs"):
        decode_hello(encode_message(beyond))


def test_what_proves_nothing_has_no_word_of_it() -> None:
    """Hubs and clouds of before say and hear the same as ever."""
    assert b"proofs" not in encode_message(HELLO)
    assert b"proved" not in encode_message(RECEIPT)


def test_the_largest_hello_with_proofs_is_within_its_limit() -> None:
    """64 logs with the longest meter ids, and as many proofs of the largest sequences."""
    proof = (MAX_SEQ, "0" * 16, "1" * 16)
    meter = "\x01" * MAX_METER_ID_CHARS
    logs = [
        LogState(LOG_ID, meter, MAX_SEQ, MAX_SEQ, [proof] if n < MAX_PROOFS_PER_HELLO else [])
        for n in range(MAX_LOGS_PER_HELLO)
    ]
    hello = Hello("0" * 64, 1, logs, "h" * 64, "s" * 32, INT64_MAX, "ten", INT64_MAX, "r" * 32)

    assert decode_hello(encode_message(hello)) == hello
