"""How a ZigBee meter is paid for: frames written by hand from the Smart Energy profile."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.zigbee import ZigbeeCodec
from firmware_bridge.meters.zigbee_prepayment import MAX_MILLIONTHS
from shared.currencies import CURRENCIES
from shared.readings import OF_CREDIT, Sample
from tests.support.zcl_lines import (
    IEEE,
    OTHER_IEEE,
    Found,
    described,
    description,
    line,
    reasons_of,
    samples_of,
    unknown_of,
)

PRICE, PREPAYMENT = 0x0700, 0x0705
PREPAID, BY_BILL = "970c", "940c"
ALL = "0000 00 19 {} 0100 00 2b {} 0200 00 2b {} 0500 00 2b {}"
"""Payment control, credit, emergency credit and accumulated debt, each found."""


def price(currency: str = "3a03", digits: str = "52") -> bytes:
    """A PublishPrice of 826 (pounds), five digits behind the point in tier 2."""
    body = (
        f"01000000 03 446179 02000000 10203040 00 {currency} {digits} 21 10203040 ffff 856d0000"
        "ff ffffffff ff"
    )
    return line(bytes.fromhex(f"19 05 00 {body}"), cluster=PRICE)


def answer(body: str, *, ieee: str = IEEE) -> bytes:
    """An answer to a read of the Prepayment cluster."""
    told = bytes.fromhex(f"18 06 01 {body}")
    return line(told, cluster=PREPAYMENT, ieee=ieee)


def told(codec: ZigbeeCodec, *lines: bytes) -> list[dict[str, int]]:
    """Return the registers of each sample that these lines make."""
    return [one.registers for one in samples_of([e for one in lines for e in codec.feed(one)])]


def credit_of(found: Found) -> list[Sample]:
    """Keep the samples of how a meter is paid for."""
    return [one for one in samples_of(found) if one.registers.keys() <= OF_CREDIT]


def priced(**fields: str) -> ZigbeeCodec:
    """A codec that knows the meter, and what its amounts are in."""
    codec = described()
    codec.feed(price(**fields))
    return codec


def test_credit_is_read_in_the_digits_of_the_price() -> None:
    """1,234,567 with five digits behind the point are £12.34567; all four amounts of one frame."""
    frame = answer(ALL.format(PREPAID, "87d61200", "40420f00", "80c3c901"))

    found = priced().feed(frame)

    assert reasons_of(found) == []
    assert [(one.meter, one.meter_time_ms, one.registers) for one in credit_of(found)] == [
        (
            "SIM-E-0001",
            None,
            {
                "prepayment_index": 1,
                "currency_iso4217": 826,
                "credit_millionths": 12_345_670,
                "emergency_credit_millionths": 10_000_000,
                "debt_millionths": 300_000_000,
            },
        )
    ]
    assert unknown_of(found)["0705/0001"] == "1234567"


@pytest.mark.parametrize(
    ("digits", "credit"),
    [("02", -1_500_000_000), ("22", -15_000_000), ("42", -150_000), ("62", -1_500), ("72", -150)],
    ids=["pounds", "pence", "hundredths", "millionths", "finer"],
)
def test_a_negative_credit_is_read_in_every_scale(digits: str, credit: int) -> None:
    """What is finer than a millionth is rounded half to even."""
    frame = answer(f"0000 00 19 {PREPAID} 0100 00 2b 24faffff")

    registers = told(priced(digits=digits), frame)

    assert [one["credit_millionths"] for one in registers] == [credit]


def test_a_meter_paid_by_bill_tells_no_credit() -> None:
    """Though its attribute says 0: that is no balance; the mode alone is told, without a price."""
    frame = answer(ALL.format(BY_BILL, *["00000000"] * 3))

    assert told(described(), frame) == [{"prepayment_index": 0}]


@pytest.mark.parametrize("control", ["b70c", "d70c"], ids=["bit 5", "bit 6"])
def test_credit_in_units_of_energy_is_no_money(control: str) -> None:
    """Whichever of two bits says so: it stays as told."""
    found = priced().feed(answer(ALL.format(control, "87d61200", "00000000", "00000000")))

    assert credit_of(found) == []
    assert unknown_of(found)["0705/0001"] == "1234567"


def test_a_non_value_is_no_credit() -> None:
    """0x80000000 would be 21,474 pounds owed; the others stand."""
    frame = answer(ALL.format(PREPAID, "00000080", "40420f00", "00000080"))

    (registers,) = told(priced(), frame)

    assert "credit_millionths" not in registers
    assert "debt_millionths" not in registers
    assert registers["emergency_credit_millionths"] == 10_000_000


def test_what_a_meter_does_not_tell_any_more_is_forgotten() -> None:
    """A credit that became a non-value, or is not supported now, is not said to be the old one."""
    codec = priced()
    codec.feed(answer(ALL.format(PREPAID, "87d61200", "40420f00", "00000000")))

    invalid = told(codec, answer("0100 00 2b 00000080"))
    unsupported = told(codec, answer("0200 86 0500 00 2b 01000000"))

    assert [sorted(one.keys() - {"prepayment_index"}) for one in invalid + unsupported] == [
        ["currency_iso4217", "debt_millionths", "emergency_credit_millionths"],
        ["currency_iso4217", "debt_millionths"],
    ]


def test_credit_waits_for_the_first_price() -> None:
    """Nobody knows its scale before; the price brings it once, and no price after that does."""
    codec = described()

    before = told(codec, answer(f"0000 00 19 {PREPAID} 0100 00 2b 87d61200"))
    at_price = told(codec, price())
    after = told(codec, price(), price(digits="42"))

    assert (before, after) == ([], [])
    assert [one["credit_millionths"] for one in at_price] == [12_345_670]


def test_a_price_that_leaves_its_currency_out_tells_no_scale() -> None:
    """Two bytes of all ones are none."""
    codec = priced(currency="ffff")

    assert told(codec, answer(f"0000 00 19 {PREPAID} 0100 00 2b 87d61200")) == []


def test_credit_before_the_mode_is_nobodys_yet() -> None:
    """A report of the balance alone says nothing where it is not known how is paid."""
    codec = priced()

    alone = told(codec, answer("0100 00 2b 87d61200"))
    then = told(codec, answer(f"0000 00 19 {PREPAID}"))

    assert alone == []
    assert [one["credit_millionths"] for one in then] == [12_345_670]


def test_an_unknown_currency_is_refused() -> None:
    """4095 is none of ISO 4217's."""
    found = priced(currency="ff0f").feed(answer(f"0000 00 19 {PREPAID} 0100 00 2b 87d61200"))

    refused = [one for one in found if isinstance(one, Refused)]
    assert credit_of(found) == []
    assert [(one.reason, one.detail) for one in refused] == [
        ("bad-value", "currency 4095 is not known")
    ]


