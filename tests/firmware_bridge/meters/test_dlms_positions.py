"""Push lists without codes: what each place means, by the length and the types."""

from zoneinfo import ZoneInfo

import pytest

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.dlms import DlmsCodec
from firmware_bridge.meters.dlms_positions import places_of
from firmware_bridge.meters.dlms_time import encode_date_time
from shared.readings import Sample
from tests.support.dlms import notification, octets, structure, u16, u32

OSLO = ZoneInfo("Europe/Oslo")
WHEN_MS = 1_790_000_000_000
CLOCK = encode_date_time(WHEN_MS, OSLO)


def sample_of(body: bytes) -> Sample:
    """Return a body's only sample."""
    (telegram,) = DlmsCodec(OSLO).feed(notification(body))
    assert isinstance(telegram, Telegram)
    (sample,) = telegram.samples
    return sample


KAIFA = (octets(b"KFM_001"), octets(b"6970631402614476"), octets(b"MA304H3E"))
POWERS = (u32(1), u32(2), u32(3), u32(4))
TOTALS = (octets(CLOCK), u32(10), u32(20), u32(30), u32(40))
FOUR = {
    "power_import_w": 1,
    "power_export_w": 2,
    "reactive_power_import_var": 3,
    "reactive_power_export_var": 4,
}
FOUR_TOTALS = {
    "import_mwh": 10_000,
    "export_mwh": 20_000,
    "reactive_import_mvarh": 30_000,
    "reactive_export_mvarh": 40_000,
}


@pytest.mark.parametrize(
    ("body", "registers"),
    [
        ((u32(1),), {"power_import_w": 1}),
        (
            (*KAIFA, *POWERS, u32(1_500), u32(2_300)),
            FOUR | {"current_l1_ma": 1_500, "voltage_l1_mv": 230_000},
        ),
        (
            (*KAIFA, *POWERS, u32(1_500), u32(2_300), *TOTALS),
            FOUR | FOUR_TOTALS | {"current_l1_ma": 1_500, "voltage_l1_mv": 230_000},
        ),
        (
            (*KAIFA, *POWERS, *(u32(n) for n in (11, 12, 13, 2_301, 0, 2_303))),
            FOUR
            | {"current_l1_ma": 11, "current_l2_ma": 12, "current_l3_ma": 13}
            | {"voltage_l1_mv": 230_100, "voltage_l2_mv": 0, "voltage_l3_mv": 230_300},
        ),
        (
            (*KAIFA, *POWERS, *(u32(n) for n in (11, 12, 13, 2_301, 2_302, 2_303)), *TOTALS),
            FOUR
            | FOUR_TOTALS
            | {"current_l1_ma": 11, "current_l2_ma": 12, "current_l3_ma": 13}
            | {"voltage_l1_mv": 230_100, "voltage_l2_mv": 230_200, "voltage_l3_mv": 230_300},
        ),
    ],
    ids=["1", "9", "14", "13", "18"],
)
def test_kaifa_list_of_norway_is_known_by_its_length(
    body: tuple[bytes, ...], registers: dict[str, int]
) -> None:
    """Lists one, two and three, for one phase and for three."""
    sample = sample_of(structure(*body))

    assert sample.registers == registers
    assert not sample.unknown


ISKRA = (octets(b"ISK1030775213859"), octets(b"51525354"))


@pytest.mark.parametrize(
    ("body", "registers"),
    [
        (
            (*ISKRA, *(u16(n) for n in (2_301, 2_302, 2_303, 11, 12, 13)), *POWERS),
            FOUR
            | {"current_l1_ma": 110, "current_l2_ma": 120, "current_l3_ma": 130}
            | {"voltage_l1_mv": 230_100, "voltage_l2_mv": 230_200, "voltage_l3_mv": 230_300},
        ),
        (
            (*ISKRA, b"\x03\x01", octets(b"0002"), *map(u32, (10, 6, 4, 20, 9, 11, 30, 40))),
            FOUR_TOTALS
            | {"breaker_index": 1, "tariff_index": 2}
            | {"import_t1_mwh": 6_000, "import_t2_mwh": 4_000}
            | {"export_t1_mwh": 9_000, "export_t2_mwh": 11_000},
        ),
        (
            (*ISKRA, *POWERS, u16(2_301), u16(11), u32(5), u32(6)),
            FOUR
            | {"voltage_l1_mv": 230_100, "current_l1_ma": 110}
            | {"power_import_l1_w": 5, "power_export_l1_w": 6},
        ),
        (
            (*ISKRA, *(u32(n) for n in range(1, 9))),
            {"import_t1_mwh": 1_000, "import_t2_mwh": 2_000}
            | {"export_t1_mwh": 3_000, "export_t2_mwh": 4_000}
            | {"reactive_import_t1_mvarh": 5_000, "reactive_import_t2_mvarh": 6_000}
            | {"reactive_export_t1_mvarh": 7_000, "reactive_export_t2_mvarh": 8_000},
        ),
    ],
    ids=["12 of power", "12 of energy", "10 of power", "10 of energy"],
)  # fmt: skip
def test_iskra_list_is_known_by_its_length_and_types(
    body: tuple[bytes, ...], registers: dict[str, int]
) -> None:
    """The serial's digits are text, never hexadecimal of another text."""
    sample = sample_of(structure(*body))

    assert sample.registers == registers
    assert sample.meter == "51525354"


def test_iskra_list_of_three_phases() -> None:
    """Eighteen values, the powers of each phase last."""
    numbers = (*POWERS, *(u16(n) for n in (2_301, 0, 0, 11, 0, 0)), *(u32(n) for n in range(6)))

    sample = sample_of(structure(*ISKRA, *numbers))

    assert sample.registers["power_export_l3_w"] == 5
    assert sample.registers["current_l1_ma"] == 110


@pytest.mark.parametrize(
    ("body", "tags"),
    [
        ([], []),
        ([5], [18]),
        ([b"KFM_001", 1, 2], [9, 6, 6]),
        ([b"ISK1", b"51525354", *range(16)], [9, 9, *[5] * 16]),
        (["XYZ", 1], [10, 6]),
        ([7, b"KFM_001"], [6, 9]),
    ],
)
def test_list_of_another_length_or_maker_is_not_known(body: list[object], tags: list[int]) -> None:
    """It is shown place by place, and never guessed."""
    assert places_of(body, tags) is None
