"""P1 telegrams read by patterns that know nothing of the codec, to hold it against."""

import re
from decimal import ROUND_HALF_EVEN, Decimal

from fastcrc import crc16

_TELEGRAM = re.compile(rb"^/.*?^!([0-9A-Fa-f]{0,4})", re.MULTILINE | re.DOTALL)
_PLAIN = re.compile(
    r"^1-0:([\d.]+)(?:\*255)?\((?:[\dSW]+\)\()?([\d.]+)\*(k?Wh|k?W|V|A)\)\s*$", re.MULTILINE
)
_VOLUME = re.compile(
    r"^0-\d:24\.2\.[13]\((\d+)[SW]\)\(([\d.]+)\*(m3|GJ)\)|^\(([\d.]+)\)\s*$", re.MULTILINE
)
_CHANNEL = re.compile(r"^0-(\d):24\.2\.[13]\(\d+[SW]\)\(([\d.]+)\*(m3|GJ)\)", re.MULTILINE)
_MEDIA = {"003": "gas_l", "007": "water_l", "006": "water_l", "008": "water_l"}
_FACTORS = {"kWh": 10**6, "Wh": 10**3, "kW": 10**3, "W": 1, "V": 10**3, "A": 10**3}
NAMES = {
    "1.8.0": "import_mwh", "1.8.1": "import_t1_mwh", "1.8.2": "import_t2_mwh",
    "1.8.3": "import_t3_mwh", "1.8.4": "import_t4_mwh", "2.8.0": "export_mwh",
    "2.8.1": "export_t1_mwh", "2.8.2": "export_t2_mwh", "2.8.3": "export_t3_mwh",
    "2.8.4": "export_t4_mwh", "15.8.0": "absolute_mwh", "1.7.0": "power_import_w",
    "2.7.0": "power_export_w", "21.7.0": "power_import_l1_w", "41.7.0": "power_import_l2_w",
    "61.7.0": "power_import_l3_w", "22.7.0": "power_export_l1_w", "42.7.0": "power_export_l2_w",
    "62.7.0": "power_export_l3_w", "32.7.0": "voltage_l1_mv", "52.7.0": "voltage_l2_mv",
    "72.7.0": "voltage_l3_mv", "31.7.0": "current_l1_ma", "51.7.0": "current_l2_ma",
    "71.7.0": "current_l3_ma", "31.4.0": "current_limit_l1_ma", "51.4.0": "current_limit_l2_ma",
    "71.4.0": "current_limit_l3_ma", "1.4.0": "demand_w", "1.6.0": "demand_peak_w",
}  # fmt: skip


def checks(content: bytes) -> list[bool | None]:
    """Judge the checksum of each telegram in a capture; None where it carries none."""
    return [
        None if not match[1] else crc16.arc(match[0][: -len(match[1])]) == int(match[1], 16)
        for match in _TELEGRAM.finditer(content)
    ]


def electricity(content: bytes) -> dict[str, int]:
    """Read what a telegram prints of the electricity meter, by register."""
    return {
        NAMES[code]: int((Decimal(number) * _FACTORS[unit]).quantize(Decimal(1), ROUND_HALF_EVEN))
        for code, number, unit in _PLAIN.findall(content.decode("latin-1"))
    }


def volumes(content: bytes) -> list[int]:
    """Read the counters of gas, water and heat, in litres and megajoules, in order of size."""
    found = _VOLUME.findall(content.decode("latin-1"))
    return sorted(int(Decimal(number or bare) * 1_000) for _, number, _, bare in found)


def submeters(content: bytes) -> dict[str, int]:
    """Read the counters of gas, water and heat, by register; of two of a kind, the last.

    A channel's kind is printed apart (24.1.0); a volume without one is gas (DSMR 2.2 and 3).
    """
    text = content.decode("latin-1")
    kinds = dict(re.findall(r"^0-(\d):24\.1\.0\((\d+)\)", text, re.MULTILINE))
    found: dict[str, int] = {}
    for channel, number, unit in _CHANNEL.findall(text):
        register = "heat_mj" if unit == "GJ" else _MEDIA.get(kinds.get(channel, "003"), "gas_l")
        found[register] = int(Decimal(number) * 1_000)
    return found
