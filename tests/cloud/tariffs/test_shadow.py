"""The tariff shadow's documents and their limit."""

import json

from cloud.tariffs import shadow
from cloud.tariffs.shadow import KeptTariff
from shared.protocol import MAX_MESSAGE_BYTES
from shared.tariffs import Tariff, decode_tariff

NOW_MS = 1_772_323_200_999
VERSION = {
    "version": "1",
    "starts_on": "2026-01-01",
    "standing_millionths_per_day": 0,
    "vat_permille": 0,
    "prices": {"kind": "flat", "price_millionths_per_kwh": 1},
}


def _tariff(name: str = "Flat") -> Tariff:
    document = {"name": name, "currency": "GBP", "versions": [VERSION]}
    return decode_tariff(json.dumps(document).encode())


def test_get_is_accepted_with_every_meter() -> None:
    """The document holds each meter's tariff, the newest revision and the time in seconds."""
    kept = [KeptTariff("M1", 3, _tariff()), KeptTariff("M2", 7, _tariff())]

    topic, payload = shadow.answer_get("hub-1", kept, NOW_MS)

    document = json.loads(payload)
    assert topic == "$aws/things/hub-1/shadow/name/tariff/get/accepted"
    assert sorted(document["state"]["desired"]["meters"]) == ["M1", "M2"]
    assert (document["version"], document["timestamp"]) == (7, 1_772_323_200)


def test_get_without_tariffs_is_rejected() -> None:
    """A hub whose meters have no tariff hears 404."""
    topic, payload = shadow.answer_get("hub-1", [], NOW_MS)

    assert topic.endswith("/get/rejected")
    assert json.loads(payload)["code"] == 404


def test_tariffs_past_the_limit_are_refused() -> None:
    """More than a shadow holds is refused with 413."""
    kept = [KeptTariff("M1", 1, _tariff("x" * (MAX_MESSAGE_BYTES - 250)))]

    _, payload = shadow.answer_get("hub-1", kept, NOW_MS)

    assert json.loads(payload)["code"] == 413
    assert not shadow.fits(kept)


def test_delta_holds_the_meters_directly() -> None:
    """A delta's state is what differs, without `desired` around it."""
    publication = shadow.delta("hub-1", [KeptTariff("M1", 2, _tariff())], NOW_MS)

    assert list(json.loads(publication.payload)["state"]["meters"]) == ["M1"]
