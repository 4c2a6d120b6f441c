"""Catalogue files: our own list, the price cap, published rates, and what is wrong with them."""

import datetime as dt
import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared.errors import BadInputError, ConfigError
from shared.tariffs.catalogue import MAX_FILE_BYTES, read_offers, read_rates
from shared.tariffs.model import Band, Flat, HalfHourly, TimeOfUse
from shared.tariffs.offers import Given, later_versions
from shared.tariffs.regions import REGION_OF_DISTRIBUTOR, REGIONS, region_of_mpan
from tests.support.cost_stage import flat_offer, rates_page

LONDON = ZoneInfo("Europe/London")
NOW_MS = 1_772_368_200_000
"""2026-03-01T12:30:00Z."""


def read(document: Any) -> list[Given]:
    """Read a catalogue document."""
    return read_offers(json.dumps(document).encode(), "file.json", LONDON, NOW_MS)


def faults_of(document: Any) -> str:
    """Say all that is wrong with a document."""
    with pytest.raises(ConfigError) as refused:
        read(document)
    return "; ".join(refused.value.faults)


def published(**keys: Any) -> dict[str, Any]:
    """Spell a file of published rates with 47.8485 p a day since October."""
    return {
        "kind": "published-rates",
        "code": "E-1R-X-C",
        "name": "X",
        "standing_charges": [rates_page(("2025-09-30T23:00:00Z", None, 47.8485))],
        **keys,
    }


def test_fixed_rates_become_dated_versions() -> None:
    """Local midnights in summer time and in winter time; the open end stays open."""
    page = rates_page(
        ("2025-09-30T23:00:00Z", "2026-01-01T00:00:00Z", 24.5), ("2026-01-01T00:00:00Z", None, 25.0)
    )

    (given,) = read(published(standard_unit_rates=[page]))

    versions = [(one.version, one.prices, one.ends_on) for one in given.offer.tariff.versions]
    assert versions == [
        ("2025-10-01", Flat(245_000), dt.date(2026, 1, 1)),
        ("2026-01-01", Flat(250_000), None),
    ]
    newest = given.offer.tariff.versions[-1]
    assert (newest.standing_millionths_per_day, newest.vat_permille) == (478_485, 50)
    assert given.slot_prices == {}


def test_half_hourly_rates_keep_their_gaps_and_signs() -> None:
    """A rate may last several half hours; an open one reaches until the end of tomorrow."""
    page = rates_page(
        ("2026-03-01T00:00:00Z", "2026-03-01T01:00:00Z", 20.02),
        ("2026-03-01T01:30:00Z", "2026-03-01T02:00:00Z", -1.5),
        ("2026-03-02T23:00:00Z", None, 17.849999999999998),
    )

    (given,) = read(published(standard_unit_rates=[page]))

    first = min(given.slot_prices)
    by_place = {slot - first: price for slot, price in given.slot_prices.items()}
    assert by_place == {0: 200_200, 1: 200_200, 3: -15_000, 94: 178_500, 95: 178_500}
    prices = given.offer.tariff.versions[0].prices
    assert isinstance(prices, HalfHourly)
    assert prices.prices_millionths_per_kwh == []


def test_day_and_night_rates_become_two_bands() -> None:
    """The file says when the night is: the published pages do not."""
    rates = {
        f"{name}_unit_rates": [rates_page(("2025-09-30T23:00:00Z", None, pence))]
        for name, pence in (("day", 30.0), ("night", 12.0))
    }

    (given,) = read(published(**rates, night_from_minute=1_410, night_to_minute=330))

    (version,) = given.offer.tariff.versions
    assert version.prices == TimeOfUse("day", 300_000, [Band("night", 1_410, 330, 120_000)])


