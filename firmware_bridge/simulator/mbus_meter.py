"""The simulated household's gas, water and heat meters on one M-Bus, answering in turn.

Pure. The oracle's registers are made here from the same registers, never by reading the bytes back.
Source: EN 13757-3:2018. Gas is the household's own; water and heat are drawn from its seed here.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from firmware_bridge.meters.mbus_frame import long_frame, manufacturer_code
from firmware_bridge.simulator.emission import Emission, history_of, with_oracle
from firmware_bridge.simulator.household import EPOCH, FIRST_DAY_MS, LONDON, Household
from firmware_bridge.simulator.oracle import OracleLine, Shown
from firmware_bridge.simulator.profiles import MINUTES, Profile
from shared.readings import Medium
from shared.units import MS_PER_DAY, MS_PER_MINUTE, MS_PER_SECOND, round_half_even

MAKER = "HLK"
"""Nobody's letters."""

RSP_UD, LONG_HEADER_CI = 0x08, 0x72
GAS_ADDRESS, WATER_ADDRESS, HEAT_ADDRESS = 1, 2, 5
GAS_MEDIUM, WATER_MEDIUM, HEAT_MEDIUM = 0x03, 0x07, 0x04

DAILY_WATER_ML, DAILY_HEAT_WH = 700_000, 90_000
"""What a register has gained a day before the simulation starts: more than any simulated day."""

ML_MS, WATT_MS_PER_KWH = MS_PER_MINUTE, 3_600_000_000
"""Water flows in millilitres a minute and heat in watts, both gathered over milliseconds."""

_MORE = b"\x1f"
_KWH_TO_MJ = Fraction(36, 10)


@dataclass(frozen=True, slots=True)
class Reply:
    """A meter's answer, in one frame or more, and what it shows."""

    frames: tuple[bytes, ...]
    shown: Shown


