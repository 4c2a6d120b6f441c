"""Real telegrams of the capture shelf: each decodes, and to the values it prints."""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.p1 import P1Codec

SHELF = Path(__file__).parents[3] / "../shared/captures/p1"
FILES = sorted(SHELF.glob("*.txt")) if SHELF.is_dir() else []

PLAIN = re.compile(
    r"^1-0:([\d.]+)(?:\*255)?\((?:[\dSW]+\)\()?([\d.]+)\*(k?Wh|k?W|V|A)\)\s*$", re.MULTILINE
)
FACTORS = {"kWh": 10**6, "Wh": 10**3, "kW": 10**3, "W": 1, "V": 10**3, "A": 10**3}
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
VOLUME = re.compile(
    r"^0-\d:24\.2\.[13]\((\d+)[SW]\)\(([\d.]+)\*(m3|GJ)\)|^\(([\d.]+)\)\s*$", re.MULTILINE
)

shelf_needed = pytest.mark.skipif(
    not FILES, reason="the capture shelf ../shared/captures is not on this machine"
)


@shelf_needed
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_capture_decodes_to_the_values_it_prints(path: Path) -> None:
    """Held against a reading of the file that knows nothing of the codec."""
    content = path.read_bytes()
    codec = P1Codec(ZoneInfo("Europe/Amsterdam"))

    found = codec.feed(content) + codec.feed(b"")

    assert [type(entry) for entry in found] == [Telegram]
    telegram = found[0]
    assert isinstance(telegram, Telegram)
    text = content.decode("latin-1")
    printed = {
        NAMES[code]: int((Decimal(number) * FACTORS[unit]).quantize(Decimal(1), ROUND_HALF_EVEN))
        for code, number, unit in PLAIN.findall(text)
    }
    electricity = [sample for sample in telegram.samples if sample.medium == "electricity"]
    decoded = electricity[0].registers if electricity else {}
    assert printed.items() <= decoded.items()
    volumes = sorted(
        int(Decimal(number or bare) * 1_000) for _, number, _, bare in VOLUME.findall(text)
    )
    assert volumes == sorted(
        value
        for sample in telegram.samples
        for register, value in sample.registers.items()
        if register in ("gas_l", "water_l", "heat_mj")
    )
    assert not any(
        name.startswith(("1-0:1.8", "1-0:2.8")) for s in electricity for name in s.unknown
    )


@shelf_needed
def test_captures_glued_together_are_all_found() -> None:
    """The whole shelf as one stream."""
    codec = P1Codec(ZoneInfo("Europe/Amsterdam"))

    found = codec.feed(b"".join(path.read_bytes() for path in FILES)) + codec.feed(b"")

    assert sum(isinstance(entry, Telegram) for entry in found) == len(FILES)
