"""Push lists in every maker's shape, and what their sample says."""

from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.dlms import DlmsCodec
from firmware_bridge.meters.dlms_time import encode_date_time
from shared.readings import Sample
from tests.support.dlms import (
    array,
    i32,
    mbus,
    notification,
    obis,
    octets,
    scale,
    structure,
    triples,
    u16,
    u32,
    visible,
)

OSLO = ZoneInfo("Europe/Oslo")
WHEN_MS = 1_790_000_000_000
CLOCK = encode_date_time(WHEN_MS, OSLO)
TRIPLES = (
    (obis("1.0.1.7.0.255"), u32(412), scale(0, 27)),
    (obis("1.0.1.8.0.255"), u32(7_654), scale(1, 30)),
    (obis("1.0.32.7.0.255"), u16(2_311), scale(-1, 35)),
    (obis("1.0.31.7.0.255"), u16(123), scale(-2, 33)),
)
READ = {
    "power_import_w": 412,
    "import_mwh": 76_540_000,
    "voltage_l1_mv": 231_100,
    "current_l1_ma": 1_230,
}


def decode(*bodies: bytes, clock: bytes = b"") -> list[Telegram | Refused]:
    """Decode bodies as bare notifications."""
    codec = DlmsCodec(OSLO)
    return [entry for body in bodies for entry in codec.feed(notification(body, clock))]


def sample_of(*bodies: bytes, clock: bytes = b"") -> Sample:
    """Return the last body's only sample."""
    telegrams = [one for one in decode(*bodies, clock=clock) if isinstance(one, Telegram)]
    (sample,) = telegrams[-1].samples
    return sample


SERIAL = obis("0.0.96.1.0.255") + octets(b"73599928")


@pytest.mark.parametrize(
    "body",
    [
        array(structure(SERIAL[:8], SERIAL[8:]), *(structure(*entry) for entry in TRIPLES)),
        structure(
            SERIAL[:8], SERIAL[8:], *(part for entry in TRIPLES for part in entry)
        ),
        structure(
            *(part for entry in TRIPLES for part in entry), octets(b"73599928")
        ),
        structure(b"\x16\x01", array(structure(SERIAL[:8], SERIAL[8:]),
                                     *(structure(*entry) for entry in TRIPLES))),
    ],
    ids=["nested", "flat", "flat with a bare serial", "in an array of its own"],
)  # fmt: skip
def test_code_value_scaler_and_unit_are_read_in_any_nesting(body: bytes) -> None:
    """Aidon and Iskra nest them, Kaifa in Austria does not."""
    sample = sample_of(body)

    assert sample.registers == READ
    assert sample.meter == "73599928"


def test_kamstrup_list_without_units() -> None:
    """Hundredths of an ampere, volts, ten watt-hours; nulls between are nothing."""
    sample = sample_of(
        structure(
            visible("Kamstrup_V0001"),
            obis("1.1.0.0.5.255"), visible("5706567000000001"),
            obis("1.1.96.1.1.255"), visible("6841121BN243101040"),
            obis("1.1.1.7.0.255"), u32(412),
            obis("1.1.31.7.0.255"), u32(123), b"\0", b"\0",
            obis("1.1.32.7.0.255"), u16(231),
            obis("0.1.1.0.0.255"), octets(CLOCK),
            obis("1.1.1.8.0.255"), u32(7_654),
            obis("1.1.13.7.0.255"), u32(98),
        )
    )  # fmt: skip

    assert sample.registers == READ | {"voltage_l1_mv": 231_000, "power_factor_milli": 980}
    assert (sample.meter, sample.meter_time_ms) == ("5706567000000001", WHEN_MS)
    assert not sample.unknown


def test_kaifa_list_of_sweden_without_units() -> None:
    """Milliamperes, tenths of a volt, watt-hours, told by the list's name."""
    sample = sample_of(
        structure(
            obis("1.1.0.2.129.255"), octets(b"KFM_001"),
            obis("1.0.31.7.0.255"), u32(1_230),
            obis("1.0.32.7.0.255"), u32(2_311),
            obis("1.0.1.8.0.255"), u32(76_540),
        )
    )  # fmt: skip

    assert sample.registers == {k: READ[k] for k in READ if k != "power_import_w"}


def capture(class_id: int, code: str, attribute: int) -> bytes:
    """Encode a capture object."""
    return structure(u16(class_id), obis(code), bytes((15, attribute)), u16(0))


