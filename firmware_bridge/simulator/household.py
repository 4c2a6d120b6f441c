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
DAILY_GENERATION_WH = 30_000

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
    solar_w: int = 0
    """What the roof makes, part of which the household uses itself."""
    generation_wh: tuple[int, int] = (0, 0)
    """What the roof's own meter has counted, by tariff."""
    modulus_wh: int = 0
    """Where a total of both tariffs begins again at 0; 0 where it never does."""
    is_gas_heard: bool = True
    """Whether the electricity meter still hears the gas meter."""

    @property
    def import_total_wh(self) -> int:
        """What a meter without tariffs shows as bought."""
        return _wrapped(sum(self.import_wh), self.modulus_wh)

    @property
    def export_total_wh(self) -> int:
        """What a meter without tariffs shows as exported."""
        return _wrapped(sum(self.export_wh), self.modulus_wh)


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
        self._generation = _first_generation(seed, age_ms)
        self._gas_time_ms = start_ms // SLOT_MS * SLOT_MS
        self._gas_shown_l = self._gas // GAS_UNITS_PER_LITRE
        self._hour, self._offset_ms, self._is_summer = -1, 0, False
        self._load = _Days(seed, load_profile)
        self._solar = _Days(seed, solar_profile)
        self._flow = _Days(seed, gas_profile)

    @property
    def seed(self) -> int:
        """Which household it is; the serials of its meters are made of it."""
        return self._seed

    def advance(self, to_ms: int) -> Display:
        """Play forward to `to_ms`, not before the last instant, and return what is shown then."""
        elapsed_ms = to_ms - self._now_ms
        # The energy of a step belongs to the tariff in force while it was used: (before, now].
        used_under = self._tariff_at(self._local_ms(to_ms - 1))
        local_ms = self._local_ms(to_ms)
        power_w = self._power_w(to_ms, local_ms)
        register = self._import if power_w >= 0 else self._export
        register[used_under - 1] += abs(power_w) * elapsed_ms
        solar_w = self._solar.at(to_ms)
        self._generation[used_under - 1] += solar_w * elapsed_ms
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
            solar_w=solar_w,
            generation_wh=(
                self._generation[0] // WATT_MS_PER_WH,
                self._generation[1] // WATT_MS_PER_WH,
            ),
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


def _first_generation(seed: int, age_ms: int) -> list[int]:
    draw = random.Random(f"{seed}/generation")  # noqa: S311 (a simulation, no secret)
    grown_wh = age_ms * DAILY_GENERATION_WH // MS_PER_DAY
    return [(draw.randrange(2_000_000) + grown_wh) * WATT_MS_PER_WH for _tariff in (1, 2)]


def _wrapped(total_wh: int, modulus_wh: int) -> int:
    return total_wh % modulus_wh if modulus_wh else total_wh


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
