"""Gas, water and heat meters in DLMS push lists, in every shape they come in."""

import struct
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.dlms import DlmsCodec
from firmware_bridge.meters.dlms_time import encode_date_time
from shared.readings import Medium, Quality, Sample
from tests.support.codecs import reasons_of
from tests.support.dlms import (
    array,
    mbus,
    notification,
    obis,
    octets,
    scale,
    structure,
    u16,
    u32,
    visible,
)

ZONE = ZoneInfo("Europe/Vienna")
NOW_MS = 1_790_000_000_000
HOUR_MS = 1_789_999_200_000
NOW, HOUR = encode_date_time(NOW_MS, ZONE), encode_date_time(HOUR_MS, ZONE)
UNSET = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x80\x00\xff"
CUBIC_METRES, CORRECTED, JOULES, WATT_HOURS = 13, 14, 25, 30

POWER = structure(obis("1.0.1.7.0.255"), u32(412), scale(0, 27))
METER = structure(obis("0.0.96.1.0.255"), octets(b"73599928"))
GAS_TYPE = structure(obis("0.1.24.1.0.255"), b"\x11\x03")
GAS_ID = structure(obis("0.1.96.1.0.255"), octets(b"G0001234"))
READING = obis("0.1.24.2.1.255")
GAS = structure(READING, u32(1_234_567), scale(-3, CUBIC_METRES), octets(HOUR))
TIMELESS = structure(READING, u32(1_234_567), scale(-3, CUBIC_METRES))


def decode(*bodies: bytes, clock: bytes = NOW) -> list[Telegram | Refused]:
    """Decode bodies as checked pushes of one stream."""
    codec = DlmsCodec(ZONE)
    return [entry for body in bodies for entry in codec.feed(mbus(notification(body, clock)))]


def telegram_of(*bodies: bytes, clock: bytes = NOW) -> Telegram:
    """Return the last body's telegram."""
    last = decode(*bodies, clock=clock)[-1]
    assert isinstance(last, Telegram)
    return last


def submeter_of(*elements: bytes) -> Sample:
    """Return the sample beside the electricity meter's."""
    electricity, other = telegram_of(array(METER, POWER, *elements)).samples
    assert electricity.meter == "73599928"
    assert electricity.meter_time_ms == NOW_MS
    assert not electricity.unknown
    return other


def described(class_id: int, code: str, attribute: int, value: bytes) -> bytes:
    """Pair an untagged attribute descriptor with a value, as EGD and Sagemcom do."""
    name = bytes(int(part) for part in code.split("."))
    return b"\x02\x02" + struct.pack(">H", class_id) + name + bytes([attribute]) + value


def captured(class_id: int, code: str, attribute: int) -> bytes:
    """Name a capture object, as Landis+Gyr does."""
    return structure(u16(class_id), obis(code), b"\x0f" + bytes([attribute]), u16(0))


def test_reading_with_code_value_unit_and_capture_time_is_a_sample_of_its_own() -> None:
    """Its time is the gas meter's own capture."""
    sample = submeter_of(GAS_TYPE, GAS_ID, GAS)

    assert sample == Sample("G0001234", Medium.GAS, HOUR_MS, {"gas_l": 1_234_567}, 0)


def test_attributes_apart_are_put_together() -> None:
    """Value, scaler and unit, capture time, device type: each behind its own descriptor."""
    sample = submeter_of(
        described(72, "0.1.24.1.0.255", 9, b"\x11\x07"),
        described(1, "0.1.96.1.0.255", 2, octets(b"W0001234")),
        described(4, "0.1.24.2.1.255", 2, u32(98_765)),
        described(4, "0.1.24.2.1.255", 3, scale(-2, CUBIC_METRES)),
        described(4, "0.1.24.2.1.255", 5, octets(HOUR)),
    )

    assert sample == Sample("W0001234", Medium.WATER, HOUR_MS, {"water_l": 987_650}, 0)


