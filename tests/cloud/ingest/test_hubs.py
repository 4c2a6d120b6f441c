"""What hubs say over HTTPS: stored as over MQTT, answered in the same breath."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from cloud.app import create_app
from cloud.households.revocations import revoke
from shared import hubrequests
from shared.clock import DrivenClock
from shared.frames import MAX_FRAME_BYTES
from shared.protocol import (
    MAX_HELLO_BYTES,
    Hello,
    Live,
    LogState,
    Status,
    decode_receipt,
    encode_message,
)
from shared.readings import Medium
from tests.support.cloud import HEADERS, LOG_ID, METER, START_MS, config_in, payload_of, samples_of
from tests.support.signed import Fleet

NOW_MS = START_MS + 3_600_000
HELLO = encode_message(Hello("1.2", 1, [LogState(LOG_ID.hex(), METER, 1, 20)]))
LIVE = encode_message(Live(METER, Medium.ELECTRICITY, NOW_MS, {"power_import_w": 431}))

TARIFF = {
    "name": "Flat",
    "currency": "GBP",
    "versions": [
        {
            "version": "1",
            "starts_on": "2026-01-01",
            "standing_millionths_per_day": 1,
            "vat_permille": 50,
            "prices": {"kind": "flat", "price_millionths_per_kwh": 245_000},
        }
    ],
}


class HubApi:
    """The application, and a fleet whose hubs call it."""

    def __init__(self, directory: Path) -> None:
        self.clock = DrivenClock(NOW_MS)
        self.fleet = Fleet(directory / "fleet", self.clock)
        config = config_in(directory, hub_ca=self.fleet.authority.certificate)
        self.app = create_app(config, self.clock)
        self.client = TestClient(self.app, raise_server_exceptions=False)

    def post(self, path: str, body: bytes, thing: str = "hub-1") -> Any:
        """Post a signed request."""
        return self.client.post(path, content=body, headers=self.fleet.headers(thing, path, body))

    def receipts(self, path: str, body: bytes, thing: str = "hub-1") -> list[Any]:
        """Post what must be answered, and list the receipts."""
        answer = self.post(path, body, thing)
        assert answer.status_code == 200, answer.text
        receipts: list[Any] = answer.json()["receipts"]
        return receipts

    def gateway(self) -> Any:
        """Ask for the one hub."""
        (hub,) = self.client.get("/v1/gateways", headers=HEADERS).json()["gateways"]
        return hub


@pytest.fixture
def api(tmp_path: Path) -> HubApi:
    """An API that takes what hubs of its fleet send."""
    return HubApi(tmp_path)


def problem(answer: Any, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    detail: str = answer.json()["detail"]
    return detail


def test_a_frame_is_stored_and_its_receipt_is_the_answer(api: HubApi) -> None:
    """The receipt lists what is stored; the API shows it at once."""
    (receipt,) = api.receipts(hubrequests.FRAMES_PATH, payload_of(samples_of(1, 10)))

    assert receipt["log_id"] == LOG_ID.hex()
    assert receipt["stored"] == [[1, 10, 0]]
    assert receipt["cloud_time_ms"] == NOW_MS
    assert api.gateway()["logs"][0]["stored"] == [[1, 10, 0]]


def test_an_answers_receipts_are_those_of_the_protocol(api: HubApi) -> None:
    """Taken out of the answer as it stands, each is a receipt as MQTT carries it."""
    answer = api.post(hubrequests.FRAMES_PATH, payload_of(samples_of(1, 10)))

    receipt = decode_receipt(answer.content.removeprefix(b'{"receipts":[').removesuffix(b"]}"))

    assert receipt.stored == [(1, 10, 0)]


def test_a_frame_sent_again_changes_nothing_and_is_answered(api: HubApi) -> None:
    """A request whose answer was lost is repeated; so may one be that somebody recorded."""
    payload = payload_of(samples_of(1, 10))

    first, second = (api.receipts(hubrequests.FRAMES_PATH, payload) for _ in range(2))

    assert first[0]["stored"] == second[0]["stored"] == [[1, 10, 0]]
    assert second[0]["revision"] > first[0]["revision"]
    assert api.gateway()["conflicts"] == 0


def test_every_steady_frame_has_its_receipt(api: HubApi) -> None:
    """An answer costs nothing, so none waits for the hour as over a broker that charges."""
    for first in (1, 11, 21):
        payload = payload_of(samples_of(first, 10, start_ms=NOW_MS - 10_000))
        assert len(api.receipts(hubrequests.FRAMES_PATH, payload)) == 1


def test_what_is_no_frame_is_set_aside_as_over_mqtt(api: HubApi) -> None:
    """Bytes that cannot be read are kept with the reason, under the hub of the certificate."""
    assert api.receipts(hubrequests.FRAMES_PATH, b"no frame", "hub-7") == []

    (letter,) = api.client.get("/v1/dead-letters", headers=HEADERS).json()["dead_letters"]
    assert letter["thing"] == "hub-7"


def test_a_revoked_hub_is_answered_with_nothing(api: HubApi) -> None:
    """Its certificate is still good: it is told 403, gets no receipt, so frees nothing."""
    api.receipts(hubrequests.FRAMES_PATH, payload_of(samples_of(1, 10)))
    put = api.client.put(f"/v1/meters/{METER}/tariff", json=TARIFF, headers=HEADERS)
    told = api.post(hubrequests.TARIFF_PATH, b"{}")
    with api.app.state.parts.database.writing() as connection:
        revoke(connection, "hub-1", NOW_MS)

    for path, body in (
        (hubrequests.STATUS_PATH, encode_message(Status("a", online=True))),
        (hubrequests.FRAMES_PATH, payload_of(samples_of(11, 10))),
        (hubrequests.HELLO_PATH, HELLO),
        (hubrequests.LIVE_PATH, LIVE),
        (hubrequests.TARIFF_PATH, b"{}"),
    ):
        assert "is revoked" in problem(api.post(path, body), 403)

    assert (put.status_code < 300, told.status_code) == (True, 200)
    assert api.gateway()["messages_refused"] == 3
    assert api.gateway()["logs"][0]["stored"] == [[1, 10, 0]]


def test_a_limit_of_consent_comes_with_the_next_receipt(api: HubApi) -> None:
    """Over HTTPS nobody can tell the hub sooner."""
    api.receipts(hubrequests.HELLO_PATH, HELLO)
    api.client.put(
        "/v1/gateways/hub-1/consent", json={"granularity": "daily"}, headers=HEADERS
    ).raise_for_status()

    (receipt,) = api.receipts(hubrequests.FRAMES_PATH, payload_of(samples_of(1, 10)))

    assert receipt["consent"] == {"granularity": "daily", "revision": NOW_MS}


def test_a_hub_cannot_write_into_anothers_log(api: HubApi) -> None:
    """Identity is the certificate's; the log of another hub is refused."""
    api.receipts(hubrequests.FRAMES_PATH, payload_of(samples_of(1, 10)), "hub-1")

    (receipt,) = api.receipts(hubrequests.FRAMES_PATH, payload_of(samples_of(11, 10)), "hub-2")

    assert receipt["rejected"] == [[11, 20, "wrong-hub"]]


