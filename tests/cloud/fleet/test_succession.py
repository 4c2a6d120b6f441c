"""Who may renew after a claim, what a claim ends, and how many certificates a thing may have."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from cloud.errors import ProblemError
from cloud.fleet.authority import LEAF_VALIDITY
from cloud.fleet.certificates import new_key, read_key
from cloud.fleet.claims import is_redeemed
from cloud.fleet.handover import hand_over_hub
from cloud.fleet.records import (
    Status,
    list_barred,
    note_seen,
    set_status,
    sweep_expired,
)
from cloud.fleet.refusals import Refusal
from cloud.fleet.revocation import let_in, shut_out
from cloud.fleet.succession import MAX_A_DAY, MAX_ACTIVE, MAX_BARRED
from cloud.households.revocations import find_revocation
from cloud.ingest.hubbatch import Rules
from cloud.ingest.service import IngestService
from shared.enrolment import CsrAccepted, RedeemRequest, RegisterAccepted
from shared.protocol import Hello, encode_message
from shared.units import MS_PER_DAY, MS_PER_HOUR
from tests.support.enrolling import (
    Key,
    SigningCloud,
    accepted,
    claim_csr,
    code_of,
    csr_of,
    pem_of,
    renewal_csr,
)

THING = "hub-a"
JOINED = RegisterAccepted(THING)


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path) -> Iterator[SigningCloud]:
    cloud = SigningCloud(tmp_path)
    yield cloud
    cloud.close()


def renew(cloud: SigningCloud, present: Key) -> tuple[Key, CsrAccepted | Refusal]:
    """Renew and register; returns the new key and how the CSR was answered."""
    new = new_key()
    answer = cloud.create(renewal_csr(new, THING, present))
    if isinstance(answer, CsrAccepted):
        cloud.register(THING, answer.certificate_ownership_token)
    return new, answer


def code(answer: CsrAccepted | RegisterAccepted | Refusal) -> str:
    """Name a refusal, "" for what was not refused."""
    return answer.code if isinstance(answer, Refusal) else ""


def see(cloud: SigningCloud, certificate_id: str) -> bool:
    """Note a certificate as in use."""
    (record,) = (one for one in cloud.records() if one.certificate_id == certificate_id)
    with cloud.database.writing() as connection:
        return note_seen(connection, record, cloud.now_ms)


def status_of(cloud: SigningCloud, certificate_id: str) -> str:
    """Tell how a certificate stands."""
    (status,) = (one.status for one in cloud.records() if one.certificate_id == certificate_id)
    return status


def revoke_hub(cloud: SigningCloud) -> None:
    """Shut the hub out."""
    with cloud.database.writing() as connection:
        shut_out(connection, THING, cloud.now_ms, cloud.enrolment)


def test_replaced_hub_renews_no_more_and_its_replacement_does(cloud: SigningCloud) -> None:
    """Its key is still good until the new hub is seen, and gets nothing that outlives that."""
    old, olds = cloud.provision()
    cloud.pass_ms(MS_PER_DAY)
    new, news = cloud.provision()
    cloud.pass_ms(1_000)

    _, refused = renew(cloud, old)
    following, given = renew(cloud, new)
    cloud.pass_ms(1_000)
    _, later = renew(cloud, following)
    see(cloud, news.certificate_id)

    assert code(refused) == "certificate-superseded"
    assert (code(given), code(later)) == ("", "")
    assert status_of(cloud, olds.certificate_id) == Status.SUPERSEDED
    assert status_of(cloud, news.certificate_id) == Status.ACTIVE


def test_late_renewal_of_a_replaced_hub_is_refused(cloud: SigningCloud) -> None:
    """Over HTTPS its expired certificate is worth no more."""
    old, olds = cloud.provision()
    cloud.pass_ms(LEAF_VALIDITY // timedelta(milliseconds=1))
    cloud.provision()
    csr = renewal_csr(new_key(), THING, old)

    with cloud.database.writing() as connection:
        answer = cloud.enrolment.renew_late(
            connection, THING, olds.certificate_id, csr, cloud.now_ms
        )

    assert isinstance(answer, Refusal)
    assert answer.code == "certificate-superseded"


def test_old_hub_cannot_renew_its_replacement_away(cloud: SigningCloud) -> None:
    """From the redemption on it renews nothing, and what it holds open bars nobody."""
    old, _ = cloud.provision()
    cloud.pass_ms(1_000)
    waiting = accepted(cloud.create(renewal_csr(new_key(), THING, old)))
    cloud.pass_ms(1_000)
    offer, key = cloud.offer(), new_key()
    cloud.desk.redeem(RedeemRequest(code_of(offer), pem_of(csr_of(new_key(), "any"))), "")

    redeemed = cloud.create(renewal_csr(new_key(), THING, old))
    asked = accepted(cloud.create(claim_csr(key, offer.row.claim_id, offer.code)))
    cloud.register(THING, waiting.certificate_ownership_token)
    joined = cloud.register(offer.row.claim_id, asked.certificate_ownership_token)

    assert code(redeemed) == "certificate-superseded"
    assert joined == JOINED


def test_renewal_asked_for_before_a_claim_is_barred_with_it(cloud: SigningCloud) -> None:
    """It is registered neither then nor later."""
    old, _ = cloud.provision()
    cloud.pass_ms(1_000)
    waiting = accepted(cloud.create(renewal_csr(new_key(), THING, old)))
    cloud.pass_ms(1_000)
    cloud.provision()

    answer = cloud.register(THING, waiting.certificate_ownership_token)

    assert code(answer) == "bad-token"
    assert status_of(cloud, waiting.certificate_id) == Status.SUPERSEDED


def test_renewal_written_late_by_another_process_is_not_registered(cloud: SigningCloud) -> None:
    """Two processes may sign at once: what is older than the claim's certificate stays out."""
    old, _ = cloud.provision()
    cloud.pass_ms(1_000)
    waiting = accepted(cloud.create(renewal_csr(new_key(), THING, old)))
    cloud.pass_ms(1_000)
    cloud.provision()
    with cloud.database.writing() as connection:
        set_status(connection, waiting.certificate_id, Status.PENDING, cloud.now_ms)

    answer = cloud.register(THING, waiting.certificate_ownership_token)

    assert code(answer) == "certificate-superseded"