@pytest.mark.parametrize("has_setup", [True, False])
def test_list_of_capture_objects_first(has_setup: bool) -> None:
    """Landis+Gyr: the values follow in the objects' order, the first of which may be the list."""
    objects = [
        capture(1, "0.0.96.1.0.255", 2),
        capture(8, "0.0.1.0.0.255", 2),
        capture(3, "1.0.1.8.0.255", 2),
        capture(3, "1.0.32.7.0.255", 2),
        capture(3, "1.0.32.7.0.255", 3),
    ]
    if has_setup:
        objects.insert(0, capture(40, "0.8.25.9.0.255", 2))

    sample = sample_of(
        structure(
            array(*objects), octets(b"LGZ40799390"), octets(CLOCK), u32(76_540), u16(2_311),
            scale(-1, 35),
        )
    )  # fmt: skip

    assert sample.registers == {"import_mwh": 76_540_000, "voltage_l1_mv": 231_100}
    assert (sample.meter, sample.meter_time_ms) == ("LGZ40799390", WHEN_MS)


def test_attribute_descriptors_without_units() -> None:
    """EGD and Sagemcom: watts and watt-hours; relays of other channels stay as they are."""

    def described(class_id: int, code: str, attribute: int, value: bytes) -> bytes:
        head = class_id.to_bytes(2, "big") + obis(code)[2:] + bytes((attribute,))
        return b"\x02\x02" + head + value

    sample = sample_of(
        structure(
            b"\x16\x01",
            array(
                described(1, "0.0.96.1.1.255", 2, octets(b"5100005149")),
                described(70, "0.0.96.3.10.255", 3, b"\x16\x01"),
                described(70, "0.1.96.3.10.255", 3, b"\x16\x01"),
                described(1, "0.0.96.14.0.255", 2, octets(b"T2")),
                described(3, "1.0.1.7.0.255", 2, u32(412)),
                described(3, "1.0.1.8.0.255", 2, u32(76_540)),
                described(1, "0.0.96.13.0.255", 2, octets(b"Hello")),
            ),
        )
    )

    assert sample.registers == {
        "breaker_index": 1,
        "tariff_index": 2,
        "power_import_w": 412,
        "import_mwh": 76_540_000,
    }
    assert sample.meter == "5100005149"
    assert sample.unknown["0-1:96.3.10"] == "1"


def test_message_to_the_household_is_a_text() -> None:
    """Beside the sample, not in it."""
    (telegram,) = decode(structure(obis("0.0.96.13.0.255"), octets(b"Power cut on Monday")))

    assert isinstance(telegram, Telegram)
    assert telegram.texts == ("Power cut on Monday",)


def test_clock_of_the_list_is_preferred_to_the_envelopes() -> None:
    """One says when the values were taken, the other when they were sent."""
    later = encode_date_time(WHEN_MS + 5_000, OSLO)
    body = structure(obis("0.0.1.0.0.255"), octets(CLOCK), *TRIPLES[0])

    assert sample_of(body, clock=later).meter_time_ms == WHEN_MS
    assert sample_of(structure(*TRIPLES[0]), clock=later).meter_time_ms == WHEN_MS + 5_000


def test_envelope_clock_with_its_tag_is_read() -> None:
    """Kaifa writes the tag that the standard leaves out."""
    body = structure(*TRIPLES[0])
    raw = notification(body)[:5] + octets(CLOCK) + body

    (telegram,) = DlmsCodec(OSLO).feed(raw)

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].meter_time_ms == WHEN_MS


def test_impossible_clock_is_refused_and_the_values_kept() -> None:
    """The hub's own time is taken then."""
    found = decode(structure(*TRIPLES[0]), clock=CLOCK[:2] + b"\x0d" + CLOCK[3:])

    assert [type(entry) for entry in found] == [Telegram, Refused]
    assert found[1] == Refused("bad-time", found[1].detail, found[1].raw)  # type: ignore[union-attr]


def test_short_lists_take_the_serial_of_the_long_one_before() -> None:
    """Aidon's list of every other second says nothing but power."""
    short = array(structure(*TRIPLES[0]))
    long = array(structure(SERIAL[:8], SERIAL[8:]), structure(*TRIPLES[0]))

    assert sample_of(short).meter == "unnamed"
    assert sample_of(long, short).meter == "73599928"


def test_net_power_is_split_by_its_sign() -> None:
    """Negative is export."""
    sample = sample_of(triples([("1.0.16.7.0.255", i32(-250), 0, 27)]))

    assert sample.registers == {"power_import_w": 0, "power_export_w": 250}


@pytest.mark.parametrize(
    ("value", "millivolts"),
    [(0, 0), (231, 231_000), (2_311, 231_100), (23_112, 231_120), (231_123, 231_123)],
)
def test_voltage_without_a_scaler_is_told_by_its_size(value: int, millivolts: int) -> None:
    """No household's voltage can be read in two ways."""
    sample = sample_of(structure(obis("1.0.32.7.0.255"), u32(value)))

    assert sample.registers == {"voltage_l1_mv": millivolts}


