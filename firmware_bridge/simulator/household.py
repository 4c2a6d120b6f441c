"""A household as its meters see it: cumulative registers, and what the displays round them to.

Pure and deterministic by seed. Energy is kept as whole watt-milliseconds and gas as whole
millilitre-milliseconds a minute, so that nothing is lost between two steps of any length.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from firmware_bridge.simulator.profiles import Profile, gas_profile, load_profile, solar_profile
from shared.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, SLOT_MS

LONDON = ZoneInfo("Europe/London")

LOW_RATE_FROM_MINUTE, LOW_RATE_TO_MINUTE = 30, 450
"""00:30 to 07:30 local time, as a two-rate tariff for electric cars has it."""

WATT_MS_PER_WH = MS_PER_HOUR
GAS_UNITS_PER_LITRE = 1_000 * MS_PER_MINUTE

FIRST_DAY_MS = 1_704_067_200_000
"""2024-01-01: the simulated meters were fitted then."""

DAILY_WH = {"import_1": 80_000, "import_2": 60_000, "export_1": 12_000, "export_2": 30_000}
"""What each register has gained a day before the simulation starts: more than any simulated day, so
that a simulation begun later never shows a lower register."""

DAILY_GAS_L = 20_000

FRIDGE_W, FRIDGE_PERIOD_MS, FRIDGE_ON_MS = 95, 46 * MS_PER_MINUTE, 17 * MS_PER_MINUTE
NOISE_STEPS = 2_001
EPOCH = date(1970, 1, 1)


@dataclass(slots=True)
class Display:
    """What the meters show at one instant, in the digits they show it with."""

    time_ms: int
    local_ms: int
    is_summer: bool
    tariff: int
    import_wh: tuple[int, int]
    export_wh: tuple[int, int]
    power_w: int
    """Import positive, export negative; the mean since the instant before."""
    voltage_dv: int
    """In tenths of a volt."""
    current_ca: int
    """In hundredths of an ampere."""
    gas_l: int
    gas_time_ms: int


class Household:
    """Plays one household forward in time; `advance` gives what its meters show."""

    def __init__(self, seed: int, start_ms: int, zone: ZoneInfo = LONDON) -> None:
        """Begin at `start_ms`, with registers a meter of that age would show."""
        draw = random.Random(f"{seed}/registers")  # noqa: S311 (a simulation, no secret)
        age_ms = max(0, start_ms - FIRST_DAY_MS)
        self._seed = seed
        self._zone = zone
        self._noise = random.Random(f"{seed}/noise/{start_ms}")  # noqa: S311
        self._now_ms = start_ms
        first = {
            name: draw.randrange(2_000_000) + age_ms * daily // MS_PER_DAY
            for name, daily in DAILY_WH.items()
        }
        self._import = [first[f"import_{tariff}"] * WATT_MS_PER_WH for tariff in (1, 2)]
        self._export = [first[f"export_{tariff}"] * WATT_MS_PER_WH for tariff in (1, 2)]
        self._gas = draw.randrange(2_000_000) + age_ms * DAILY_GAS_L // MS_PER_DAY
        self._gas *= GAS_UNITS_PER_LITRE
        self._gas_time_ms = start_ms // SLOT_MS * SLOT_MS
        self._gas_shown_l = self._gas // GAS_UNITS_PER_LITRE
        self._hour, self._offset_ms, self._is_summer = -1, 0, False
        self._load = _Days(seed, load_profile)
        self._solar = _Days(seed, solar_profile)
        self._flow = _Days(seed, gas_profile)

    def advance(self, to_ms: int) -> Display:
        """Play forward to `to_ms`, not before the last instant, and return what is shown then."""
        elapsed_ms = to_ms - self._now_ms
        # The energy of a step belongs to the tariff in force while it was used: (before, now].
        used_under = self._tariff_at(self._local_ms(to_ms - 1))
        local_ms = self._local_ms(to_ms)
        power_w = self._power_w(to_ms, local_ms)
        register = self._import if power_w >= 0 else self._export
        register[used_under - 1] += abs(power_w) * elapsed_ms
        self._burn(to_ms, local_ms)
        self._now_ms = to_ms
        voltage_dv = 2_405 + int(self._noise.random() * 31) - abs(power_w) // 400
        return Display(
            time_ms=to_ms,
            local_ms=local_ms,
            is_summer=self._is_summer,
            tariff=self._tariff_at(local_ms),
            import_wh=(self._import[0] // WATT_MS_PER_WH, self._import[1] // WATT_MS_PER_WH),
            export_wh=(self._export[0] // WATT_MS_PER_WH, self._export[1] // WATT_MS_PER_WH),
            power_w=power_w,
            voltage_dv=voltage_dv,
            current_ca=abs(power_w) * 1_000 // voltage_dv,
            gas_l=self._gas_shown_l,
            gas_time_ms=self._gas_time_ms,
        )

    def local_ms(self, utc_ms: int) -> tuple[int, bool]:
        """Return an instant as milliseconds of local civil time, and whether summer time holds."""
        local_ms = self._local_ms(utc_ms)
        return local_ms, self._is_summer

    def _local_ms(self, utc_ms: int) -> int:
        hour = utc_ms // MS_PER_HOUR
        if hour != self._hour:
            moment = datetime.fromtimestamp(hour * 3_600, UTC).astimezone(self._zone)
            offset = moment.utcoffset() or timedelta(0)
            self._hour, self._offset_ms = hour, int(offset.total_seconds()) * 1_000
            self._is_summer = bool(moment.dst())
        return utc_ms + self._offset_ms

    def _tariff_at(self, local_ms: int) -> int:
        minute = local_ms % MS_PER_DAY // MS_PER_MINUTE
        return 1 if LOW_RATE_FROM_MINUTE <= minute < LOW_RATE_TO_MINUTE else 2

    def _power_w(self, utc_ms: int, local_ms: int) -> int:
        fridge_w = FRIDGE_W if utc_ms % FRIDGE_PERIOD_MS < FRIDGE_ON_MS else 0
        power_w = self._load.at(local_ms) + fridge_w - self._solar.at(utc_ms)
        wobble = int(self._noise.random() * NOISE_STEPS) - NOISE_STEPS // 2
        return power_w + power_w * wobble // 100_000

    def _burn(self, to_ms: int, local_ms: int) -> None:
        """Burn gas, and let the gas meter report its register on each half hour passed."""
        flow = self._flow.at(local_ms)
        since_ms = self._now_ms
        captured_ms = to_ms // SLOT_MS * SLOT_MS
        if captured_ms > self._gas_time_ms:
            self._gas += flow * (captured_ms - since_ms)
            since_ms = captured_ms
            self._gas_time_ms = captured_ms
            self._gas_shown_l = self._gas // GAS_UNITS_PER_LITRE
        self._gas += flow * (to_ms - since_ms)


class _Days:
    """The profile of the day at hand; only the last one is kept."""

    def __init__(self, seed: int, build: Callable[[int, date], Profile]) -> None:
        self._seed = seed
        self._build = build
        self._day = -1
        self._profile: Profile = []

    def at(self, civil_ms: int) -> int:
        day, within_ms = divmod(civil_ms, MS_PER_DAY)
        if day != self._day:
            self._day = day
            self._profile = self._build(self._seed, EPOCH + timedelta(days=day))
        return self._profile[within_ms // MS_PER_MINUTE]
