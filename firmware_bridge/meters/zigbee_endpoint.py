"""One endpoint of a ZigBee device as a meter: its readings, and those that wait to be understood.

Pure. A value cannot be scaled before the device has told its unit, multiplier and divisor, nor be
any meter's before its serial is known or denied: what comes earlier waits, and nothing is guessed.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from firmware_bridge.meters.codec import Refused, Telegram, refuse
from firmware_bridge.meters.zcl import Attribute
from firmware_bridge.meters.zcl_table import DEMAND, METERING, SNAPSHOT_TIME, UNIT, measured
from firmware_bridge.meters.zcl_types import Value, ZclError, printed
from firmware_bridge.meters.zigbee_description import Description
from firmware_bridge.meters.zigbee_prepayment import Credit
from firmware_bridge.meters.zigbee_profile import Profiles
from shared.readings import Medium, Sample
from shared.units import EARLIEST_PLAUSIBLE_MS, LATEST_PLAUSIBLE_MS, MS_PER_SECOND

MAX_KEPT = 32
"""Readings that wait for their description: five minutes of a meter that reports every ten seconds,
where a link needs some seconds to read it."""

MAX_UNKNOWN = 32
"""Of one frame: it has no room for many more."""

MAX_UNKNOWN_CHARS = 80

_TOTAL_OF_PHASE = {"power_import_l1_w": "power_import_w", "power_export_l1_w": "power_export_w"}

RegistersOf = Callable[[int, Value], dict[str, int] | None]


@dataclass(frozen=True, slots=True)
class Reading:
    """The attributes of one frame that hold a value, and the frame to show where it is refused."""

    cluster: int
    values: dict[int, Value]
    raw: bytes


class MeterEndpoint:
    """Follows one endpoint; keeps its description, its credit, MAX_KEPT readings and profiles."""

    def __init__(self, ieee: str, number: int, is_taken: Callable[[str], bool]) -> None:
        self.description = Description(ieee, number, is_taken)
        self.profiles = Profiles()
        self.credit = Credit()
        self._kept: deque[Reading] = deque()
        self._tells_demand = False

    def learn(self, cluster: int, attributes: list[Attribute]) -> None:
        """Take what a frame says of unit, scale, type and serial; another meter begins anew.

        So do the profiles of one that is described again: what led back to them was never read.
        """
        was_settled = bool(self.description.meter)
        is_another = self.description.learn(cluster, attributes) and was_settled
        is_described = cluster == METERING and any(one.number == UNIT for one in attributes)
        if is_another or (is_described and not self._kept):
            self.profiles = Profiles()
        if is_another:
            self.credit = Credit()
            self._tells_demand = False

    def offer(self, reading: Reading) -> list[Telegram | Refused]:
        """Decode a reading, or keep it until it can be; what waits goes before it."""
        found: list[Telegram | Refused] = []
        if len(self._kept) >= MAX_KEPT:
            self.description.settle_unanswered()
            found += self.release()
        if self._covers(reading):
            return [*found, *self._decode(reading)]
        if len(self._kept) >= MAX_KEPT:
            found.append(_not_described(self._kept.popleft()))
        self._kept.append(reading)
        return found

    def release(self) -> list[Telegram | Refused]:
        """Decode what waited and can be decoded now: the past first, then in order.

        Readings without a clock become one, of now: nobody knows when each was taken.
        """
        ready = [one for one in self._kept if self._covers(one)]
        if not ready:
            return []
        self._kept = deque(one for one in self._kept if not self._covers(one))
        found = [entry for one in ready for entry in self._decode(one)]
        past = [one for one in found if isinstance(one, Telegram) and one.is_past]
        return [*past, *_join_clockless([one for one in found if one not in past])]

    def close(self) -> list[Telegram | Refused]:
        """Refuse what still waits: no description of it comes any more."""
        kept, self._kept = self._kept, deque()
        return [_not_described(one) for one in kept]

    def _covers(self, reading: Reading) -> bool:
        return self.description.covers(reading.cluster, reading.values)

    def _decode(self, reading: Reading) -> list[Telegram | Refused]:
        try:
            if reading.cluster == METERING:
                return self._decode_metering(reading)
            scales = self.description.electrical_scales()
            sample = self._sample(reading, None, lambda at, value: measured(at, value, scales))
            return [Telegram((self._with_total(sample),))]
        except ZclError as fault:
            return [refuse(fault.reason, fault.detail, reading.raw)]

    def _decode_metering(self, reading: Reading) -> list[Telegram | Refused]:
        self._tells_demand = self._tells_demand or DEMAND in reading.values
        faults: list[Telegram | Refused] = []
        time_ms = _time_ms(reading.values.get(SNAPSHOT_TIME))
        if time_ms is not None and time_ms > LATEST_PLAUSIBLE_MS:
            detail = f"the snapshot is of {time_ms} ms, a broken clock's"
            faults.append(refuse("bad-time", detail, reading.raw))
            time_ms = None
        sample = self._sample(reading, time_ms, self.description.metering_scale().registers_of)
        is_past = sample.medium is not Medium.ELECTRICITY and time_ms is not None
        return [*self._past(reading, time_ms), Telegram((sample,), is_past=is_past), *faults]

    def _past(self, reading: Reading, now_ms: int | None) -> list[Telegram | Refused]:
        """Return the half hours that a read leads back to, the oldest first."""
        if self.profiles.is_empty:
            return []
        scale = self.description.metering_scale()
        boundaries = self.profiles.registers_at(
            reading.values, lambda told: int(scale.decimal(told))
        )
        telegrams: list[Telegram | Refused] = []
        for end_s, told in boundaries.items():
            time_ms = EARLIEST_PLAUSIBLE_MS + end_s * MS_PER_SECOND
            registers: dict[str, int] = {}
            for number, register in told.items():
                registers |= scale.scaled(number, register) or {}
            if registers and time_ms != now_ms:
                meter, medium = self.description.meter, self.description.medium
                telegrams.append(
                    Telegram(
                        (Sample(meter, medium, time_ms, registers),), is_past=True, is_healing=True
                    )
                )
        return telegrams

    def _sample(self, reading: Reading, time_ms: int | None, registers_of: RegistersOf) -> Sample:
        registers: dict[str, int] = {}
        unknown: dict[str, str] = {}
        for number, value in reading.values.items():
            told = registers_of(number, value)
            if told is not None:
                registers |= told
            elif (reading.cluster, number) != (METERING, SNAPSHOT_TIME):
                unknown[code_of(reading.cluster, number)] = printed(value)
        meter, medium = self.description.meter, self.description.medium
        return Sample(meter, medium, time_ms, registers, unknown=bounded(unknown))

    def _with_total(self, sample: Sample) -> Sample:
        """Add the total where there is one phase alone, and nothing else that tells it."""
        if self._tells_demand or not self.description.has_one_phase:
            return sample
        totals = {
            total: sample.registers[phase]
            for phase, total in _TOTAL_OF_PHASE.items()
            if phase in sample.registers
        }
        return msgspec.structs.replace(sample, registers={**sample.registers, **totals})


def code_of(cluster: int, number: int) -> str:
    """Return the code an attribute is shown by where it is no register."""
    return f"{cluster:04x}/{number:04x}"


def bounded(unknown: dict[str, str]) -> dict[str, str]:
    """Hold what is shown raw to its limits, and say what was left out."""
    kept = {code: text[:MAX_UNKNOWN_CHARS] for code, text in list(unknown.items())[:MAX_UNKNOWN]}
    if len(unknown) > MAX_UNKNOWN:
        kept["+"] = f"{len(unknown) - MAX_UNKNOWN} more"
    return kept


def _time_ms(told: Value | None) -> int | None:
    """Return a UTC time in milliseconds; None where there is none, 0 being an unset clock."""
    if not isinstance(told, int) or told == 0:
        return None
    return EARLIEST_PLAUSIBLE_MS + told * MS_PER_SECOND


def _join_clockless(found: list[Telegram | Refused]) -> list[Telegram | Refused]:
    """Put the samples without a time into one, the last word on each register winning."""
    joined: Sample | None = None
    rest: list[Telegram | Refused] = []
    for entry in found:
        if isinstance(entry, Refused) or entry.samples[0].meter_time_ms is not None:
            rest.append(entry)
            continue
        sample = entry.samples[0]
        if joined is not None:
            sample = msgspec.structs.replace(
                sample,
                registers={**joined.registers, **sample.registers},
                unknown={**joined.unknown, **sample.unknown},
            )
        joined = sample
    return rest if joined is None else [*rest, Telegram((joined,))]


def _not_described(reading: Reading) -> Refused:
    codes = ", ".join(code_of(reading.cluster, number) for number in reading.values)
    detail = f"the device has not told how to read {codes}"
    return refuse("not-described", detail, reading.raw)
