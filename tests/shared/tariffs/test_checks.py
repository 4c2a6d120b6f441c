"""A tariff with faults is refused with every one of them named."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from shared.errors import ConfigError
from shared.tariffs import (
    CALORIFIC_VALUE_MAX,
    MAX_BANDS,
    MAX_PRICE_MILLIONTHS,
    MAX_TARIFF_BYTES,
    MAX_VERSIONS,
    decode_tariff,
    encode_tariff,
)
from shared.tariffs.checks import MAX_TARIFF_SLOTS

Document = dict[str, Any]


def document() -> Document:
    """Spell a good tariff of one version with one band."""
    return {
        "name": "Two rates",
        "currency": "GBP",
        "versions": [
            {
                "version": "v1",
                "starts_on": "2026-01-01",
                "standing_millionths_per_day": 600_000,
                "vat_permille": 50,
                "prices": {
                    "kind": "time-of-use",
                    "base_name": "day",
                    "base_price_millionths_per_kwh": 300_000,
                    "bands": [band()],
                },
            }
        ],
    }


def band(**changed: Any) -> Document:
    """Spell a good band with some keys changed."""
    return {
        "name": "night",
        "from_minute": 30,
        "to_minute": 270,
        "price_millionths_per_kwh": 90_000,
    } | changed


def faults_of(payload: bytes) -> list[str]:
    """List the faults that decoding names."""
    with pytest.raises(ConfigError) as refused:
        decode_tariff(payload, "night.json")
    assert refused.value.message.startswith("night.json: ")
    return refused.value.faults


def bands(*bands_: Document, **keys: Any) -> Document:
    """Spell prices by time of use."""
    return {
        "kind": "time-of-use",
        "base_name": "day",
        "base_price_millionths_per_kwh": 1,
        "bands": list(bands_),
        **keys,
    }


def half_hourly(*prices: int | None, starts_at: str = "2026-03-01T00:00:00Z") -> Document:
    """Spell half-hourly prices."""
    return {
        "kind": "half-hourly",
        "starts_at": starts_at,
        "prices_millionths_per_kwh": list(prices),
    }


def tiers(*limits: int | None) -> Document:
    """Spell tiers that end at these limits."""
    made = [
        {"name": f"t{place}", "price_millionths_per_kwh": 1, "up_to_mwh": limit}
        for place, limit in enumerate(limits)
    ]
    return {"kind": "tiers", "per": "day", "tiers": made}


def one_version(prices: Document) -> Document:
    """Spell a version with these prices."""
    return {**document()["versions"][0], "prices": prices}


def version_with(**changed: Any) -> Callable[[Document], None]:
    """Change keys of the version."""
    return lambda asked: asked["versions"][0].update(changed)


def bands_with(*bands: Document) -> Callable[[Document], None]:
    """Put other bands in place."""
    return lambda asked: asked["versions"][0]["prices"].update(bands=list(bands))


def second_version(**changed: Any) -> Callable[[Document], None]:
    """Add a version that differs in these keys."""
    return lambda asked: asked["versions"].append(asked["versions"][0] | changed)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda asked: asked.update(currency="gbp"), "currency = 'gbp'"),
        (lambda asked: asked.update(currency="G1P"), "currency = 'G1P'"),
        (lambda asked: asked.update(currency="POUND"), "currency = 'POUND'"),
        (lambda asked: asked.update(versions=[]), "versions = 0 of them"),
        (
            lambda asked: asked.update(calorific_value_kj_per_m3=39),
            "calorific_value_kj_per_m3 = 39:",
        ),
        (
            lambda asked: asked.update(calorific_value_kj_per_m3=CALORIFIC_VALUE_MAX + 1),
            "calorific_value_kj_per_m3 = 60001:",
        ),
        (version_with(vat_permille=-1), "versions[v1].vat_permille = -1: 5 % is 50"),
        (version_with(vat_permille=1_001), "versions[v1].vat_permille = 1001: 5 % is 50"),
        (
            version_with(standing_millionths_per_day=MAX_PRICE_MILLIONTHS + 1),
            "versions[v1].standing_millionths_per_day = 1000000001:",
        ),
        (
            version_with(
                prices={"kind": "flat", "price_millionths_per_kwh": -MAX_PRICE_MILLIONTHS - 1}
            ),
            "versions[v1].prices.price_millionths_per_kwh = -1000000001:",
        ),
        (
            lambda asked: asked["versions"][0]["prices"].update(
                base_price_millionths_per_kwh=10**12
            ),
            "versions[v1].prices.base_price_millionths_per_kwh = 1000000000000:",
        ),
        (
            bands_with(band(price_millionths_per_kwh=10**12)),
            "versions[v1].prices.bands[night] = 10",
        ),
        (bands_with(band(from_minute=31)), "versions[v1].prices.bands[night] = (31, 270): give"),
        (bands_with(band(to_minute=1_470)), "versions[v1].prices.bands[night] = (30, 1470): give"),
        (bands_with(band(from_minute=-30)), "versions[v1].prices.bands[night] = (-30, 270): give"),
        (
            bands_with(band(from_minute=270)),
            "versions[v1].prices.bands[night] = (270, 270): it holds",
        ),
        (
            bands_with(band(from_minute=1_440, to_minute=0)),
            "versions[v1].prices.bands[night] = (1440, 0): it holds",
        ),
        (
            second_version(version="v2"),
            "versions.starts_on: two versions start on the same day",
        ),
        (
            second_version(starts_on="2026-02-01"),
            "versions.version: two versions have the same name",
        ),
    ],
)
def test_a_fault_is_named_with_its_key_and_value(
    change: Callable[[Document], None], fault: str
) -> None:
    """One fault, one line, and it says where."""
    asked = document()
    change(asked)

    faults = faults_of(msgspec.json.encode(asked))

    assert len(faults) == 1
    assert faults[0].startswith(fault)


@pytest.mark.parametrize(
    ("prices", "fault"),
    [
        (bands(band(days=[1, 1])), "bands[night].days = [1, 1]: name each weekday once"),
        (bands(band(days=[0])), "bands[night].days = [0]: name each weekday once"),
        (bands(band(from_date="11-01")), "bands[night].from_date, to_date = ('11-01', '')"),
        (bands(band(from_date="11-31", to_date="12-01")), "bands[night].from_date, to_date"),
        (bands(band(from_date="1-1", to_date="12-01")), "bands[night].from_date, to_date"),
        (bands(band(from_date="W1-01", to_date="12-01")), "bands[night].from_date, to_date"),
        (bands(band(from_date="01-01", to_date="01-01")), "bands[night].from_date, to_date"),
        (bands(holidays=["2026-01-01"] * 129), "holidays: 129, at most 128"),
        (half_hourly(starts_at="2026-03-01T00:00:00"), "starts_at = 2026-03-01 00:00:00: give its"),
        (half_hourly(starts_at="2026-03-01T00:10:00Z"), "starts_at = 2026-03-01 00:10:00+00:00"),
        (half_hourly(starts_at="1926-03-01T00:00:00Z"), "starts_at = 1926-03-01"),
        (half_hourly(1, None, 10**12), "prices_millionths_per_kwh = 1000000000000: give"),
        (tiers(), "tiers: 0 of them, give 1 to 8"),
        (tiers(100), "tiers.up_to_mwh = [100]: the last has none"),
        (tiers(None, None), "tiers.up_to_mwh = [None, None]: the last has none"),
        (tiers(200, 100, None), "tiers.up_to_mwh = [200, 100, None]: each must be above"),
        (tiers(0, None), "tiers.up_to_mwh = [0, None]: each must be above"),
        (tiers(10**16, None), "tiers.up_to_mwh = [10000000000000000, None]: give mWh"),
    ],
)
def test_a_fault_of_any_kind_of_prices_is_named(prices: Document, fault: str) -> None:
    """One fault, one line, and it says where."""
    asked = document()
    version_with(prices=prices)(asked)

    (found,) = faults_of(msgspec.json.encode(asked))

    assert found.startswith(f"versions[v1].prices.{fault}")


def test_more_half_hours_than_are_ever_kept_are_refused() -> None:
    """Where the bytes are let in at all."""
    prices = half_hourly(*[1] * (MAX_TARIFF_SLOTS + 1))
    payload = msgspec.json.encode(document() | {"versions": [one_version(prices)]})

    with pytest.raises(ConfigError, match="at most 175680"):
        decode_tariff(payload, max_bytes=10**8)


def test_end_before_its_start_and_wrong_correction_are_named() -> None:
    """Beside each other."""
    asked = document() | {"volume_correction_millionths": 1}
    version_with(ends_on="2026-01-01")(asked)

    assert [fault.split(":")[0] for fault in faults_of(msgspec.json.encode(asked))] == [
        "volume_correction_millionths = 1",
        "versions[v1].ends_on = 2026-01-01",
    ]


def test_new_keys_are_left_out_where_they_say_nothing() -> None:
    """A hub of an earlier version refuses keys it does not know."""
    asked = decode_tariff(msgspec.json.encode(document()))

    assert json.loads(encode_tariff(asked)) == document()


def test_too_many_versions_and_bands_are_named() -> None:
    """The limits hold before the limit of bytes is met."""
    flat = {"kind": "flat", "price_millionths_per_kwh": 1}
    versions = [
        document()["versions"][0]
        | {"version": f"v{n}", "starts_on": f"{1_900 + n}-01-01", "prices": flat}
        for n in range(MAX_VERSIONS + 1)
    ]
    bands = document()
    bands_with(*[band(name=f"b{n}") for n in range(MAX_BANDS + 1)])(bands)
    long = msgspec.json.encode(document() | {"versions": versions})

    assert faults_of(msgspec.json.encode(bands)) == ["versions[v1].prices.bands: 17, at most 16"]
    assert len(long) > MAX_TARIFF_BYTES
    assert faults_of(long) == [f"{len(long)} bytes; the limit is {MAX_TARIFF_BYTES}"]


def test_every_fault_is_named_at_once() -> None:
    """Nobody mends a tariff one fault at a time."""
    asked = document() | {"currency": "£", "calorific_value_kj_per_m3": 1}
    version_with(vat_permille=5_000)(asked)

    assert len(faults_of(msgspec.json.encode(asked))) == 3


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"name": "\xff\xff"}',
        b'{"x": ' + b"[" * 5_000,
        msgspec.json.encode(document() | {"curency": "GBP"}),
        msgspec.json.encode(document() | {"calorific_value_kj_per_m3": "39500"}),
        msgspec.json.encode(document()).replace(b"2026-01-01", b"2026-13-01"),
        msgspec.json.encode(document()).replace(b"time-of-use", b"by-moonlight"),
    ],
    ids=lambda payload: f"{len(payload)} bytes",
)
def test_what_is_no_tariff_is_one_fault(payload: bytes) -> None:
    """Broken JSON, broken text, unknown keys and kinds: a ConfigError like any other."""
    assert len(faults_of(payload)) == 1


def test_the_good_document_is_good() -> None:
    """What the other tests change is otherwise a tariff, its versions put in order."""
    asked = document()
    second_version(version="v0", starts_on="2025-01-01")(asked)

    tariff = decode_tariff(msgspec.json.encode(asked))

    assert [one.version for one in tariff.versions] == ["v0", "v1"]
