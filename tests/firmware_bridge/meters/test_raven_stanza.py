"""What a RAVEn's stanzas say: exact scaling, signs, sentinels, times, and nothing dropped."""

import pytest

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.raven import RavenCodec
from shared.readings import Medium, Quality, Sample

METER = "00178d00aabbccdd"
MACS = f"<DeviceMacId>0x00158d0000000004</DeviceMacId><MeterMacId>0x{METER}</MeterMacId>"
TIME = "<TimeStamp>0x185adc1d</TimeStamp>"
TIME_MS = (946_684_800 + 0x185ADC1D) * 1_000
SCALE = "<Multiplier>0x00000001</Multiplier><Divisor>0x000003e8</Divisor>"


def decode(text: str) -> list[Telegram | Refused]:
    """Decode one stanza."""
    return RavenCodec().feed(text.encode("utf-8"))


def sample_of(text: str) -> Sample:
    """Decode one stanza that is good."""
    (telegram,) = decode(text)
    assert isinstance(telegram, Telegram)
    (sample,) = telegram.samples
    return sample


def refusal_of(text: str) -> Refused:
    """Decode one stanza that is refused."""
    (refused,) = decode(text)
    assert isinstance(refused, Refused)
    return refused


def demand(printed: str, scale: str = SCALE, time: str = TIME) -> str:
    """Print a demand."""
    body = f"{MACS}{time}<Demand>{printed}</Demand>{scale}"
    return f"<InstantaneousDemand>{body}</InstantaneousDemand>"


def summation(delivered: str, received: str = "0x0000000000000000", scale: str = SCALE) -> str:
    """Print a summation."""
    values = (
        f"<SummationDelivered>{delivered}</SummationDelivered>"
        f"<SummationReceived>{received}</SummationReceived>"
    )
    name = "CurrentSummationDelivered"
    return f"<{name}>{MACS}{TIME}{values}{scale}</{name}>"


def test_demand_has_meter_time_and_power() -> None:
    """The manual's own example: 0x1738 over 1000 is 5.944 kW."""
    sample = sample_of(demand("0x001738"))

    registers = {"power_import_w": 5_944, "power_export_w": 0}
    assert sample == Sample(
        METER, Medium.ELECTRICITY, TIME_MS, registers, int(Quality.UNCHECKED), {}
    )


@pytest.mark.parametrize(
    ("printed", "power_w"),
    [
        ("0xfffc18", -1_000),
        ("0xfffffc18", -1_000),
        ("0x7fffff", 8_388_607),
        ("0x00ffffff", 16_777_215),
        ("0x800001", -8_388_607),
        ("0x80000001", -2_147_483_647),
        ("0x5", 5),
        ("0x0", 0),
    ],
)
def test_demand_is_signed_in_24_or_32_bits(printed: str, power_w: int) -> None:
    """By the digits it is printed with."""
    registers = sample_of(demand(printed)).registers

    assert registers["power_import_w"] - registers["power_export_w"] == power_w
    assert min(registers.values()) == 0


@pytest.mark.parametrize("printed", ["0x800000", "0x80000000"])
def test_invalid_demand_is_missing(printed: str) -> None:
    """The most negative value says that the meter has none: -8388.608 kW is no reading."""
    assert refusal_of(demand(printed)).reason == "no-values"


def test_summation_has_both_directions_in_milliwatt_hours() -> None:
    """Exactly, beyond what 32 bits hold."""
    registers = sample_of(summation("0x0000000123456789", "0x00000000003f8240")).registers

    assert registers == {"import_mwh": 0x123456789 * 1_000, "export_mwh": 0x3F8240 * 1_000}


def test_newer_name_of_the_summation_is_read_alike() -> None:
    """The uploader's firmware says CurrentSummation."""
    text = summation("0x0000000000000001").replace("CurrentSummationDelivered", "CurrentSummation")

    assert sample_of(text).registers == {"import_mwh": 1_000, "export_mwh": 0}


@pytest.mark.parametrize("ones", ["0xffffffff", "0xffffffffffff", "0xFFFFFFFFFFFFFFFF"])
def test_summation_of_all_ones_is_missing(ones: str) -> None:
    """The other direction is still read."""
    assert sample_of(summation("0x0000000000000007", ones)).registers == {"import_mwh": 7_000}
    assert refusal_of(summation(ones, ones)).reason == "no-values"


@pytest.mark.parametrize(
    ("multiplier", "divisor", "mwh"),
    [
        (0, 0, 7_000_000),
        (2, 10_000, 1_400),
        (1, 3, 2_333_333),
        (3, 14_000_000, 2),
        (0, 1_000, 7_000),
    ],
)
def test_multiplier_and_divisor_are_exact_and_zero_means_one(
    multiplier: int, divisor: int, mwh: int
) -> None:
    """Finer than a milliwatt-hour is rounded half to even."""
    scale = f"<Multiplier>0x{multiplier:08x}</Multiplier><Divisor>0x{divisor:08x}</Divisor>"

    assert sample_of(summation("0x0000000000000007", scale=scale)).registers["import_mwh"] == mwh


@pytest.mark.parametrize(
    "scale",
    [
        "<Multiplier>0xffffffff</Multiplier><Divisor>0x000003e8</Divisor>",
        "<Multiplier>1</Multiplier><Divisor>0x000003e8</Divisor>",
        "<Multiplier>0x7fffffff</Multiplier><Divisor>0x00000001</Divisor>",
    ],
)
def test_impossible_scaling_is_refused(scale: str) -> None:
    """Unset, not hexadecimal, or beyond every register."""
    assert refusal_of(summation("0x0fffffffffffffff", scale=scale)).reason == "bad-value"