def test_list_of_capture_objects_is_paired_with_its_values() -> None:
    """The objects first, the values after them."""
    objects = array(
        captured(1, "0.0.96.1.0.255", 2),
        captured(3, "1.0.1.7.0.255", 2),
        captured(3, "1.0.1.7.0.255", 3),
        captured(1, "0.1.96.1.0.255", 2),
        captured(4, "0.1.24.2.1.255", 2),
        captured(4, "0.1.24.2.1.255", 3),
        captured(4, "0.1.24.2.1.255", 5),
    )
    electric = (octets(b"73599928"), u32(412), scale(0, 27))
    other = (visible("G0001234"), u32(7_654), scale(-1, CORRECTED), octets(HOUR))

    electricity, gas = telegram_of(structure(objects, *electric, *other)).samples

    assert electricity.registers == {"power_import_w": 412}
    assert gas == Sample("G0001234", Medium.GAS, HOUR_MS, {"gas_l": 765_400}, 0)


@pytest.mark.parametrize(
    ("kind", "value", "scaler_unit", "medium", "registers"),
    [
        (None, u32(5), scale(0, CUBIC_METRES), Medium.GAS, {"gas_l": 5_000}),
        (3, u32(15), scale(-4, CORRECTED), Medium.GAS, {"gas_l": 2}),
        (3, u32(25), scale(-4, CUBIC_METRES), Medium.GAS, {"gas_l": 2}),
        (3, u32(4_294_967_294), scale(-3, CUBIC_METRES), Medium.GAS, {"gas_l": 4_294_967_294}),
        (3, b"\x17" + struct.pack(">f", 1_234.5), scale(0, CUBIC_METRES), Medium.GAS,
         {"gas_l": 1_234_500}),
        (6, u32(5), scale(-3, CUBIC_METRES), Medium.WATER, {"water_l": 5}),
        (7, u32(5), scale(-1, CUBIC_METRES), Medium.WATER, {"water_l": 500}),
        (4, u32(5), scale(9, JOULES), Medium.HEAT, {"heat_mj": 5_000}),
        (12, u32(5_000), scale(3, WATT_HOURS), Medium.HEAT, {"heat_mj": 18_000}),
    ],
)  # fmt: skip
def test_device_type_and_unit_tell_the_register_exactly(
    kind: int | None,
    value: bytes,
    scaler_unit: bytes,
    medium: Medium,
    registers: dict[str, int],
) -> None:
    """Without a type, cubic metres are gas; finer than a litre is rounded half to even."""
    device = () if kind is None else (structure(obis("0.1.24.1.0.255"), bytes((0x11, kind))),)

    sample = submeter_of(*device, structure(READING, value, scaler_unit, octets(HOUR)))

    assert (sample.medium, sample.registers) == (medium, registers)


@given(st.integers(0, 2**32 - 2), st.integers(-3, 3))
@settings(max_examples=60, deadline=None)
def test_litres_are_exact_for_any_reading(value: int, scaler: int) -> None:
    """Whatever the power of ten."""
    sample = submeter_of(structure(READING, u32(value), scale(scaler, CUBIC_METRES)))

    assert sample.registers == {"gas_l": value * 10 ** (scaler + 3)}


