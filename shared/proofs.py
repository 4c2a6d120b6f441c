"""Proofs: what a row says, short enough for a hello, to hold two copies of one log against. Pure.

Of the registers alone: when a row was read may be known better later. The counters have a digest of
their own, because consent may have let nothing else leave the hub.
"""

from collections.abc import Mapping
from hashlib import blake2b

import msgspec

from shared.readings import COUNTERS

DIGEST_BYTES = 8
"""One hub's card holds few rows against each other: 64 bits never agree by chance there."""

Proof = tuple[int, str, str]
"""A sequence, the digest of its registers, and that of its counters; both in hex."""


def proof_of(seq: int, registers: Mapping[str, int]) -> Proof:
    """Say of a row which one it is."""
    return seq, digest_of(registers), digest_of(counters_of(registers))


def agrees(proof: Proof, registers: Mapping[str, int]) -> bool:
    """Tell whether a sample says what the row did, whole or thinned to its counters."""
    return bool(registers) and digest_of(registers) in proof[1:]


def digest_of(registers: Mapping[str, int]) -> str:
    """Digest names and values, whatever the order they come in."""
    said = msgspec.msgpack.encode(sorted(registers.items()))
    return blake2b(said, digest_size=DIGEST_BYTES).hexdigest()


def counters_of(registers: Mapping[str, int]) -> dict[str, int]:
    """Leave out what is no counter."""
    return {name: value for name, value in registers.items() if name in COUNTERS}
