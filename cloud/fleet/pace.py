"""How fast claims may be tried by those who know none. Pure; not safe to use from two threads.

A code has a hundred bits: what is slowed down here is the work of refusing, and the noise. Only
wrong codes count, and an address that has sent none is never refused: a flood from elsewhere, or
from many addresses, keeps no installer out.
"""

import ipaddress
from collections import OrderedDict

from shared.units import MS_PER_SECOND

ADDRESS_TRIES = 10
"""Wrong codes an address may send at once: more than anyone mistypes."""

ADDRESS_MS = 10 * MS_PER_SECOND
"""After that one more each ten seconds."""

TOTAL_TRIES = 200
TOTAL_MS = 50
"""Wrong codes of all addresses together: 200 at once, then twenty a second."""

MAX_ADDRESSES = 10_000
"""Addresses remembered; the one heard of longest ago begins anew."""

IPV6_PREFIX = 64
"""What one IPv6 customer has of addresses counts as one."""


class Pace:
    """Token buckets, one for each address that sent a wrong code, and one for all."""

    def __init__(self) -> None:
        self._addresses: OrderedDict[str, _Bucket] = OrderedDict()
        self._total = _Bucket(TOTAL_TRIES, TOTAL_MS)

    def may_try(self, address: str, now_ms: int) -> bool:
        """Tell whether an address may try a code now."""
        bucket = self._addresses.get(place_of(address))
        if bucket is None:
            return True
        return bucket.has_one(now_ms) and self._total.has_one(now_ms)

    def note_wrong(self, address: str, now_ms: int) -> None:
        """Count a code that was none."""
        place = place_of(address)
        bucket = self._addresses.pop(place, None) or _Bucket(ADDRESS_TRIES, ADDRESS_MS)
        self._addresses[place] = bucket
        bucket.take(now_ms)
        self._total.take(now_ms)
        if len(self._addresses) > MAX_ADDRESSES:
            self._addresses.popitem(last=False)


class _Bucket:
    """So many at once, then one each so many milliseconds."""

    def __init__(self, size: int, refill_ms: int) -> None:
        self._size_ms = size * refill_ms
        self._refill_ms = refill_ms
        self._full_at_ms = 0

    def has_one(self, now_ms: int) -> bool:
        """Tell whether one is left; takes none."""
        return self._full_at_ms - now_ms <= self._size_ms - self._refill_ms

    def take(self, now_ms: int) -> None:
        """Take one, if one is left."""
        if self.has_one(now_ms):
            self._full_at_ms = max(self._full_at_ms, now_ms) + self._refill_ms


def place_of(address: str) -> str:
    """Name what counts as one address; text that is none is one too."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))
