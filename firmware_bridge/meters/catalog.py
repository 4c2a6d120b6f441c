"""Which codec speaks which protocol."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from firmware_bridge.meters.codec import Codec
from firmware_bridge.meters.p1 import P1Codec
from shared.errors import OperatorError

CODECS: dict[str, Callable[[ZoneInfo], Codec]] = {"p1": P1Codec}
"""Every protocol a meter may be configured with; the zone is where its clock tells the time."""


def codec_for(protocol: str, zone: ZoneInfo) -> Codec:
    """Return a new codec for a protocol; raise OperatorError naming the known ones."""
    build = CODECS.get(protocol)
    if build is None:
        raise OperatorError(
            f"protocol {protocol!r} is not known", hint=f"use one of: {', '.join(sorted(CODECS))}"
        )
    return build(zone)
