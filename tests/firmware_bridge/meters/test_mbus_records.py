"""What M-Bus records say: registers to the last digit, all else by a readable code, and times."""

import struct
from zoneinfo import ZoneInfo

import pytest

from agent.timekeeping import taken_at
from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.mbus import MbusCodec
from firmware_bridge.meters.mbus_frame import long_frame
from firmware_bridge.meters.mbus_records import MAX_UNKNOWN
from firmware_bridge.meters.mbus_time import printed_date, printed_time
from firmware_bridge.meters.mbus_words import status_of
from shared.readings import Medium, Quality, Sample
from tests.support.mbus import ELECTRICITY, GAS, HEAT, WATER, answer

ZONE = ZoneInfo("Europe/Berlin")


def sample_of(content: bytes) -> Sample:
    """Return the sample of one answer."""
    found = MbusCodec(ZONE).feed(content)
    assert isinstance(found[0], Telegram)
    return found[0].samples[0]


@pytest.mark.parametrize(
    ("medium", "records", "registers"),
    [
        (GAS, "0c13 99999999", {"gas_l": 99_999_999}),
        (GAS, "0e13 123456789012", {"gas_l": 129_078_563_412}),
        (GAS, "0413 ffffff7f", {"gas_l": 2_147_483_647}),
        (GAS, "0713 ffffffffffff1f00", {"gas_l": 9_007_199_254_740_991}),
        (GAS, "0713 ffffffffffffff7f", {"gas_l": 9_223_372_036_854_775_807}),
        (GAS, "0614 0100000000 00", {"gas_l": 10}),
        (GAS, "0417 01000000", {"gas_l": 10_000}),
        (GAS, "0411 0f000000", {"gas_l": 0}),
        (GAS, "0412 0f000000", {"gas_l": 2}),
        (GAS, "0412 05000000", {"gas_l": 0}),
        (WATER, "04fb10 02000000", {"water_l": 200_000}),
        (WATER, "0493 76 02000000", {"water_l": 2}),
        (WATER, "0493 77 02000000", {"water_l": 20}),
        (WATER, "0493 7d 02000000", {"water_l": 2_000}),
        (WATER, "0513" + struct.pack("<f", 1234.5).hex(), {"water_l": 1_234}),
        (HEAT, "0406 0a000000", {"heat_mj": 36}),
        (HEAT, "0406 01000000", {"heat_mj": 4}),
        (HEAT, "0c06 99999999", {"heat_mj": 359_999_996}),
        (HEAT, "04fb00 05000000", {"heat_mj": 1_800}),
        (HEAT, "04fb01 05000000", {"heat_mj": 18_000}),
        (HEAT, "040e 07000000", {"heat_mj": 7}),
        (HEAT, "040f 07000000", {"heat_mj": 70}),
        (HEAT, "04fb08 07000000", {"heat_mj": 700}),
        (HEAT, "04fb09 07000000", {"heat_mj": 7_000}),
        (ELECTRICITY, "0403 15cd5b07", {"import_mwh": 123_456_789_000}),
        (ELECTRICITY, "0400 15cd5b07", {"import_mwh": 123_456_789}),
        (ELECTRICITY, "0483 3b 01000000", {"import_mwh": 1_000}),
        (ELECTRICITY, "0483 3c 01000000", {"export_mwh": 1_000}),
        (ELECTRICITY, "0e8400 000000000010", {"import_mwh": 10**15}),
        (ELECTRICITY, "040b 01000000", {"import_mwh": 278}),
        (ELECTRICITY, "042a ff000000", {"power_import_w": 26, "power_export_w": 0}),
        (ELECTRICITY, "02ab 00 9cff", {"power_import_w": 0, "power_export_w": 100}),
        (ELECTRICITY, "022b 9cff", {"power_import_w": 0, "power_export_w": 100}),
        (ELECTRICITY, "0433 10000000", {"power_import_w": 4, "power_export_w": 0}),
    ],
)
def test_register_is_exact(medium: int, records: str, registers: dict[str, int]) -> None:
    """In every width and unit, above what a float can hold, half to even below one unit."""
    sample = sample_of(answer(records, medium))

    assert sample.registers == registers
    assert sample.unknown == {}