@pytest.mark.parametrize(
    ("code", "value", "power", "unit", "printed"),
    [
        ("1.0.21.8.0.255", u32(5_001), -1, 30, "500.1*Wh"),
        ("1.0.9.7.0.255", u32(900), 0, 28, "900*VA"),
        ("1.0.9.7.0.255", i32(-9), -2, 28, "-0.09*VA"),
        ("1.0.9.7.0.255", i32(9), 3, 28, "9e3*VA"),
        ("1.0.1.8.0.1", u32(8), 0, 30, "8*Wh"),
        ("1.0.1.8.0.255", u32(8), 0, 27, "8*W"),
        ("1.0.1.8.0.255", u32(2**32 - 1), 0, 30, "4294967295*Wh"),
        ("0.0.96.5.0.255", octets(b"\x01\xff"), 0, 255, "01FF"),
    ],
)  # fmt: skip
def test_what_the_table_does_not_know_is_kept_as_it_was_sent(
    code: str, value: bytes, power: int, unit: int, printed: str
) -> None:
    """By its code, with its unit; a past period and an all-ones register are no reading."""
    sample = sample_of(triples([(code, value, power, unit)]))

    assert not sample.registers
    a, b, c, d, e, f = code.split(".")
    past = "" if f == "255" else f"*{f}"
    assert sample.unknown == {f"{a}-{b}:{c}.{d}.{e}{past}": printed}


def test_current_without_unit_of_an_unknown_maker_is_not_guessed() -> None:
    """It may be amperes, hundredths or thousandths."""
    sample = sample_of(structure(obis("1.0.31.7.0.255"), u16(123), obis("1.0.13.7.0.255"), u16(9)))

    assert not sample.registers
    assert sample.unknown == {"1-0:31.7.0": "123", "1-0:13.7.0": "9"}


def test_list_of_unknown_codes_is_refused_too_until_one_is_understood() -> None:
    """A household sees that its meter is not; between readings it is an alarm or the like."""
    alarm = triples([("1.0.9.7.0.255", u32(9), 0, 28)])
    reading = triples([("1.0.1.8.0.255", u32(5), 0, 30)])

    found = decode(alarm, reading, alarm)

    kinds = [one.reason if isinstance(one, Refused) else "telegram" for one in found]
    assert kinds == ["telegram", "no-values", "telegram", "telegram"]
    assert isinstance(found[1], Refused)
    assert "1-0:9.7.0 = 9*VA" in found[1].detail


def test_unknown_list_without_codes_is_shown_by_place() -> None:
    """An unknown meter shows what it sends."""
    sample = sample_of(structure(octets(b"XYZ_001"), u32(5), u16(6)))

    assert sample.unknown == {"value 1": "XYZ_001", "value 2": "5", "value 3": "6"}


def test_impossible_values_are_refused_and_the_others_kept() -> None:
    """A falling counter below zero, a number past 64 bits, and one that is none."""
    found = decode(
        triples(
            [
                ("1.0.1.8.0.255", i32(-5), 0, 30),
                ("1.0.2.8.0.255", u32(5), 30, 30),
                ("1.0.1.7.0.255", b"\x17\x7f\xc0\x00\x00", 0, 27),
                ("1.0.2.7.0.255", b"\x17\x3f\xc0\x00\x00", 0, 27),
            ]
        )
    )

    assert isinstance(found[0], Telegram)
    assert found[0].samples[0].registers == {"power_export_w": 2}
    assert [entry.reason for entry in found[1:] if isinstance(entry, Refused)] == ["bad-value"] * 3


def test_what_is_unknown_or_impossible_is_bounded() -> None:
    """A list of nothing but nonsense fills no log."""
    objects = [(f"1.0.{n}.99.{m}.255", u32(n), 0, 30) for n in range(20) for m in range(12)]
    bad = [(f"1.0.{n}.8.0.255", i32(-1), 0, 30) for n in (1, 2)] * 12

    found = decode(b"\x01\x81\xf0" + triples(objects[:120])[2:] + triples(objects[120:])[2:])
    refused = decode(triples(bad))

    assert isinstance(found[0], Telegram)
    assert len(found[0].samples[0].unknown) == 64
    assert len(refused) == 8


def test_bytes_after_the_list_are_shown() -> None:
    """Nothing is silently dropped."""
    codec = DlmsCodec(OSLO)
    (telegram,) = codec.feed(mbus(notification(structure(*TRIPLES[0])) + b"\x01\x02"))

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].unknown == {"trailing": "0102"}


def test_two_meters_on_one_link_keep_their_names() -> None:
    """A swapped meter is another meter from its first long list on."""
    lists = [
        structure(obis("0.0.96.1.0.255"), octets(name), *TRIPLES[0]) for name in (b"A1", b"B2")
    ]

    names = [entry.samples[0].meter for entry in decode(*lists) if isinstance(entry, Telegram)]

    assert all(before != after for before, after in pairwise(names))