def test_a_hello_is_answered_for_each_log(api: HubApi) -> None:
    """What the hub holds is noted, what is stored is said."""
    (receipt,) = api.receipts(hubrequests.HELLO_PATH, HELLO)

    assert receipt["stored"] == []
    assert api.gateway()["agent_version"] == "1.2"
    assert api.gateway()["logs"][0]["last_seq_held"] == 20


def test_status_tells_who_is_online(api: HubApi) -> None:
    """Online, then offline by the same connection; a late word of another is passed over."""
    for connection, online, expected in (
        ("a", True, True),
        ("b", False, True),
        ("a", False, False),
    ):
        status = encode_message(Status(connection, online))
        assert api.receipts(hubrequests.STATUS_PATH, status) == []
        assert api.gateway()["is_online"] is expected


def test_live_reaches_the_feed_and_is_not_stored(api: HubApi) -> None:
    """Without a broker the process passes it on itself."""
    api.receipts(hubrequests.HELLO_PATH, HELLO)
    got: list[tuple[str, bytes]] = []
    parts = api.app.state.parts
    parts.live.receive = lambda topic, payload: got.append((topic, payload))

    assert api.receipts(hubrequests.LIVE_PATH, LIVE) == []

    assert got == [("hearthlink/v1/hub-1/live", LIVE)]