@pytest.mark.parametrize(
    ("medium", "records", "unknown"),
    [
        (GAS, "4413 01000000", {"volume.storage1": "0.001 m^3"}),
        (GAS, "841013 01000000", {"volume.tariff1": "0.001 m^3"}),
        (GAS, "844013 01000000", {"volume.unit1": "0.001 m^3"}),
        (GAS, "1413 01000000", {"volume.max": "0.001 m^3"}),
        (GAS, "2413 01000000", {"volume.min": "0.001 m^3"}),
        (GAS, "3413 01000000", {"volume.error": "0.001 m^3"}),
        (GAS, "0493 3a 01000000", {"volume.x3a": "0.001 m^3"}),
        (GAS, "0403 01000000", {"energy_wh": "1 Wh"}),
        (GAS, "0413 00000080", {"volume": "hex 00000080"}),
        (GAS, "0413 ffffffff", {"volume": "-0.001 m^3"}),
        (GAS, "0c13 0a000000", {"volume": "hex 0a000000"}),
        (GAS, "0c13 010000f0", {"volume": "-0.001 m^3"}),
        (GAS, "0513 0000c07f", {"volume": "hex 0000c07f"}),
        (GAS, "0513 0000807f", {"volume": "hex 0000807f"}),
        (GAS, "0717 ffffffffffffff7f", {"volume": "92233720368547758070 m^3"}),
        (GAS, "0413", {"volume": "none"}),
        (WATER, "023b 0f00", {"volume_flow": "0.015 m^3/h"}),
        (WATER, "02fd17 0100", {"error_flags": "1"}),
        (WATER, "0c78 78563412", {"fabrication_no": "12345678"}),
        (WATER, "0478 39300000", {"fabrication_no": "12345"}),
        (WATER, "0dfd11 03434241", {"customer": "ABC"}),
        (WATER, "0dfd11 02ff00", {"customer": "hex ff00"}),
        (WATER, "426c 1f3c", {"date.storage1": "24-12-31"}),
        (WATER, "446d 1e0c5533", {"date_time_general.storage1": "26-03-21 12:30:00"}),
        (WATER, "446d 9e0c5533", {"date_time_general.storage1": "hex 9e0c5533"}),
        (WATER, "1493 6f 1e0c5533", {"volume.x6f.max": "26-03-21 12:30:00"}),
        (WATER, "04fb7d 01000000", {"cumul_count_max_power": "100 W"}),
        (WATER, "04ff05 01000000", {"vif-ff05": "1"}),
        (WATER, "047f 01000000", {"vif-7f": "1"}),
        (WATER, "047b 01000000", {"vif-7b": "1"}),
        (WATER, "047c 0368616c 01000000", {"text": "1 lah"}),
        (WATER, "0f010203", {"manufacturer": "hex 010203"}),
        (HEAT, "042b 01000000", {"power_w": "1 W"}),
        (HEAT, "0413 01000000", {"volume": "0.001 m^3"}),
        (HEAT, "0486 3c 01000000", {"energy_wh.x3c": "1000 Wh"}),
        (ELECTRICITY, "04ab 3c 01000000", {"power_w.x3c": "1 W"}),
        (ELECTRICITY, "04fd48 fb080000", {"volts": "229.9 V"}),
        (0x08, "026e 0900", {"units_for_hca": "9 H.C.A"}),
        (0x0A, "0406 01000000", {"energy_wh": "1000 Wh"}),
    ],
)
def test_what_is_no_register_is_kept_by_a_readable_code(
    medium: int, records: str, unknown: dict[str, str]
) -> None:
    """Historic values, tariffs, extremes, other quantities, invalid values, texts."""
    sample = sample_of(answer(records, medium))

    assert sample.registers == {}
    assert sample.unknown == unknown


def test_second_record_of_a_kind_is_numbered() -> None:
    """The first is the register."""
    sample = sample_of(answer("0413 01000000 0413 02000000 0413 03000000", GAS))

    assert sample.registers == {"gas_l": 1}
    assert sample.unknown == {"volume": "0.002 m^3", "volume#2": "0.003 m^3"}


def test_records_kept_are_bounded_and_the_rest_counted() -> None:
    """One answer of many frames cannot grow without end."""
    frames = [answer("013b01" * 70 + "1f"), answer("013b01")]

    sample = sample_of(b"".join(frames))

    assert len(sample.unknown) == MAX_UNKNOWN + 1
    assert sample.unknown["+"] == "7 more records"