class _Register:
    """A register that grows by a profile's flow; `per_unit` of it are one of what is shown."""

    def __init__(self, seed: int, start_ms: int, build: Callable[[int, date], Profile]) -> None:
        self._seed = seed
        self._build = build
        self._now_ms = start_ms
        self._day = -1
        self._profile: Profile = []
        self.gathered = 0
        self.flow = 0

    def advance(self, to_ms: int, local_ms: int) -> int:
        """Play forward to an instant; return what has been gathered since the start."""
        day, within_ms = divmod(local_ms, MS_PER_DAY)
        if day != self._day:
            self._day = day
            self._profile = self._build(self._seed, EPOCH + timedelta(days=day))
        self.flow = self._profile[within_ms // MS_PER_MINUTE]
        self.gathered += self.flow * (to_ms - self._now_ms)
        self._now_ms = to_ms
        return self.gathered


class MbusMeter:
    """Three meters of one household; each emission is the answer of the next of them.

    The heat meter has more to say than one frame holds. All serials are fictional.
    """

    def __init__(self, seed: int, start_ms: int, *, household: Household | None = None) -> None:
        number = seed % 10_000
        self.gas_id, self.water_id, self.heat_id = (
            f"{MAKER}-{kind}000{number:04d}" for kind in (3, 7, 4)
        )
        draw = random.Random(f"{seed}/mbus")  # noqa: S311 (a simulation, no secret)
        age_ms = max(0, start_ms - FIRST_DAY_MS)
        self._first_ml = draw.randrange(90_000_000) + age_ms * DAILY_WATER_ML // MS_PER_DAY
        self._first_wh = draw.randrange(9_000_000) + age_ms * DAILY_HEAT_WH // MS_PER_DAY
        self._household = household or Household(seed, start_ms, LONDON)
        self._water = _Register(seed, start_ms, water_profile)
        self._heat = _Register(seed, start_ms, heat_profile)
        self._turn = 0
        self._access = 0

    def emit(self, time_ms: int) -> Emission:
        """Return the answer of one instant, a whole second later than the one before."""
        ask = (self.read_gas, self.read_water, self.read_heat)[self._turn]
        self._turn = (self._turn + 1) % 3
        reply = ask(time_ms)
        return Emission(b"".join(reply.frames), (reply.shown,))

    def read_gas(self, time_ms: int) -> Reply:
        """Return what the gas meter answers."""
        litres = self._household.advance(time_ms).gas_l
        records = _record("0c13", bcd(litres, 4)) + self._clock(time_ms)
        # The register at the end of last month, and the day it was kept.
        records += _record("4c13", bcd(litres // 1_000 * 1_000, 4)) + _record("426c", b"\x1f\x3c")
        frame = self._frame(GAS_ADDRESS, self.gas_id, GAS_MEDIUM, records)
        return Reply((frame,), Shown(self.gas_id, Medium.GAS, time_ms, {"gas_l": litres}))

    def read_water(self, time_ms: int) -> Reply:
        """Return what the water meter answers."""
        local_ms, _ = self._household.local_ms(time_ms)
        litres = (self._first_ml + self._water.advance(time_ms, local_ms) // ML_MS) // 1_000
        flow_l_h = self._water.flow * 60 // 1_000
        records = _record("0413", litres.to_bytes(4, "little")) + self._clock(time_ms)
        records += _record("023b", flow_l_h.to_bytes(2, "little")) + _record("02fd17", bytes(2))
        frame = self._frame(WATER_ADDRESS, self.water_id, WATER_MEDIUM, records)
        return Reply((frame,), Shown(self.water_id, Medium.WATER, time_ms, {"water_l": litres}))

    def read_heat(self, time_ms: int) -> Reply:
        """Return what the heat meter answers: its register and clock, then its past months."""
        local_ms, _ = self._household.local_ms(time_ms)
        gathered = self._heat.advance(time_ms, local_ms)
        kwh = self._first_wh // 1_000 + gathered // WATT_MS_PER_KWH
        now = _record("0c06", bcd(kwh, 4)) + self._clock(time_ms)
        now += _record("0c2b", bcd(self._heat.flow, 4)) + _record("0a5a", bcd(615, 2))
        now += _record("0a5e", bcd(402, 2)) + _MORE
        past = b"".join(
            _record(dif, bcd(max(0, kwh - 900 * months), 4))
            for months, dif in enumerate(("8c0106", "cc0106", "8c0206"), 1)
        )
        frames = tuple(
            self._frame(HEAT_ADDRESS, self.heat_id, HEAT_MEDIUM, part) for part in (now, past)
        )
        registers = {"heat_mj": round_half_even(kwh * _KWH_TO_MJ)}
        return Reply(frames, Shown(self.heat_id, Medium.HEAT, time_ms, registers))

    def _clock(self, time_ms: int) -> bytes:
        """Return the meter's clock to the second: type I, local time."""
        local_ms, is_summer = self._household.local_ms(time_ms)
        moment = datetime.fromtimestamp(local_ms // MS_PER_SECOND, UTC)
        year = moment.year - 2_000
        season = 0x40 if is_summer else 0
        day, month = moment.day | (year & 7) << 5, moment.month | year >> 3 << 4
        parts = (moment.second | season, moment.minute, moment.hour, day, month, 0)
        return _record("066d", bytes(parts))

    def _frame(self, address: int, meter: str, medium: int, records: bytes) -> bytes:
        self._access = self._access + 1 & 0xFF
        header = header_bytes(meter, medium, self._access)
        return long_frame(RSP_UD, address, LONG_HEADER_CI, header + records)


def header_bytes(meter: str, medium: int, access: int = 0) -> bytes:
    """Return the long header of a meter whose id is three letters and eight digits."""
    letters, _, number = meter.partition("-")
    maker = manufacturer_code(letters).to_bytes(2, "little")
    return bytes.fromhex(number)[::-1] + maker + bytes((1, medium, access, 0, 0, 0))


def bcd(value: int, size: int) -> bytes:
    """Write a number as pairs of digits, the lowest first."""
    return bytes.fromhex(f"{value:0{size * 2}d}"[-size * 2 :])[::-1]


def _record(head: str, content: bytes) -> bytes:
    return bytes.fromhex(head) + content


def water_profile(seed: int, day: date) -> Profile:
    """Return the flow of water in ml a minute for each minute of a local civil day."""
    draw = random.Random(f"{seed}/water/{day.isoformat()}")  # noqa: S311 (a simulation, no secret)
    flow = [0] * MINUTES
    _pour(flow, 6 * 60 + 30 + draw.randrange(60), draw.randrange(5, 10), 9_000)
    for _ in range(draw.randrange(12, 20)):
        _pour(flow, draw.randrange(6 * 60, 23 * 60), 1, draw.randrange(2_000, 7_000))
    if draw.randrange(2):
        _pour(flow, 10 * 60 + draw.randrange(480), 12, 4_500)
    return flow


def heat_profile(seed: int, day: date) -> Profile:
    """Return the heat in W for each minute of a local civil day: mornings, evenings, hot water."""
    draw = random.Random(f"{seed}/heat/{day.isoformat()}")  # noqa: S311 (a simulation, no secret)
    is_cold = day.month in (1, 2, 3, 4, 10, 11, 12)
    heat = [800 if is_cold else 0] * MINUTES
    for start in (6 * 60, 17 * 60):
        for minute in range(start, start + draw.randrange(90, 150)):
            heat[minute] += 6_500 if is_cold else 900
    return heat


def _pour(flow: Profile, start: int, minutes: int, ml: int) -> None:
    for minute in range(start, min(MINUTES, start + minutes)):
        flow[minute] += ml


def emissions(seed: int, start_ms: int, end_ms: int, cadence_s: int = 10) -> Iterator[Emission]:
    """Yield the answers of `[start_ms, end_ms)`, in order."""
    return history_of(MbusMeter(seed, start_ms), seed, start_ms, end_ms, cadence_s)


def telegrams(
    seed: int, start_ms: int, end_ms: int, cadence_s: int = 10
) -> Iterator[tuple[bytes, list[OracleLine]]]:
    """Yield each answer's bytes with its oracle line, whose `must_log` is already decided."""
    return with_oracle(emissions(seed, start_ms, end_ms, cadence_s))