def test_an_amount_beyond_any_meters_is_refused_and_the_rest_is_read() -> None:
    """2,147,483,647 pounds; the debt beside it stands."""
    codec = priced(digits="02")

    found = codec.feed(answer(ALL.format(PREPAID, "ffffff7f", "0a000000", "1e000000")))

    assert reasons_of(found) == ["bad-value"]
    (sample,) = credit_of(found)
    assert sample.registers["debt_millionths"] == 30_000_000 <= MAX_MILLIONTHS
    assert "credit_millionths" not in sample.registers


def test_a_credit_that_is_no_number_is_refused() -> None:
    """A text in the balance's place."""
    found = priced().feed(answer(f"0000 00 19 {PREPAID} 0100 00 42 02 3939"))

    assert reasons_of(found) == ["bad-value"]
    assert credit_of(found) == []


def test_a_frame_cut_short_tells_nothing() -> None:
    """Half a balance is none."""
    found = priced().feed(answer(f"0000 00 19 {PREPAID} 0100 00 2b 87d6"))

    assert reasons_of(found) == ["truncated"]
    assert credit_of(found) == []


def test_a_makers_own_attributes_are_no_credit() -> None:
    """The same cluster and numbers, by a maker's code."""
    frame = bytes.fromhex(f"1c 15 10 06 01 0000 00 19 {PREPAID} 0100 00 2b 87d61200")

    found = priced().feed(line(frame, cluster=PREPAYMENT))

    assert samples_of(found) == []
    assert unknown_of(found)["1015.0705/0001"] == "1234567"


def test_credit_of_an_endpoint_that_is_no_meter_is_given_to_none() -> None:
    """Raw values are shown with the meter heard last; money is nobody's by guess."""
    codec = priced()

    found = codec.feed(answer(ALL.format(PREPAID, *["87d61200"] * 3), ieee=OTHER_IEEE))

    assert samples_of(found) == []
    assert isinstance(found[0], Telegram)
    assert found[0].samples[0].meter == "SIM-E-0001"


def test_an_exchanged_meter_does_not_inherit_the_credit() -> None:
    """Nor the scale: the new one must tell both."""
    codec = priced()
    codec.feed(answer(ALL.format(PREPAID, *["87d61200"] * 3)))

    codec.feed(description(serial="SIM-E-0002"))
    found = codec.feed(answer("0500 00 2b 01000000"))

    assert samples_of(found) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from((0x0000, 0x0001, 0x0002, 0x0003, 0x0005)),
            st.sampled_from((0x00, 0x86, 0x89)),
            st.sampled_from((0x19, 0x20, 0x23, 0x2B, 0x2D, 0x38, 0x42, 0x4C)),
            st.binary(max_size=8),
        ),
        max_size=6,
    ),
    st.binary(min_size=2, max_size=2),
    st.binary(min_size=1, max_size=1),
)
def test_whatever_is_told_an_amount_is_bounded_and_named(
    told: list[tuple[int, int, int, bytes]], currency: bytes, digits: bytes
) -> None:
    """Garbled types, lengths, statuses and scales: refused, missing, or money within its bounds."""
    body = b"".join(
        number.to_bytes(2, "little") + bytes((status,)) + (bytes((kind,)) + content) * (not status)
        for number, status, kind, content in told
    )
    codec = priced(currency=currency.hex(), digits=digits.hex())

    found = codec.feed(answer(f"0000 00 19 {PREPAID} 0100 00 2b 87d61200"))
    found += codec.feed(answer(body.hex()))

    for registers in (one.registers for one in credit_of(found)):
        amounts = [value for name, value in registers.items() if name.endswith("_millionths")]
        assert all(abs(amount) <= MAX_MILLIONTHS for amount in amounts)
        assert bool(amounts) == bool(registers["prepayment_index"])
        assert not amounts or registers["currency_iso4217"] in CURRENCIES
