"""The tariff shadow as documents: what a hub hears when it asks, and when a tariff changes. Pure.

The shapes are AWS IoT's device shadow documents, so that a hub needs to know no other.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from shared import topics
from shared.protocol import MAX_MESSAGE_BYTES
from shared.tariffs import Tariff
from shared.units import LATEST_PLAUSIBLE_MS, MS_PER_SECOND

NOT_FOUND = 404
TOO_LARGE = 413


class KeptTariff(NamedTuple):
    """A meter's tariff and the revision it has here."""

    meter: str
    revision: int
    tariff: Tariff


class Publication(NamedTuple):
    """A message to publish."""

    topic: str
    payload: bytes


def answer_get(thing: str, kept: Sequence[KeptTariff], now_ms: int) -> Publication:
    """Answer a hub that asks for its tariffs: accepted with all, or rejected with a code."""
    if not kept:
        return _rejected(thing, NOT_FOUND, "no tariff is set for this hub's meters", now_ms)
    if not fits(kept):
        return _rejected(thing, TOO_LARGE, f"over {MAX_MESSAGE_BYTES} bytes of tariffs", now_ms)
    return Publication(
        topics.shadow_get_accepted(thing, topics.TARIFF_SHADOW),
        _document({"desired": _meters(kept)}, kept, now_ms),
    )


def delta(thing: str, kept: Sequence[KeptTariff], now_ms: int) -> Publication:
    """Tell a hub that a tariff changed; who calls has made sure that it `fits`."""
    return Publication(
        topics.shadow_delta(thing, topics.TARIFF_SHADOW), _document(_meters(kept), kept, now_ms)
    )


def fits(kept: Sequence[KeptTariff]) -> bool:
    """Tell whether these tariffs fit the one document in which they reach a hub."""
    document = _document({"desired": _meters(kept)}, kept, LATEST_PLAUSIBLE_MS)
    return len(document) <= MAX_MESSAGE_BYTES


def _meters(kept: Sequence[KeptTariff]) -> dict[str, dict[str, Tariff]]:
    return {"meters": {one.meter: one.tariff for one in kept}}


def _document(state: object, kept: Sequence[KeptTariff], now_ms: int) -> bytes:
    return msgspec.json.encode(
        {"state": state, "version": _version(kept), "timestamp": now_ms // MS_PER_SECOND}
    )


def _version(kept: Sequence[KeptTariff]) -> int:
    return max((one.revision for one in kept), default=0)


def _rejected(thing: str, code: int, message: str, now_ms: int) -> Publication:
    document = {"code": code, "message": message, "timestamp": now_ms // MS_PER_SECOND}
    return Publication(
        topics.shadow_get_rejected(thing, topics.TARIFF_SHADOW), msgspec.json.encode(document)
    )
