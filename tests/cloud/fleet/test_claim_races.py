"""Claims and ownership tokens that are used at once from several places: one asker has them."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any, TypeVar

import pytest

from cloud.db import Database
from cloud.errors import ProblemError
from cloud.fleet.authority import Authority, Issued
from cloud.fleet.certificates import new_key
from cloud.fleet.claims import list_claims
from cloud.fleet.enrolment import MAX_PENDING
from cloud.fleet.records import Status
from shared.enrolment import RedeemAnswer, RedeemRequest, RegisterAccepted
from tests.support.enrolling import SigningCloud, accepted, claim_csr, csr_of, pem_of

RACERS = MAX_PENDING
TOGETHER_S = 1.0

_Answer = TypeVar("_Answer")

pytestmark = pytest.mark.usefixtures("either_store")


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path) -> Iterator[SigningCloud]:
    cloud = SigningCloud(tmp_path)
    yield cloud
    cloud.close()


def at_once(
    database: Database, doing: Sequence[Callable[[], _Answer]]
) -> list[_Answer | ProblemError]:
    """Do all of it at the same time; returns what came of each, in their order."""
    ready = Barrier(len(doing))

    def begin(one: Callable[[], _Answer]) -> _Answer | ProblemError:
        # All have a connection before one begins, or opening them is what sets their order.
        with database.reading():
            ready.wait()
        try:
            return one()
        except ProblemError as error:
            return error

    with ThreadPoolExecutor(len(doing)) as pool:
        return list(pool.map(begin, doing))


@pytest.fixture(name="_slow_signing")
def _signing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have whoever is about to sign wait a little for a second one who got as far."""
    sign, second = Authority.sign, Barrier(2)

    def sign_slowly(self: Authority, *words: Any) -> Issued:
        with suppress(BrokenBarrierError):
            second.wait(TOGETHER_S)
        return sign(self, *words)

    monkeypatch.setattr(Authority, "sign", sign_slowly)


@pytest.mark.usefixtures("_slow_signing")
def test_one_of_many_keys_that_race_for_a_claim_has_it(cloud: SigningCloud) -> None:
    """The others are refused and counted, whichever process they reach."""
    offer = cloud.offer()
    asking = [RedeemRequest(offer.code, pem_of(csr_of(new_key()))) for _ in range(RACERS)]

    answers = at_once(
        cloud.database,
        [
            partial(cloud.desk.redeem, one, f"192.0.2.{number}")
            for number, one in enumerate(asking, 1)
        ],
    )

    won = [one for one in answers if isinstance(one, RedeemAnswer)]
    lost = [one.code for one in answers if isinstance(one, ProblemError)]
    with cloud.database.reading() as connection:
        (claim,) = list_claims(connection, 10)
    assert len(won) == 1
    assert lost == ["claim-taken"] * (RACERS - 1)
    assert claim.refused_count == RACERS - 1
    assert claim.certificate == won[0].claim_certificate


def test_one_of_many_tokens_that_race_makes_a_hub(cloud: SigningCloud) -> None:
    """Several keys of one claim have tokens: whichever registers first is the hub, none else."""
    offer = cloud.offer()
    tokens = [
        accepted(
            cloud.create(claim_csr(new_key(), offer.row.claim_id, offer.code))
        ).certificate_ownership_token
        for _ in range(RACERS)
    ]

    answers = at_once(
        cloud.database, [partial(cloud.register, offer.row.claim_id, token) for token in tokens]
    )

    statuses = [record.status for record in cloud.records()]
    assert answers.count(RegisterAccepted("hub-a")) == 1
    assert statuses.count(Status.ACTIVE) == 1
    assert statuses.count(Status.SUPERSEDED) == RACERS - 1


def test_replayed_token_makes_no_second_hub(cloud: SigningCloud) -> None:
    """Its asker may repeat it as often as answers get lost, and gets what there is."""
    offer = cloud.offer()
    asked = claim_csr(new_key(), offer.row.claim_id, offer.code)
    token = accepted(cloud.create(asked)).certificate_ownership_token

    answers = at_once(cloud.database, [partial(cloud.register, offer.row.claim_id, token)] * RACERS)

    assert answers == [RegisterAccepted("hub-a")] * RACERS
    assert [record.status for record in cloud.records()] == [Status.ACTIVE]