def test_rows_of_another_payment_method_are_passed_over() -> None:
    """Rows that name none are for all; one that is there twice counts once."""
    page = rates_page(("2025-09-30T23:00:00Z", None, 24.5))
    dearer = rates_page(("2025-09-30T23:00:00Z", None, 27.5))
    dearer["results"][0]["payment_method"] = "NON_DIRECT_DEBIT"

    (given,) = read(published(standard_unit_rates=[page, dearer, page]))

    assert given.offer.tariff.versions[0].prices == Flat(245_000)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"value_exc_vat": "NaN"}, "value_exc_vat = NaN: give pence as a number"),
        ({"value_exc_vat": 1e300}, "value_exc_vat = 1E+300: give pence"),
        ({"value_exc_vat": 1_000_000}, "at most a thousand pounds"),
        ({"value_inc_vat": 24.5 * 1.2, "value_exc_vat": 24.4}, "VAT of"),
        ({"valid_from": "2026-03-01T00:10:00Z"}, "give a half hour of this century"),
        ({"valid_from": "1970-01-01T00:00:00Z"}, "give a half hour of this century"),
        ({"valid_from": "2026-03-01T00:00:00"}, "give its offset"),
        ({"valid_to": "2025-01-01T00:00:00Z"}, "give a time after valid_from"),
        ({"valid_from": "soon"}, "Invalid RFC3339"),
    ],
)
def test_rate_that_cannot_be_meant_is_named(change: dict[str, Any], fault: str) -> None:
    """With the row it is in."""
    page = rates_page(("2025-09-30T23:00:00Z", None, 24.5))
    page["results"][0] |= change

    assert fault in faults_of(published(standard_unit_rates=[page]))


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"kind": "list"}, "kind"),
        ({"kind": "catalogue", "tariffs": []}, "give 1 to 5000"),
        ({"kind": "catalogue", "tariffs": [flat_offer("a", 1)] * 2}, "code = 'a': 2 times"),
        ({"kind": "catalogue", "tariffs": [flat_offer("a", 1, region="I")]}, "region = 'I'"),
        ({"kind": "catalogue", "tariffs": [flat_offer("a", 1, medium="water")]}, "gas"),
        ({"kind": "catalogue", "tariffs": [flat_offer("", 1)]}, "1 to 96 characters"),
        ({"kind": "catalogue", "tariffs": [flat_offer("a", 1, supplier="x" * 201)]}, "200"),
        ({"kind": "catalogue", "tariffs": [flat_offer("a", 10**12)]}, "a.tariff.versions[v1]"),
        (
            {
                "kind": "catalogue",
                "tariffs": [flat_offer("a", 1, offered_from="2026-02-01", offered_to="2026-01-01")],
            },
            "offered_to = 2026-01-01",
        ),
        (published(), "give standard_unit_rates, or"),
        (published(standard_unit_rates=[{"results": []}]), "no rates for payment_method"),
        (
            published(
                standard_unit_rates=[
                    rates_page(
                        ("2026-01-01T00:00:00Z", None, 1.0), ("2026-02-01T00:00:00Z", None, 2.0)
                    )
                ]
            ),
            "another price holds then too",
        ),
        (
            published(
                standard_unit_rates=[rates_page(("2026-01-01T00:00:00Z", None, 1.0))],
                standing_charges=[rates_page(("2026-01-01T05:00:00Z", None, 1.0))],
            ),
            "check the zone",
        ),
        (
            published(
                standard_unit_rates=[
                    rates_page(("2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z", 1.0))
                ]
            ),
            "none holds while a unit rate does",
        ),
        (
            published(
                day_unit_rates=[rates_page(("2026-01-01T00:00:00Z", None, 1.0))],
                night_unit_rates=[rates_page(("2026-01-01T05:00:00Z", None, 1.0))],
            ),
            "night_unit_rates: they change within a day",
        ),
    ],
)
def test_file_with_faults_is_refused_whole(document: Any, fault: str) -> None:
    """Each fault says where it is."""
    assert fault in faults_of(document)


def test_wrong_throughout_is_said_shortly() -> None:
    """Sixty faults are told as fifty and how many more."""
    offers = [flat_offer(f"t{number}", 1, region="?") for number in range(60)]

    assert faults_of({"kind": "catalogue", "tariffs": offers}).endswith("and 10 more")


def test_file_of_any_size_is_bounded() -> None:
    """Bytes past the limit are not decoded."""
    with pytest.raises(ConfigError, match="import it in parts"):
        read_offers(b" " * (MAX_FILE_BYTES + 1), "file", LONDON, NOW_MS)


def test_page_of_rates_alone_has_prices_by_slot() -> None:
    """As a poller gets it each day; a rate without an end is none of a half hour."""
    page = rates_page(
        ("2026-03-01T00:00:00Z", "2026-03-01T01:00:00Z", 20.0), ("2026-03-02T00:00:00Z", None, 9.0)
    )

    assert list(read_rates(json.dumps(page).encode(), "page", "DIRECT_DEBIT").values()) == [
        200_000,
        200_000,
    ]


def test_price_cap_is_an_offer_for_each_region() -> None:
    """With a version for each period, in order."""
    rate = {
        "region": "C",
        "medium": "gas",
        "payment": "prepayment",
        "standing_millionths_per_day": 300_000,
        "price_millionths_per_kwh": 60_000,
    }
    periods = [
        {"starts_on": f"2026-{start}-01", "ends_on": f"2026-{end}-01", "rates": [rate]}
        for start, end in (("04", "07"), ("01", "04"))
    ]

    (given,) = read({"kind": "price-cap", "periods": periods})

    assert given.offer.code == "cap-gas-prepayment-C"
    assert given.offer.is_cap
    assert [one.version for one in given.offer.tariff.versions] == [
        "cap 2026-01-01",
        "cap 2026-04-01",
    ]
    faults = faults_of(
        {
            "kind": "price-cap",
            "periods": [
                {**periods[0], "rates": [rate, rate, rate | {"region": "O", "payment": ""}]}
            ],
        }
    )
    assert "twice in one period" in faults
    assert "name the way to pay" in faults
    assert "region: use one of" in faults


def test_what_a_file_says_holds_from_its_first_day_on() -> None:
    """Earlier versions stay as they were."""
    early, late = (
        read(published(standard_unit_rates=[rates_page((start, None, 24.5))]))[0].offer.tariff
        for start in ("2025-09-30T23:00:00Z", "2026-01-01T00:00:00Z")
    )

    joined = later_versions(early, late)

    assert [one.version for one in joined.versions] == ["2025-10-01", "2026-01-01"]


def test_every_distributor_has_its_region() -> None:
    """Fourteen of both; a meter point's number is read with spaces too."""
    assert set(REGION_OF_DISTRIBUTOR.values()) == set(REGIONS)
    assert region_of_mpan("20 0000 0000 000") == "H"
    for wrong in ("2000000000", "9900000000000", "20000000000x0", "٢٠٠٠٠٠٠٠٠٠٠٠٠"):
        with pytest.raises(BadInputError, match="names no region"):
            region_of_mpan(wrong)


def test_rates_of_nothing_have_no_vat(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is none to find; more rows than are ever kept are refused."""
    page = rates_page(("2025-09-30T23:00:00Z", None, 0))
    free = published(standard_unit_rates=[page], standing_charges=[page])

    (given,) = read(free)
    monkeypatch.setattr("shared.tariffs.octopus.MAX_RATES", 0)

    assert given.offer.tariff.versions[0].vat_permille == 0
    assert "results: 1 rows, at most 0" in faults_of(free)
