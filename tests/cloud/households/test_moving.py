"""Moving home: each family sees its own days of the same meter, and nothing of the other's."""

from pathlib import Path

from fastapi.testclient import TestClient

from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.service import IngestService
from cloud.roles import Role
from shared.frames import encode_frame
from shared.instants import format_utc
from shared.units import MS_PER_DAY, MS_PER_HOUR
from tests.support.cloud import LOG_ID, METER, START_MS, frame_at, samples_of
from tests.support.people import PASSWORD, People

SECOND_LOG = bytes(reversed(range(16)))
HOUR_ROWS = 360


def test_next_family_sees_its_own_days_and_not_the_last_ones(tmp_path: Path) -> None:
    """And the last one goes on seeing theirs, up to the day they left."""
    people = People(tmp_path)
    people.add("ada", Role.OWNER)
    service = IngestService(people.database, people.clock, Rules())
    ada = people.signed_in("ada")
    people.wait(MS_PER_HOUR)
    _send(people, service, START_MS)

    handed = people.operator.post("/v1/fleet/hubs/hub-1/handover", json={"household": "Next"})
    token = people.bearer(handed.json()["token"])
    home = handed.json()["household_id"]
    code = token.post(f"/v1/households/{home}/invitations", json={"role": "owner"}).json()["code"]
    body = {"code": code, "email": "eve@example.org", "name": "Eve", "password": PASSWORD}
    assert people.client().post("/v1/users", json=body).status_code == 201
    people.wait(MS_PER_DAY)
    moved_ms = people.clock.utc_ms()
    people.wait(MS_PER_HOUR)
    _send(people, service, moved_ms, SECOND_LOG)
    ada, eve = people.signed_in("ada"), people.signed_in("eve")

    assert _sees(ada, START_MS)
    assert not _sees(ada, moved_ms)
    assert _sees(eve, moved_ms)
    assert not _sees(eve, START_MS)
    assert [one["thing"] for one in eve.get("/v1/gateways").json()["gateways"]] == ["hub-1"]
    assert ada.get("/v1/gateways").json()["gateways"] == []
    left = ada.get("/v1/households/home/tenancies").json()["tenancies"]
    came = eve.get(f"/v1/households/{home}/tenancies").json()["tenancies"]
    assert [(one["kind"], one["name"]) for one in left] == [("hub", "hub-1"), ("meter", METER)]
    assert {(one["started_at"], one["ended_at"]) for one in left} == {
        (None, format_utc(START_MS + MS_PER_HOUR))
    }
    assert {(one["started_at"], one["ended_at"]) for one in came} == {
        (format_utc(START_MS + MS_PER_HOUR), None)
    }


def test_hub_goes_to_a_household_that_somebody_made(tmp_path: Path) -> None:
    """No token is made: its people are in; one that there is not, or has the hub, is refused."""
    people = People(tmp_path)
    people.add("bob")
    bob = people.signed_in("bob")
    _send(people, IngestService(people.database, people.clock, Rules()), START_MS)
    cottage = bob.post("/v1/households", json={"name": "The cottage"}).json()["household"]

    answers = [
        people.operator.post("/v1/fleet/hubs/hub-1/handover", json={"household_id": one})
        for one in (cottage, cottage, "nowhere", "")
    ]

    assert [one.status_code for one in answers] == [200, 400, 404, 422]
    assert (answers[0].json()["household"], answers[0].json()["token"]) == ("The cottage", "")
    assert [one["thing"] for one in bob.get("/v1/gateways").json()["gateways"]] == ["hub-1"]


def _send(people: People, service: IngestService, start_ms: int, log_id: bytes = LOG_ID) -> None:
    samples = samples_of(1, HOUR_ROWS, start_ms=start_ms)
    frame = frame_at(samples, log_id=log_id)
    service.ingest([Message("hub-1", encode_frame(frame), people.clock.utc_ms())])


def _sees(client: TestClient, start_ms: int) -> bool:
    """Tell whether a caller sees anything that was read in the hour from a time."""
    query = {"at": format_utc(start_ms + MS_PER_HOUR)}
    answer = client.get(f"/v1/meters/{METER}/registers", params=query)
    assert answer.status_code in (200, 404), answer.text
    return answer.status_code == 200 and answer.json()["taken_at"] >= format_utc(start_ms)


