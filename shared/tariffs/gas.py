"""Gas volume into energy, as on a British bill: exact, then half-even to a mWh. Pure."""

from fractions import Fraction

from shared.readings import Medium
from shared.tariffs.model import VOLUME_CORRECTION_MILLIONTHS, Tariff
from shared.units import round_half_even

MILLION = 1_000_000


def gas_mwh(
    volume_l: int,
    calorific_value_kj_per_m3: int,
    volume_correction_millionths: int = VOLUME_CORRECTION_MILLIONTHS,
) -> int:
    """Turn gas volume into energy: m³ × correction × calorific value ÷ 3.6 is kWh."""
    # 1 kJ is 1000/3.6 mWh; a litre is a thousandth of a cubic metre.
    exact = Fraction(volume_l * calorific_value_kj_per_m3 * volume_correction_millionths * 10, 36)
    return round_half_even(exact / MILLION)


def energy_of(medium: Medium, amount: int, tariff: Tariff) -> int:
    """Turn what a meter counted (mWh, or litres of gas) into the mWh that its tariff prices."""
    if medium is Medium.GAS:
        return gas_mwh(
            amount, tariff.calorific_value_kj_per_m3, tariff.volume_correction_millionths
        )
    return amount
