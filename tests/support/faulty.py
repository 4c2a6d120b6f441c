"""What tests of scripted faults share: an hour of a faulty meter, and its bytes decoded."""

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from firmware_bridge.meters.catalog import codec_for
from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.keys import Keys
from firmware_bridge.simulator.composition import Composition, Shows
from firmware_bridge.simulator.dlms_meter import MeterKeys
from firmware_bridge.simulator.emission import Emission
from firmware_bridge.simulator.fault_spec import read_faults
from firmware_bridge.simulator.household import LONDON
from firmware_bridge.simulator.meters import METERS, Fitting
from firmware_bridge.simulator.timing import history_times
from shared.readings import Sample
from shared.units import MS_PER_HOUR

SUMMER_MS = int(datetime(2026, 6, 20, 8, tzinfo=UTC).timestamp()) * 1_000

Key = tuple[str, int | None, tuple[tuple[str, int], ...]]


def emissions(
    spec: str,
    *,
    protocol: str = "p1",
    hours: float = 1,
    start_ms: int = SUMMER_MS,
    seed: int = 3,
    cadence_s: int = 10,
) -> Iterator[Emission]:
    """Yield what leaves a simulated meter with a script of faults, from `start_ms` on."""
    known = METERS[protocol]
    keys = MeterKeys()
    composition = Composition(known, Shows(known.shows), keys, read_faults(spec))
    meter = composition.build(Fitting(seed, start_ms))
    for time_ms in history_times(seed, start_ms, cadence_s):
        if time_ms >= start_ms + hours * MS_PER_HOUR:
            return
        yield meter.emit(time_ms)


def decode(contents: Sequence[bytes], protocol: str = "p1") -> list[Telegram | Refused]:
    """Decode a stream to its end with the codec a hub would use."""
    known, keys = METERS[protocol], MeterKeys()
    both = Keys(keys.key, keys.authentication_key) if known.is_encrypted else None
    codec = codec_for(known.hub_protocol, LONDON, both)
    found: deque[Telegram | Refused] = deque()
    for content in contents:
        if content:
            found.extend(codec.feed(content))
    found.extend(codec.feed(b""))
    return list(found)


def samples_of(found: Sequence[Telegram | Refused]) -> list[Sample]:
    """Return every sample of the telegrams among what was decoded."""
    return [one for telegram in found if isinstance(telegram, Telegram) for one in telegram.samples]


def decoded_keys(found: Sequence[Telegram | Refused]) -> set[Key]:
    """Return which samples were decoded: meter, time and registers."""
    return {
        (one.meter, one.meter_time_ms, tuple(sorted(one.registers.items())))
        for one in samples_of(found)
        if one.registers
    }


def shown_keys(told: Sequence[Emission]) -> set[Key]:
    """Return which samples the telegrams that arrive show."""
    return {
        (one.meter, one.taken_at_ms, tuple(sorted(one.registers.items())))
        for emission in told
        if not emission.is_damaged
        for one in emission.shown
    }