def test_claim_that_was_never_used_locks_nobody_out(cloud: SigningCloud) -> None:
    """Its minutes over, the hub that was there renews as before."""
    old, _ = cloud.provision()
    offer = cloud.offer()
    cloud.desk.redeem(RedeemRequest(code_of(offer), pem_of(csr_of(new_key(), "any"))), "")
    _, before = renew(cloud, old)
    cloud.pass_ms(MS_PER_HOUR)

    _, after = renew(cloud, old)

    assert (code(before), code(after)) == ("certificate-superseded", "")


def test_carried_certificate_is_ended_by_a_claim(cloud: SigningCloud) -> None:
    """Also where its hub had never asked for anything: its file does not bring it back."""
    carried = cloud.authority.issue(THING)
    cloud.pass_ms(1_000)
    _, news = cloud.provision()
    see(cloud, news.certificate_id)

    answer = cloud.create(renewal_csr(new_key(), THING, read_key(carried.key)))

    assert code(answer) == "bad-csr"
    assert [one.status for one in cloud.records() if one.asker == THING] == [Status.SUPERSEDED]


def test_claim_gives_a_stolen_hubs_name_to_another(cloud: SigningCloud) -> None:
    """The revocation is lifted once it is used, and the thief's certificate is barred for good."""
    thief, stolen = cloud.provision()
    revoke_hub(cloud)
    cloud.pass_ms(1_000)

    offer = cloud.offer()
    with cloud.database.reading() as connection:
        is_revoked_before = find_revocation(connection, THING) is not None
    key = new_key()
    asked = accepted(cloud.create(claim_csr(key, offer.row.claim_id, offer.code)))
    joined = cloud.register(offer.row.claim_id, asked.certificate_ownership_token)
    with cloud.database.writing() as connection:
        is_revoked_after = find_revocation(connection, THING) is not None
        was_let_in = let_in(connection, THING, cloud.now_ms)
        barred = list_barred(connection, cloud.now_ms)
    _, again = renew(cloud, thief)

    assert (joined, is_revoked_before, is_revoked_after, was_let_in) == (JOINED, True, False, False)
    assert [(one.certificate_id, one.status) for one in barred] == [
        (stolen.certificate_id, Status.SUPERSEDED)
    ]
    assert code(again) == "bad-csr"
    assert code(renew(cloud, key)[1]) == ""


def offered(cloud: SigningCloud, thing: str = THING) -> str:
    """Ask for a claim as whoever installs does; return the code of the refusal, "" for none."""
    try:
        cloud.desk.offer(thing=thing)
    except ProblemError as error:
        return error.code if "--rejoin" in error.hint else "without a way on"
    return ""


def test_only_an_operator_claims_a_hub_that_has_joined(cloud: SigningCloud) -> None:
    """Not one in use, by a claim or a file, nor one that is revoked; what joins later may be."""
    _, present = cloud.provision()
    cloud.authority.issue("hub-carried")
    answers = [offered(cloud), offered(cloud, "hub-carried"), offered(cloud, "hub-new")]
    revoke_hub(cloud)

    answers.append(offered(cloud))

    assert answers == ["hub-has-joined", "hub-has-joined", "", "hub-has-joined"]
    assert status_of(cloud, present.certificate_id) == Status.REVOKED
    with cloud.database.reading() as connection:
        assert find_revocation(connection, THING) is not None
        assert not is_redeemed(connection, THING, cloud.now_ms)


