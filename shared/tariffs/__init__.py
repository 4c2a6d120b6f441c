"""Tariffs and what energy costs under them: the same on the hub and in the cloud. Pure and exact.

What the hub needs is here by name; comparison, preview, catalogues and imports are in modules of
this package that only the cloud loads.
"""

from shared.tariffs.bill import Cost, Line, price
from shared.tariffs.checks import (
    CALORIFIC_VALUE_MAX,
    CALORIFIC_VALUE_MIN,
    MAX_BANDS,
    MAX_PRICE_MILLIONTHS,
    MAX_TARIFF_BYTES,
    MAX_VERSIONS,
    check_tariff,
    decode_tariff,
    encode_tariff,
)
from shared.tariffs.gas import energy_of, gas_mwh
from shared.tariffs.model import (
    DEFAULT_CALORIFIC_VALUE_KJ_PER_M3,
    MINOR_PER_UNIT,
    PERMILLE,
    VOLUME_CORRECTION_MILLIONTHS,
    Band,
    Flat,
    Flow,
    HalfHourly,
    SlotEnergy,
    Tariff,
    TariffVersion,
    Tier,
    Tiers,
    TimeOfUse,
)
from shared.tariffs.rates import Rate, rate_at, version_on

__all__ = [
    "CALORIFIC_VALUE_MAX",
    "CALORIFIC_VALUE_MIN",
    "DEFAULT_CALORIFIC_VALUE_KJ_PER_M3",
    "MAX_BANDS",
    "MAX_PRICE_MILLIONTHS",
    "MAX_TARIFF_BYTES",
    "MAX_VERSIONS",
    "MINOR_PER_UNIT",
    "PERMILLE",
    "VOLUME_CORRECTION_MILLIONTHS",
    "Band",
    "Cost",
    "Flat",
    "Flow",
    "HalfHourly",
    "Line",
    "Rate",
    "SlotEnergy",
    "Tariff",
    "TariffVersion",
    "Tier",
    "Tiers",
    "TimeOfUse",
    "check_tariff",
    "decode_tariff",
    "encode_tariff",
    "energy_of",
    "gas_mwh",
    "price",
    "rate_at",
    "version_on",
]
