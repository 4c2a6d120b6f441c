"""What a household uses and makes, minute by minute, for one day: pure and seeded by the day.

Owns the habits: appliances, heating and sun. Averages and shapes are ordinary ones for Great
Britain (about 9 kWh a day without a car, a 3.6 kW roof, gas heating from October to April).
"""

import math
import random
from datetime import date
from functools import lru_cache

MINUTES = 1_440

DAYS_KEPT = 64
"""Of the sun, the one that takes milliseconds: a household is played again and again."""

Profile = list[int]
"""One value for each minute of a day."""

LATITUDE_RADIANS = math.radians(52.5)
ROOF_PEAK_W = 3_600

KETTLE_CHANCE, WASHING_CHANCE, CAR_CHANCE = 0.8, 0.45, 0.4
"""Of a kettle at its hour, of a wash in a day, of the car charging in a night."""

OVEN_PERIOD_MINUTES, OVEN_ON_MINUTES = 3, 2


def load_profile(seed: int, day: date) -> Profile:
    """Return the electric load in W for each minute of a local civil day, without the fridge."""
    draw = random.Random(f"{seed}/load/{day.isoformat()}")  # noqa: S311 (a simulation, no secret)
    load = [110 + draw.randrange(60)] * MINUTES
    _add_evening(load, draw)
    for around in (7 * 60, 10 * 60 + 30, 13 * 60, 16 * 60, 19 * 60, 21 * 60):
        if draw.random() < KETTLE_CHANCE:
            _add(load, around + draw.randrange(-40, 40), draw.randrange(2, 5), 2_800)
    _add_cooking(load, draw)
    if draw.random() < WASHING_CHANCE:
        _add_washing(load, draw)
    if draw.random() < CAR_CHANCE:
        _add(load, 30, draw.randrange(90, 300), 7_200)
    return load


def _add(load: Profile, start: int, minutes: int, watts: int) -> None:
    for minute in range(max(0, start), min(MINUTES, start + minutes)):
        load[minute] += watts


def _add_evening(load: Profile, draw: random.Random) -> None:
    """Light, screens and an extractor fan while people are up."""
    _add(load, 6 * 60 + draw.randrange(60), 90, 140)
    _add(load, 16 * 60 + draw.randrange(90), 330, 180 + draw.randrange(120))


def _add_cooking(load: Profile, draw: random.Random) -> None:
    """An oven on its thermostat, two minutes on and one off, and a hob for part of it."""
    start, minutes = 17 * 60 + draw.randrange(90), draw.randrange(25, 60)
    for minute in range(start, start + minutes):
        if (minute - start) % OVEN_PERIOD_MINUTES < OVEN_ON_MINUTES:
            load[minute] += 2_100
    _add(load, start + 5, minutes // 2, 1_200)


def _add_washing(load: Profile, draw: random.Random) -> None:
    """Heat the water, turn the drum, spin."""
    start = draw.randrange(9 * 60, 20 * 60)
    _add(load, start, 22, 2_050)
    _add(load, start + 22, 60, 180)
    _add(load, start + 82, 10, 480)


@lru_cache(maxsize=DAYS_KEPT)
def solar_profile(seed: int, day: date) -> Profile:
    """Return the roof's power in W for each minute of a UTC day, by season, hour and cloud.

    It is to be read alone: whoever asks for the day again gets the same list.
    """
    draw = random.Random(f"{seed}/sun/{day.isoformat()}")  # noqa: S311 (a simulation, no secret)
    year_angle = 2 * math.pi * (day.timetuple().tm_yday - 81) / 365.25
    declination = math.radians(23.44) * math.sin(year_angle)
    across = math.cos(LATITUDE_RADIANS) * math.cos(declination)
    along = math.sin(LATITUDE_RADIANS) * math.sin(declination)
    clearness, sky = 0.2 + 0.8 * draw.random(), 1.0
    power = []
    for minute in range(MINUTES):
        height = along + across * math.cos(2 * math.pi * (minute - 720) / MINUTES)
        sky += (draw.random() - 0.5) * 0.2 + (clearness - sky) * 0.1
        power.append(int(ROOF_PEAK_W * max(0.0, height) ** 1.15 * min(1.0, max(0.1, sky))))
    return power


def gas_profile(seed: int, day: date) -> Profile:
    """Return the gas burnt in millilitres a minute for each minute of a local civil day."""
    draw = random.Random(f"{seed}/gas/{day.isoformat()}")  # noqa: S311 (a simulation, no secret)
    season = math.cos(2 * math.pi * (day.timetuple().tm_yday - 20) / 365.25)
    chill = max(0.0, season + 0.35) / 1.35 * (0.8 + 0.4 * draw.random())
    flow = [0] * MINUTES
    heating = int(17_000 * chill)
    _add(flow, 6 * 60 + draw.randrange(30), 150, heating)
    _add(flow, 16 * 60 + draw.randrange(60), 340, heating)
    for around in (7 * 60, 19 * 60):
        _add(flow, around + draw.randrange(45), draw.randrange(8, 20), 26_000)
    return flow