@pytest.mark.parametrize(
    ("record", "time_ms"),
    [
        ("066d 0f1e0c553300", 1_774_092_615_000),
        ("066d 4f1e025a3a00", 1_792_978_215_000),
        ("066d 4f1e02593a00", 1_792_888_215_000),
        ("066d 0f1e02593a00", 1_792_891_815_000),
        ("036d 010203", None),
        ("066d 001e0c5f3200", None),
        ("066d 001e0cf5f300", None),
    ],
    ids=["now", "wrong flag", "summer", "winter", "J", "30 February", "year 127"],
)
def test_clock_of_the_meter_is_local_time(record: str, time_ms: int | None) -> None:
    """Type I; the summer flag decides the hour that happens twice."""
    sample = sample_of(answer("0413 01000000" + record, GAS))

    assert sample.meter_time_ms == time_ms


def test_clock_without_seconds_is_none_but_is_shown() -> None:
    """Type F is up to 59 s behind: believed, it would count them to the half hour before."""
    sample = sample_of(answer("0413 01000000 046d 1e0c5533", GAS))
    hub_ms, shown_ms = 1_774_092_659_000, 1_774_092_600_000

    assert sample.meter_time_ms is None
    assert sample.unknown == {"date_time_general": "26-03-21 12:30:00"}
    assert taken_at(hub_ms, sample.meter_time_ms, None, 0) == (hub_ms, Quality.HUB_TIME)
    assert taken_at(hub_ms, shown_ms, None, 0) == (shown_ms, 0)


def test_only_the_first_clock_that_is_one_is_the_meters() -> None:
    """A past one, or a second one, is kept by its code."""
    sample = sample_of(answer("0413 01000000 066d 0f1e0c553300 066d 0f1e0d553300", GAS))

    assert sample.meter_time_ms == 1_774_092_615_000
    assert sample.unknown == {"date_time_general": "26-03-21 13:30:15"}


def test_hour_that_a_gas_meter_kept_is_a_reading_of_the_past() -> None:
    """Where it tells nothing else: register and time have storage number 1."""
    (found,) = MbusCodec(ZONE).feed(answer("4c13 92408310 466d 000c0c553300", GAS))
    (now,) = MbusCodec(ZONE).feed(answer("0c13 01000000 4c13 92408310 466d 000c0c553300", GAS))
    timeless, refused = MbusCodec(ZONE).feed(answer("4c13 92408310 426c 1f3c", GAS))

    assert isinstance(found, Telegram)
    assert found.is_past
    assert found.samples[0].registers == {"gas_l": 10_834_092}
    assert found.samples[0].meter_time_ms == 1_774_091_520_000
    assert isinstance(now, Telegram)
    assert not now.is_past
    assert now.samples[0].registers == {"gas_l": 1}
    assert isinstance(timeless, Telegram)
    assert timeless.samples[0].registers == {}
    assert isinstance(refused, Refused)
    assert refused.reason == "no-values"


def test_meter_without_a_number_is_named_by_what_it_has() -> None:
    """Its fabrication number, else its place on the bus."""
    by_number = answer("0413 01000000 0c78 21436587", GAS, number="00000000")
    by_place = answer("0413 01000000", GAS, number="00000000", address=17)

    assert sample_of(by_number).meter == "EXA-87654321"
    assert sample_of(by_place).meter == "EXA-address-17"


def test_short_header_leaves_the_medium_open() -> None:
    """CI field 7A names neither meter nor medium."""
    frame = long_frame(0x08, 1, 0x7A, bytes(4) + bytes.fromhex("041301000000"))

    (found,) = MbusCodec(ZONE).feed(frame)

    assert not isinstance(found, Telegram)
    assert "unnamed medium" in found.detail


@pytest.mark.parametrize("medium", [0x06, 0x07, 0x15, 0x16, 0x17])
def test_water_hot_and_cold_is_water(medium: int) -> None:
    """Its temperature is no other medium."""
    assert sample_of(answer("0413 01000000", medium)).medium is Medium.WATER


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0x00, ""),
        (0x01, "busy"),
        (0x04, "battery low"),
        (0x1A, "application error, permanent error, temporary error"),
        (0xE0, "manufacturer's 0xe0"),
    ],
)
def test_status_is_told_in_words(status: int, words: str) -> None:
    """What a person on site can act on."""
    assert status_of(status) == words


def test_time_that_is_none_is_not_printed_as_one() -> None:
    """The raw bytes tell more than a wrong date."""
    assert printed_time(b"\0") is None
    assert printed_date(b"\0\0\0") == "hex 000000"