def test_hub_with_a_certificate_of_elsewhere_has_joined(cloud: SigningCloud) -> None:
    """It said hello: that nothing is known of its certificate does not make its name free."""
    IngestService(cloud.database, cloud.clock, Rules()).greet(
        "hub-heard", encode_message(Hello("0.1.0", 1, []))
    )

    assert offered(cloud, "hub-heard") == "hub-has-joined"


def test_handed_over_hub_joins_by_anyones_claim(cloud: SigningCloud) -> None:
    """Its certificates are over: there is nothing that a claim could take from it."""
    cloud.provision()
    hand_over_hub(
        cloud.config, cloud.database, cloud.clock, cloud.admission, THING, "Flat 2", "Europe/London"
    )

    assert offered(cloud) == ""


def test_claim_made_before_a_revocation_is_dead(cloud: SigningCloud) -> None:
    """Also after a second revocation, and with a certificate already asked for."""
    cloud.provision()
    revoke_hub(cloud)
    cloud.pass_ms(1_000)
    offer, key = cloud.offer(), new_key()
    asked = accepted(cloud.create(claim_csr(key, offer.row.claim_id, offer.code)))
    revoke_hub(cloud)

    registered = cloud.register(offer.row.claim_id, asked.certificate_ownership_token)
    created = cloud.create(claim_csr(new_key(), offer.row.claim_id, offer.code))

    assert (code(registered), code(created)) == ("bad-token", "claim-expired")


def test_active_certificates_of_a_thing_are_bounded(cloud: SigningCloud) -> None:
    """Three; a day later one that nobody uses makes room, never the one that asks."""
    key, first = cloud.provision()
    answers = []
    for _ in range(MAX_ACTIVE):
        cloud.pass_ms(1_000)
        answers.append(code(renew(cloud, key)[1]))
    cloud.pass_ms(MS_PER_DAY)

    later = renew(cloud, key)[1]

    assert answers == ["", "", "too-many-requests"]
    assert code(later) == ""
    active = [one for one in cloud.records() if one.status == Status.ACTIVE]
    assert len(active) == MAX_ACTIVE
    assert first.certificate_id in {one.certificate_id for one in active}


def test_renewals_of_a_day_are_bounded(cloud: SigningCloud) -> None:
    """A hub that uses each at once gets ten a day, and the next day more."""
    key, _ = cloud.provision()
    answers = []
    for _ in range(MAX_A_DAY + 1):
        cloud.pass_ms(1_000)
        new, answer = renew(cloud, key)
        answers.append(code(answer))
        if isinstance(answer, CsrAccepted):
            see(cloud, answer.certificate_id)
            key = new
    cloud.pass_ms(MS_PER_DAY)

    assert answers == [""] * MAX_A_DAY + ["too-many-requests"]
    assert code(renew(cloud, key)[1]) == ""


def test_share_of_one_hub_in_the_revocation_list_is_bounded(cloud: SigningCloud) -> None:
    """However long it goes on; a claim still brings it in anew."""
    key, _ = cloud.provision()
    for _ in range(MAX_BARRED + MAX_A_DAY):
        cloud.pass_ms(MS_PER_DAY // MAX_A_DAY + 1)
        new, answer = renew(cloud, key)
        if isinstance(answer, CsrAccepted):
            see(cloud, answer.certificate_id)
            key = new

    with cloud.database.reading() as connection:
        barred = list_barred(connection, cloud.now_ms)
    refused = renew(cloud, key)[1]
    cloud.provision()

    assert len(barred) == MAX_BARRED + 1  # the first was a claim's
    assert code(refused) == "too-many-requests"


def test_expired_rows_are_forgotten_where_nothing_brings_them_back(cloud: SigningCloud) -> None:
    """The present one and a carried one stay: by those a hub may come back, or must not."""
    cloud.authority.issue(THING)
    cloud.pass_ms(1_000)
    key, _ = cloud.provision()
    cloud.pass_ms(1_000)
    _, answer = renew(cloud, key)
    see(cloud, accepted(answer).certificate_id)
    cloud.pass_ms(LEAF_VALIDITY // timedelta(milliseconds=1) + MS_PER_DAY)

    with cloud.database.writing() as connection:
        count = sweep_expired(connection, cloud.now_ms)

    assert count == 1
    assert sorted(one.status for one in cloud.records()) == [Status.ACTIVE, Status.SUPERSEDED]
