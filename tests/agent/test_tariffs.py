"""Tariffs on the hub: from the shadow, an import or a file; what is wrong is refused whole."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.log import Log
from agent.tariffs import TariffShelf, read_bounded, read_tariff_file
from shared.errors import BadInputError, ConfigError, HearthlinkError, OperatorError
from shared.readings import Medium
from shared.tariffs import MAX_TARIFF_BYTES
from tests.support.hubs import GAS_METER, METER

MEDIUMS = {METER: Medium.ELECTRICITY, GAS_METER: Medium.GAS}


def tariff(name: str = "Flat") -> dict[str, Any]:
    return {
        "name": name,
        "currency": "GBP",
        "versions": [
            {
                "version": "1",
                "starts_on": "2026-01-01",
                "standing_millionths_per_day": 450_000,
                "vat_permille": 50,
                "prices": {"kind": "flat", "price_millionths_per_kwh": 250_000},
            }
        ],
    }


def payload(name: str = "Flat") -> bytes:
    return json.dumps(tariff(name)).encode()


def shelf_in(path: Path, electricity: Path | None = None) -> TariffShelf:
    return TariffShelf(Log(path / "hub.sqlite"), electricity, None)


def name_of(shelf: TariffShelf, medium: Medium = Medium.ELECTRICITY) -> str | None:
    found = shelf.current(medium)
    return found.name if found else None


def test_nobody_has_given_one(tmp_path: Path) -> None:
    """Without a tariff there is none: nothing is priced at 0."""
    assert shelf_in(tmp_path).current(Medium.ELECTRICITY) is None


def test_a_tariff_put_is_current_and_survives(tmp_path: Path) -> None:
    """An import is kept in the hub's database, for its medium alone."""
    shelf_in(tmp_path).put(Medium.ELECTRICITY, payload())

    again = shelf_in(tmp_path)

    assert (name_of(again), name_of(again, Medium.GAS)) == ("Flat", None)


def test_a_newer_one_replaces_it_at_once(tmp_path: Path) -> None:
    """What was decoded before is not served for long."""
    shelf = shelf_in(tmp_path)
    shelf.put(Medium.ELECTRICITY, payload("Old"))
    assert name_of(shelf) == "Old"

    shelf.put(Medium.ELECTRICITY, payload("New"))

    assert name_of(shelf) == "New"


def test_a_file_holds_until_something_is_given(tmp_path: Path) -> None:
    """The configured file is the least: the shadow and an import come before it."""
    path = tmp_path / "tariff.json"
    path.write_bytes(payload("Filed"))
    shelf = shelf_in(tmp_path, path)
    before = name_of(shelf)

    shelf.put(Medium.ELECTRICITY, payload("Given"))

    assert (before, name_of(shelf)) == ("Filed", "Given")


def test_the_shadow_document_sets_each_meters_tariff(tmp_path: Path) -> None:
    """On `get` the document's desired state carries a tariff a meter; strangers are passed over."""
    shelf = shelf_in(tmp_path)
    meters = {METER: tariff("E"), GAS_METER: tariff("G"), "stranger": tariff("S")}

    shelf.take_shadow(json.dumps({"state": {"desired": {"meters": meters}}}).encode(), MEDIUMS)

    assert (name_of(shelf), name_of(shelf, Medium.GAS)) == ("E", "G")


def test_a_delta_sets_what_has_changed(tmp_path: Path) -> None:
    """A delta has the state at its top; a tariff taken away leaves the one known."""
    shelf = shelf_in(tmp_path)
    shelf.put(Medium.GAS, payload("G"))

    delta = {"state": {"meters": {METER: tariff("E"), GAS_METER: None}}, "version": 3}
    shelf.take_shadow(json.dumps(delta).encode(), MEDIUMS)

    assert (name_of(shelf), name_of(shelf, Medium.GAS)) == ("E", "G")


def test_a_shadow_without_meters_says_nothing(tmp_path: Path) -> None:
    """An empty document is no error."""
    shelf = shelf_in(tmp_path)

    shelf.take_shadow(b'{"state": {"desired": {}}}', MEDIUMS)

    assert name_of(shelf) is None


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff",
        b'{"state": 5}',
        b'{"state": {"meters": [1]}}',
        b'{"state": {"meters": null}}',
        b'{"state": {"desired": 3}}',
        b"[" * 5_000,
    ],
)
def test_a_shadow_of_another_shape_is_bad_input(document: bytes, tmp_path: Path) -> None:
    """Whatever arrives is refused by the error that quarantines."""
    with pytest.raises(BadInputError, match="shadow"):
        shelf_in(tmp_path).take_shadow(document, MEDIUMS)


def test_a_bad_tariff_in_the_shadow_leaves_the_one_known(tmp_path: Path) -> None:
    """Faults are named, and pricing goes on as before."""
    shelf = shelf_in(tmp_path)
    shelf.put(Medium.ELECTRICITY, payload("Known"))
    bad = {"state": {"meters": {METER: {**tariff(), "versions": []}}}}

    with pytest.raises(HearthlinkError):
        shelf.take_shadow(json.dumps(bad).encode(), MEDIUMS)

    assert name_of(shelf) == "Known"


def test_files_are_read_within_bounds(tmp_path: Path) -> None:
    """A missing file is named; a huge one is not read to its end, and refused."""
    huge = tmp_path / "huge.json"
    huge.write_bytes(b" " * (MAX_TARIFF_BYTES * 4))

    assert len(read_bounded(huge)) == MAX_TARIFF_BYTES + 1
    with pytest.raises(ConfigError):
        read_tariff_file(huge)
    with pytest.raises(OperatorError, match=r"none\.json"):
        read_bounded(tmp_path / "none.json")