def test_handover_is_dated_to_the_day_they_moved(tmp_path: Path) -> None:
    """What was read since is shown to neither: not by usage, registers, gaps, costs or exports."""
    people = People(tmp_path)
    people.add("ada", Role.OWNER)
    service = IngestService(people.database, people.clock, Rules())
    for hour in range(1, 4):
        people.wait(MS_PER_HOUR)
        log_id = bytes([hour] * 16)
        samples = samples_of(1, HOUR_ROWS, start_ms=START_MS + (hour - 1) * MS_PER_HOUR)
        service.ingest([Message("hub-1", encode_frame(frame_at(samples, log_id=log_id)), START_MS)])
    ada = people.signed_in("ada")
    assert _priced(ada) == ["00:00", "00:30", "01:00", "01:30", "02:00", "02:30"]
    after = ada.get("/v1/changes").json()["next"]
    left_ms = START_MS + MS_PER_HOUR + MS_PER_HOUR // 2 + 5_000

    wanted = {"household": "Next", "at": format_utc(left_ms)}
    handed = people.operator.post("/v1/fleet/hubs/hub-1/handover", json=wanted)
    ada = people.signed_in("ada")

    assert handed.json()["started_at"] == format_utc(left_ms)
    assert _priced(ada) == ["00:00", "00:30", "01:00"]
    shown = ada.get(f"/v1/meters/{METER}/registers").json()
    assert shown["taken_at"] == format_utc(START_MS + MS_PER_HOUR + MS_PER_HOUR // 2)
    meter = ada.get("/v1/meters").json()["meters"][0]
    assert meter["last_taken_at"] == format_utc(left_ms)
    day = {"from": "2026-03-01", "to": "2026-03-02"}
    gaps = ada.get(f"/v1/meters/{METER}/gaps", params=day).json()["gaps"]
    assert [one for one in gaps if one["end"] > format_utc(left_ms)] == []
    exported = ada.get("/v1/exports/samples", params={"meter": METER, **day}).text
    assert len(exported.splitlines()) == 1 + HOUR_ROWS + HOUR_ROWS // 2
    seen = ada.get("/v1/changes", params={"after": after}).json()["changes"]
    assert {one["kind"] for one in seen} == {"usage", "meter"}


def test_corrections_of_the_next_familys_days_are_not_told(tmp_path: Path) -> None:
    """Though they came while the hub was still the last one's."""
    people = People(tmp_path)
    people.add("ada", Role.OWNER)
    service = IngestService(people.database, people.clock, Rules())
    people.wait(MS_PER_DAY)
    now_ms = people.clock.utc_ms()
    for place, log_id in enumerate((LOG_ID, SECOND_LOG)):
        samples = samples_of(1, HOUR_ROWS, start_ms=START_MS + place * 2 * MS_PER_HOUR)
        sent = [frame_at(samples, log_id=log_id, revision=revision) for revision in (0, 1)]
        service.ingest([Message("hub-1", encode_frame(one), now_ms) for one in sent])
    wanted = {"household": "Next", "at": format_utc(START_MS + 2 * MS_PER_HOUR)}
    period = {"from": "2026-03-01", "to": "2026-03-03"}

    before = people.operator.get(f"/v1/meters/{METER}/corrections", params=period).json()
    people.operator.post("/v1/fleet/hubs/hub-1/handover", json=wanted)
    after = people.operator.get(f"/v1/meters/{METER}/corrections", params=period).json()

    assert [len(one["corrections"]) for one in (before, after)] == [2, 1]
    assert after["corrections"][0]["log_id"] == LOG_ID.hex()


def test_next_family_is_not_bound_by_the_last_ones_consent(tmp_path: Path) -> None:
    """What may leave the home is each household's own to say."""
    people = People(tmp_path)
    _send(people, IngestService(people.database, people.clock, Rules()), START_MS)
    limited = people.operator.put(
        "/v1/gateways/hub-1/consent", json={"granularity": "daily"}
    ).json()

    handed = people.operator.post("/v1/fleet/hubs/hub-1/handover", json={"household": "Next"})
    token = people.bearer(handed.json()["token"])

    assert limited["limit"] == "daily"
    assert token.get("/v1/gateways/hub-1/consent").json()["limit"] is None


def test_handover_is_dated_neither_ahead_nor_before_they_came(tmp_path: Path) -> None:
    """Each is refused with the field; nothing changes hands."""
    people = People(tmp_path)
    _send(people, IngestService(people.database, people.clock, Rules()), START_MS)
    people.wait(MS_PER_DAY)
    people.operator.post("/v1/fleet/hubs/hub-1/handover", json={"household": "Second"})
    people.wait(MS_PER_DAY)

    answers = [
        people.operator.post(
            "/v1/fleet/hubs/hub-1/handover", json={"household": "Third", "at": format_utc(at_ms)}
        )
        for at_ms in (people.clock.utc_ms() + MS_PER_HOUR, START_MS + MS_PER_HOUR)
    ]
    answers.append(
        people.operator.post(
            "/v1/fleet/hubs/hub-1/handover", json={"household": "Third", "at": "when they left"}
        )
    )

    assert [one.status_code for one in answers] == [400, 400, 400]
    assert all("at" in one.json()["detail"] and one.json()["hint"] for one in answers)


def _priced(client: TestClient) -> list[str]:
    """List the half hours of the first day of which usage is known."""
    query = {"from": "2026-03-01", "to": "2026-03-02"}
    answer = client.get(f"/v1/meters/{METER}/usage", params=query).json()
    return [one["start"][11:16] for one in answer["intervals"] if one["import_mwh"] is not None]