@pytest.mark.parametrize("printed", ["001738", "0x00zz38", "", "0x1ffffffff"])
def test_value_that_is_no_hexadecimal_of_its_size_is_refused(printed: str) -> None:
    """Digits damaged on the way."""
    assert refusal_of(demand(printed)).reason == "bad-value"


@pytest.mark.parametrize("printed", ["0xFFFFFFFF", "0x00000000", "0x2z"])
def test_time_that_is_none_is_refused_and_the_value_kept(printed: str) -> None:
    """The hub's own time is taken instead."""
    telegram, refused = decode(demand("0x000001", time=f"<TimeStamp>{printed}</TimeStamp>"))

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].meter_time_ms is None
    assert isinstance(refused, Refused)
    assert refused.reason == "bad-time"


def test_meter_without_an_address_goes_by_the_sticks() -> None:
    """All ones is no address."""
    text = demand("0x000001").replace(METER, "f" * 16)

    assert sample_of(text).meter == "00158d0000000004"


def test_nothing_at_all_to_name_the_meter_by() -> None:
    """The reading is kept."""
    assert sample_of(demand("0x000001").replace(MACS, "")).meter == "unnamed"


def test_field_that_is_new_is_kept_raw() -> None:
    """Nothing is dropped without a word."""
    text = demand("0x000001").replace(SCALE, f"{SCALE}<Port>/sys/rfa</Port>")

    assert sample_of(text).unknown == {"InstantaneousDemand.Port": "/sys/rfa"}


def test_price_holds_no_register_and_every_field() -> None:
    """The price is the tariff's to know; what the stick says of it can be seen."""
    text = (
        f"<PriceCluster>{MACS}{TIME}<Price>0x00000bb8</Price><Currency>0x033a</Currency>"
        "<TrailingDigits>0x04</TrailingDigits><Tier>0x01</Tier><RateLabel>Day</RateLabel>"
        "</PriceCluster>"
    )

    sample = sample_of(text)

    assert sample.meter == METER
    assert sample.registers == {}
    assert sample.unknown["PriceCluster.Price"] == "0.3000"
    assert sample.unknown["PriceCluster.TrailingDigits"] == "0x04"
    assert sample.unknown["PriceCluster.RateLabel"] == "Day"
    assert sample.unknown["PriceCluster.TimeStamp"] == "0x185adc1d"


@pytest.mark.parametrize(
    ("price", "digits"), [("0xffffffff", "0x04"), ("0x0bb8", "0xff"), ("dear", "0x04")]
)
def test_price_that_is_none_is_shown_as_it_came(price: str, digits: str) -> None:
    """All ones are not known; nothing is guessed."""
    text = (
        f"<PriceCluster>{MACS}<Price>{price}</Price><TrailingDigits>{digits}</TrailingDigits>"
        "</PriceCluster>"
    )

    assert sample_of(text).unknown["PriceCluster.Price"] == price


def test_time_cluster_tells_the_meters_clock() -> None:
    """In UTC; its local time is only shown."""
    text = (
        f"<TimeCluster>{MACS}<UTCTime>0x185adc1d</UTCTime><LocalTime>0x185aea2d</LocalTime>"
        "</TimeCluster>"
    )

    assert sample_of(text).meter_time_ms == TIME_MS


def test_message_is_a_text_with_its_entities_read() -> None:
    """As the household's display would show it."""
    text = (
        f"<MessageCluster>{MACS}<Id>0x00000001</Id><Text>Gas &amp; power £2 &gt; off</Text>"
        "<ConfirmationRequired>N</ConfirmationRequired></MessageCluster>"
    )

    (telegram,) = decode(text)

    assert isinstance(telegram, Telegram)
    assert telegram.texts == ("Gas & power £2 > off",)
    assert telegram.samples[0].unknown["MessageCluster.Id"] == "0x00000001"


def test_text_in_the_older_encoding_is_read() -> None:
    """Western European bytes that are no UTF-8."""
    raw = f"<MessageCluster>{MACS}<Text>£2</Text></MessageCluster>".encode("cp1252")

    (telegram,) = RavenCodec().feed(raw)

    assert isinstance(telegram, Telegram)
    assert telegram.texts == ("£2",)


def test_device_info_goes_to_the_meter_heard_last() -> None:
    """The stick's own state names no meter; before any is heard the stick names itself."""
    device = "<DeviceMacId>0x00158d0000000004</DeviceMacId>"
    info = f"<DeviceInfo>{device}<FWVersion>2.0</FWVersion></DeviceInfo>"
    codec = RavenCodec()

    found = codec.feed((info + demand("0x000001") + info).encode())

    meters = [entry.samples[0].meter for entry in found if isinstance(entry, Telegram)]
    assert meters == ["00158d0000000004", METER, METER]


def test_stanza_of_another_kind_is_kept_whole() -> None:
    """A stick with newer firmware; a repeated field is joined."""
    text = f"<NewThing>\r\n{MACS}<A>1</A><A>2</A></NewThing>"

    assert sample_of(text).unknown["NewThing.A"] == "1 2"


def test_stanza_of_very_many_fields_says_how_many_more_there_are() -> None:
    """Bounded, and counted."""
    many = "".join(f"<F{number}>1</F{number}>" for number in range(50))

    unknown = sample_of(f"<ScheduleInfo>{MACS}{many}</ScheduleInfo>").unknown

    assert len(unknown) == 33
    assert unknown["ScheduleInfo.+"] == "19 more fields"
