"""A claim is for one household: it is chosen when the claim is made, and its hub joins no other."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from cloud.app import create_app
from cloud.errors import NotFoundError
from cloud.fleet.certificates import new_key
from cloud.fleet.cli import run
from cloud.fleet.handover import hand_over_hub
from cloud.fleet.placing import UnclearHouseholdError
from cloud.fleet.refusals import Refusal
from cloud.households.repository import (
    DEFAULT_HOUSEHOLD,
    Household,
    household_of,
    lock_hub,
    put_household,
)
from shared.enrolment import RegisterAccepted
from shared.errors import BadInputError
from tests.support.cloud import HEADERS
from tests.support.enrolling import SigningCloud, accepted, claim_csr

FLAT, MILL = "flat-2", "mill"


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path) -> Iterator[SigningCloud]:
    cloud = SigningCloud(tmp_path, installer_token="a token of the installers alone")
    with cloud.database.writing() as connection:
        for household_id, name in ((FLAT, "Flat 2"), (MILL, "The Mill")):
            put_household(connection, Household(household_id, name, "Europe/London"))
    yield cloud
    cloud.close()


def home_of(cloud: SigningCloud, thing: str = "hub-a") -> str | None:
    """Name the household that a hub is in."""
    with cloud.database.reading() as connection:
        return household_of(connection, thing)


def join(cloud: SigningCloud, household_id: str) -> None:
    """Bring a hub in by a claim for a household."""
    offer, key = cloud.offer(household_id=household_id), new_key()
    created = accepted(cloud.create(claim_csr(key, offer.row.claim_id, offer.code)))
    joined = cloud.register(offer.row.claim_id, created.certificate_ownership_token)
    assert joined == RegisterAccepted("hub-a")


@pytest.mark.parametrize("wanted", [FLAT, "Flat 2", MILL])
def test_hub_joins_the_household_of_its_claim(cloud: SigningCloud, wanted: str) -> None:
    """Chosen by id or by name; hub and certificate are that household's and not the first one's."""
    join(cloud, wanted)

    chosen = MILL if wanted == MILL else FLAT
    assert home_of(cloud) == chosen
    assert {record.household_id for record in cloud.records()} == {chosen}


def test_hub_that_speaks_before_it_is_registered_is_the_claims_household_s(
    cloud: SigningCloud,
) -> None:
    """Whichever part of the cloud hears of it first: there is no moment in another household."""
    cloud.offer(household_id=FLAT)

    with cloud.database.writing() as connection:
        hub = lock_hub(connection, "hub-a", cloud.now_ms)

    assert hub.household_id == FLAT


def test_claim_that_ran_out_places_nothing(cloud: SigningCloud) -> None:
    """A hub whose certificate was carried to it by hand is not put where a dead claim was for."""
    cloud.offer(household_id=FLAT, minutes=1)
    cloud.pass_ms(60_000)

    with cloud.database.writing() as connection:
        hub = lock_hub(connection, "hub-a", cloud.now_ms)

    assert hub.household_id == DEFAULT_HOUSEHOLD


def test_claim_that_names_none_of_several_is_refused(cloud: SigningCloud) -> None:
    """The error names them, and the command that lists them all."""
    with pytest.raises(UnclearHouseholdError, match="3 households") as refused:
        cloud.offer()

    assert all(named in refused.value.hint for named in ("flat-2 (Flat 2)", "fleet households"))


def test_household_that_is_not_there_or_not_clear_is_refused(cloud: SigningCloud) -> None:
    """By a name that nobody has, or that two have."""
    with cloud.database.writing() as connection:
        put_household(connection, Household("flat-3", "Flat 2", "Europe/London"))

    with pytest.raises(NotFoundError, match="fleet households"):
        cloud.offer(household_id="Flat 9")
    with pytest.raises(UnclearHouseholdError, match="flat-3"):
        cloud.offer(household_id="Flat 2")


def test_hub_that_is_somebodys_stays_theirs(cloud: SigningCloud) -> None:
    """Its next claim need not say whose it is, and cannot give it away."""
    join(cloud, FLAT)

    again = cloud.offer()

    assert again.row.household_id == FLAT
    with pytest.raises(BadInputError, match="handover"):
        cloud.offer(household_id=MILL)


def test_claim_after_a_handover_is_the_new_household_s(cloud: SigningCloud) -> None:
    """The hub is theirs by then."""
    join(cloud, FLAT)
    hand_over_hub(
        cloud.config,
        cloud.database,
        cloud.clock,
        cloud.admission,
        "hub-a",
        "",
        "Europe/London",
        household_id=MILL,
    )

    join(cloud, "")

    assert home_of(cloud) == MILL


def test_overtaken_claim_brings_its_hub_into_no_household(cloud: SigningCloud) -> None:
    """Another claim for the name, of another household, came between certificate and hub."""
    offer = cloud.offer(household_id=FLAT)
    created = accepted(cloud.create(claim_csr(new_key(), offer.row.claim_id, offer.code)))
    cloud.offer(household_id=MILL)

    answer = cloud.register(offer.row.claim_id, created.certificate_ownership_token)

    assert isinstance(answer, Refusal)
    assert answer.code == "claim-expired"


def test_api_takes_a_household_and_lists_the_claims_of_all(cloud: SigningCloud) -> None:
    """Without one it answers 400 with the ids to choose from."""
    client = TestClient(create_app(cloud.config, cloud.clock), headers=HEADERS)

    refused = client.post("/v1/fleet/claims", json={})
    for household_id in (FLAT, MILL):
        client.post("/v1/fleet/claims", json={"household_id": household_id})
    listed = client.get("/v1/fleet/claims").json()["claims"]

    assert refused.status_code == 400
    assert "mill (The Mill)" in refused.json()["hint"]
    assert {one["household_id"] for one in listed} == {FLAT, MILL}


def test_installer_names_the_household_and_is_told_of_none(cloud: SigningCloud) -> None:
    """The form asks for it; whose homes there are is not every installer's to know."""
    client = TestClient(create_app(cloud.config, cloud.clock), headers={"Hearthlink-Client": "1"})
    form = client.post("/install", data={"token": cloud.config.installer_token}).text

    unsaid = client.post("/install/claims", data={"thing": "hub-a"})
    client.post("/install/claims", data={"thing": "hub-a", "household": "Flat 2"})

    assert 'name="household"' in form
    assert unsaid.status_code == 400
    assert "Mill" not in unsaid.text
    with cloud.database.writing() as connection:
        assert lock_hub(connection, "hub-a", cloud.now_ms).household_id == FLAT


def test_command_takes_a_household_and_lists_them(
    cloud: SigningCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """The operator reads the ids first."""
    config = cloud.directory / "cloud.toml"
    config.write_text(
        f'state_dir = "{cloud.config.state_dir}"\nfleet_dir = "{cloud.config.fleet_dir}"\n'
        'hub_broker_host = "broker.example.org"\n'
    )

    run(["households", "--config", str(config)])
    run(["claim", "--household-id", "The Mill", "--thing", "hub-a", "--config", str(config)])

    said = capsys.readouterr().out
    assert "flat-2" in said
    assert "household_id mill" in said