@pytest.mark.parametrize(
    "path", [hubrequests.HELLO_PATH, hubrequests.STATUS_PATH, hubrequests.LIVE_PATH]
)
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b"[" * 20_000])
def test_malformed_messages_are_a_problem(api: HubApi, path: str, body: bytes) -> None:
    """The hub is told what was wrong with it."""
    assert problem(api.post(path, body), 400)


@pytest.mark.parametrize(
    ("path", "limit"),
    [(hubrequests.FRAMES_PATH, MAX_FRAME_BYTES), (hubrequests.HELLO_PATH, MAX_HELLO_BYTES)],
)
def test_a_body_over_the_limit_is_not_read_on(api: HubApi, path: str, limit: int) -> None:
    """No more is held in memory than a message may have."""
    assert str(limit) in problem(api.post(path, b"x" * (limit + 1)), 413)


def test_an_unsigned_request_is_refused_with_the_time(api: HubApi) -> None:
    """The API's token opens nothing here; a hub whose clock is off learns the cloud's."""
    answer = api.client.post(hubrequests.FRAMES_PATH, content=b"x", headers=HEADERS)

    assert hubrequests.CERTIFICATE_FIELD in problem(answer, 401)
    assert answer.headers[hubrequests.TIME_FIELD] == str(NOW_MS)


def test_without_an_authority_no_hub_is_let_in(tmp_path: Path, api: HubApi) -> None:
    """A cloud that was not told whom to trust trusts nobody, and says how to tell it."""
    client = TestClient(create_app(config_in(tmp_path / "closed"), api.clock))
    headers = api.fleet.headers("hub-1", hubrequests.FRAMES_PATH, b"x")

    answer = client.post(hubrequests.FRAMES_PATH, content=b"x", headers=headers)

    assert problem(answer, 404)
    assert "hub_ca" in answer.json()["hint"]


def test_a_database_that_is_away_is_told_of(api: HubApi) -> None:
    """503 says that the same request may succeed later; nothing was taken."""

    def fail(*_arguments: object) -> None:
        raise OperationalError("BEGIN", {}, ConnectionError("away"))

    event.listen(api.app.state.parts.database.engine, "before_cursor_execute", fail)

    answer = api.post(hubrequests.FRAMES_PATH, payload_of(samples_of(1, 10)))

    assert problem(answer, 503)


def test_a_tariff_is_told_to_the_hub_that_has_the_meter(api: HubApi) -> None:
    """404 until one is set; then the shadow's document, as over MQTT."""
    api.receipts(hubrequests.FRAMES_PATH, payload_of(samples_of(1, 10)))
    before = api.post(hubrequests.TARIFF_PATH, b"{}")
    put = api.client.put(f"/v1/meters/{METER}/tariff", json=TARIFF, headers=HEADERS)
    assert put.status_code in (200, 201, 204), put.text

    answer = api.post(hubrequests.TARIFF_PATH, b"{}")

    assert problem(before, 404)
    assert answer.json()["state"]["desired"]["meters"][METER]["name"] == "Flat"


def test_the_description_names_the_fields_of_the_proof(api: HubApi) -> None:
    """Whoever writes another hub finds in OpenAPI what to send."""
    operation = api.client.get("/openapi.json").json()["paths"]["/v1/frames"]["post"]

    assert {one["name"].lower() for one in operation["parameters"]} == {
        "content-digest",
        hubrequests.CERTIFICATE_FIELD,
        "signature",
        "signature-input",
    }
    assert "application/octet-stream" in operation["requestBody"]["content"]