@pytest.mark.parametrize(
    "elements",
    [
        (structure(READING, u32(5)),),
        (structure(READING, b"\x00", scale(-3, CUBIC_METRES)),),
        (structure(READING, u32(2**32 - 1), scale(-3, CUBIC_METRES)),),
        (structure(READING, u32(5), scale(-3, WATT_HOURS)),),
        (structure(READING, u32(5), scale(-3, CUBIC_METRES), octets(UNSET)),),
        (structure(READING, octets(b"abc"), scale(-3, CUBIC_METRES)),),
        (structure(obis("0.1.24.1.0.255"), b"\x11\x63"), GAS),
        (TIMELESS, described(4, "0.1.24.2.1.255", 5, octets(b"x"))),
        (structure(obis("0.1.24.4.0.255"), b"\x11\x01"),),
        (structure(obis("0.10.24.2.1.255"), u32(5), scale(-3, CUBIC_METRES)),),
        (GAS_ID,),
    ],
    ids=["no unit", "null", "all ones", "unit of none", "never captured", "text", "other device",
         "no time", "valve", "no channel", "no reading"],
)  # fmt: skip
def test_reading_that_is_not_understood_stays_under_its_code(elements: tuple[bytes, ...]) -> None:
    """And makes no meter; only what holds nothing is left out."""
    (sample,) = telegram_of(array(METER, POWER, *elements)).samples

    assert sample.registers == {"power_import_w": 412}
    is_nothing = elements[0] == structure(READING, b"\x00", scale(-3, CUBIC_METRES))
    assert bool(sample.unknown) != is_nothing
    assert all(code.startswith("0-1") for code in sample.unknown)


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        (structure(READING, b"\x05\xff\xff\xff\xff", scale(-3, CUBIC_METRES)), "bad-value"),
        (structure(READING, u32(9), scale(99, CUBIC_METRES)), "bad-value"),
        (structure(READING, u32(9), scale(0, CUBIC_METRES),
                   octets(b"\x07\xea\x0d\x01\xff\x01" + bytes(6))), "bad-time"),
    ],
    ids=["negative", "too large", "no month"],
)  # fmt: skip
def test_reading_that_cannot_be_is_refused_beside_the_telegram(element: bytes, reason: str) -> None:
    """The electricity meter's values are kept."""
    found = decode(array(METER, POWER, element))

    assert reasons_of(found) == [reason]
    assert isinstance(found[0], Telegram)
    assert [one.medium for one in found[0].samples] == [Medium.ELECTRICITY]


def test_power_of_ten_beyond_a_byte_is_none() -> None:
    """It would cost more to compute than a reading is worth."""
    scaler_unit = b"\x02\x02\x14" + struct.pack(">q", 10**15) + b"\x16\x0d"

    (sample,) = telegram_of(array(METER, POWER, structure(READING, u32(5), scaler_unit))).samples

    assert sample.registers == {"power_import_w": 412}


def test_serial_said_in_a_longer_list_is_remembered_until_the_meter_is_another() -> None:
    """Before that, the channel names it."""
    short = array(METER, POWER, GAS)
    other = structure(obis("0.0.96.1.0.255"), octets(b"73599929"))

    names = [
        entry.samples[1].meter
        for entry in decode(
            short, array(METER, POWER, GAS_ID, GAS), short, array(other, GAS, POWER)
        )
        if isinstance(entry, Telegram)
    ]

    assert names == ["73599928-mbus1", "G0001234", "G0001234", "73599929-mbus1"]


def test_two_channels_are_two_meters_though_they_say_one_serial() -> None:
    """A copied id must not join gas and water."""
    second = [
        element.replace(b"\x09\x06\x00\x01", b"\x09\x06\x00\x02")
        for element in (GAS_TYPE.replace(b"\x11\x03", b"\x11\x07"), GAS_ID, GAS)
    ]

    samples = telegram_of(array(METER, POWER, GAS_TYPE, GAS_ID, GAS, *second)).samples

    assert [(one.meter, one.medium) for one in samples[1:]] == [
        ("G0001234", Medium.GAS),
        ("73599928-mbus2", Medium.WATER),
    ]


def test_list_of_gas_alone_is_a_telegram_of_the_past() -> None:
    """Its only sample has the capture time; without one, the list's own clock."""
    past = telegram_of(array(GAS_ID, GAS))
    now = telegram_of(array(GAS_ID, structure(READING, u32(5), scale(0, CUBIC_METRES))))

    assert past.is_past
    assert [one.meter_time_ms for one in past.samples] == [HOUR_MS]
    assert not now.is_past
    assert [one.meter_time_ms for one in now.samples] == [NOW_MS]


def test_bare_push_is_unchecked_for_both_meters() -> None:
    """Without a frame there is no checksum."""
    (found,) = DlmsCodec(ZONE).feed(notification(array(METER, POWER, GAS_ID, GAS), NOW))

    assert isinstance(found, Telegram)
    assert [one.quality for one in found.samples] == [Quality.UNCHECKED] * 2
