"""Who gets a certificate: one hub for one claim, whoever else is listening, however often asked."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from cloud.fleet.authority import LEAF_VALIDITY, LONGEST_OFFLINE
from cloud.fleet.certificates import new_key, read_key
from cloud.fleet.enrolment import MAX_PENDING, NO_KEY, TOKEN_MS
from cloud.fleet.records import PENDING_MS, Status, bar_unregistered, note_seen
from cloud.fleet.refusals import REFUSALS, Refusal
from cloud.fleet.revocation import shut_out
from cloud.households.revocations import revoke
from shared.enrolment import RegisterAccepted, key_id_of
from shared.units import MS_PER_DAY, MS_PER_MINUTE
from tests.support.enrolling import (
    SigningCloud,
    accepted,
    claim_csr,
    csr_of,
    csr_request,
    key_der,
    pem_of,
    renewal_csr,
)


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path) -> Iterator[SigningCloud]:
    cloud = SigningCloud(tmp_path)
    yield cloud
    cloud.close()


def refused(answer: object) -> str:
    """Take an answer that must be a refusal; returns its code."""
    assert isinstance(answer, Refusal), answer
    return answer.code


def test_claim_becomes_a_hub(cloud: SigningCloud) -> None:
    """The certificate is the asked key's, in the thing's name, for clients, for three years."""
    key, created = cloud.provision("hub-a")

    certificate = x509.load_pem_x509_certificate(created.certificate_pem.encode())
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert [name.value for name in names] == ["hub-a"]
    assert certificate.public_key() == key.public_key()
    certificate.verify_directly_issued_by(cloud.authority.issuer().certificate)
    assert [record.status for record in cloud.records()] == [Status.ACTIVE]


def test_certificate_outlasts_three_times_the_longest_sleep() -> None:
    """A hub that falls asleep just before it renews still has a year left."""
    assert LEAF_VALIDITY >= 3 * LONGEST_OFFLINE
    assert timedelta(days=365) <= LEAF_VALIDITY / 3


def test_repeated_requests_are_answered_the_same(cloud: SigningCloud) -> None:
    """A lost answer costs nothing: the same certificate, the same token, registered once."""
    offer, key = cloud.offer(), new_key()
    asked = claim_csr(key, offer.row.claim_id, offer.code)

    first, second = accepted(cloud.create(asked)), accepted(cloud.create(asked))
    token = first.certificate_ownership_token
    registered = [cloud.register(offer.row.claim_id, token) for _ in range(2)]
    third = accepted(cloud.create(asked))

    assert first == second == third
    assert registered == [RegisterAccepted("hub-a")] * 2
    assert len(cloud.records()) == 1


def test_overheard_token_is_worth_nothing_to_another(cloud: SigningCloud) -> None:
    """Another claimant hears the answer and is faster: the token is the asker's alone."""
    offer, other = cloud.offer("hub-a"), cloud.offer("hub-b")
    created = accepted(cloud.create(claim_csr(new_key(), offer.row.claim_id, offer.code)))
    token = created.certificate_ownership_token

    raced = [cloud.register(name, token) for name in (other.row.claim_id, "hub-b", "hub-a", "")]
    registered = cloud.register(offer.row.claim_id, token)

    assert {refused(answer) for answer in raced} == {"bad-token"}
    assert registered == RegisterAccepted("hub-a")


@pytest.mark.parametrize("token", ["", "x", "A" * 43])
def test_made_up_token_is_refused(cloud: SigningCloud, token: str) -> None:
    """Nor does the empty one find certificates that never had one."""
    cloud.authority.issue("hub-a")
    cloud.provision("hub-b")
    with cloud.database.writing() as connection:
        cloud.enrolment.adopt(connection, "hub-a", cloud.now_ms)

    assert refused(cloud.register("hub-a", token)) == "bad-token"


def test_used_claim_brings_in_no_other_hub(cloud: SigningCloud) -> None:
    """Once its hub is registered, another key is refused though its proof is right."""
    offer, key = cloud.offer(), new_key()
    asked = claim_csr(key, offer.row.claim_id, offer.code)
    token = accepted(cloud.create(asked)).certificate_ownership_token
    cloud.register(offer.row.claim_id, token)

    replayed = cloud.create(claim_csr(new_key(), offer.row.claim_id, offer.code))

    assert refused(replayed) == "claim-used"


def test_two_keys_of_one_claim_race_and_one_is_barred(cloud: SigningCloud) -> None:
    """Whichever registers first is the hub; what the other has is put on the list."""
    offer = cloud.offer()
    first, second = (
        accepted(cloud.create(claim_csr(new_key(), offer.row.claim_id, offer.code)))
        for _ in range(2)
    )

    won = cloud.register(offer.row.claim_id, second.certificate_ownership_token)
    lost = cloud.register(offer.row.claim_id, first.certificate_ownership_token)

    assert won == RegisterAccepted("hub-a")
    assert refused(lost) == "bad-token"
    assert sorted(record.status for record in cloud.records()) == ["active", "superseded"]


def test_keys_of_one_asker_are_bounded(cloud: SigningCloud) -> None:
    """A claim that asks for ever gets five certificates and no more."""
    offer = cloud.offer()

    answers = [
        cloud.create(claim_csr(new_key(), offer.row.claim_id, offer.code))
        for _ in range(MAX_PENDING + 1)
    ]

    assert refused(answers.pop()) == "too-many-requests"
    assert all(accepted(answer) for answer in answers)


def test_expired_claim_gets_nothing(cloud: SigningCloud) -> None:
    """Also where its session with the broker, which looks only once, is still open."""
    offer = cloud.offer(minutes=1)
    cloud.pass_ms(MS_PER_MINUTE)

    answer = cloud.create(claim_csr(new_key(), offer.row.claim_id, offer.code))

    assert refused(answer) == "claim-expired"


def test_token_lasts_minutes_and_is_given_anew_for_the_same_key(cloud: SigningCloud) -> None:
    """A hub that was off for longer asks with its CSR again and goes on."""
    offer, key = cloud.offer(minutes=60), new_key()
    asked = claim_csr(key, offer.row.claim_id, offer.code)
    old = accepted(cloud.create(asked))
    cloud.pass_ms(TOKEN_MS)

    late = cloud.register(offer.row.claim_id, old.certificate_ownership_token)
    new = accepted(cloud.create(asked))

    assert refused(late) == "bad-token"
    assert new.certificate_pem == old.certificate_pem
    assert cloud.register(offer.row.claim_id, new.certificate_ownership_token) == (
        RegisterAccepted("hub-a")
    )


def test_unregistered_certificate_is_barred_after_a_day(cloud: SigningCloud) -> None:
    """The broker would take it: what nobody registered must not lie about for three years."""
    offer = cloud.offer(minutes=60)
    accepted(cloud.create(claim_csr(new_key(), offer.row.claim_id, offer.code)))
    cloud.pass_ms(PENDING_MS)

    with cloud.database.writing() as connection:
        barred = bar_unregistered(connection, cloud.now_ms)

    assert barred == 1
    assert [record.status for record in cloud.records()] == [Status.SUPERSEDED]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("claim-0000000000000000", "no claim has that name"),
        ("hub-b", "no certificate of that name"),
        ("cloud-ingest", "reserved"),
        ("hub/b", "topic level"),
        ("", "not the asker's name alone"),
    ],
)
def test_csr_in_anothers_name_is_refused(cloud: SigningCloud, name: str, reason: str) -> None:
    """Of a claim or a hub that is not the asker, of a service, of nobody."""
    cloud.provision("hub-b")
    offer, key = cloud.offer("hub-a"), new_key()

    answer = cloud.create(claim_csr(key, name, offer.code))

    assert refused(answer) == "bad-csr"
    assert isinstance(answer, Refusal)
    assert reason in answer.reason
    assert answer.key_id == key_id_of(key_der(key))


def test_wrong_proof_names_the_key_that_is_refused(cloud: SigningCloud) -> None:
    """Every asker hears every refusal: only the holder of the key may take it for its own."""
    offer, key = cloud.offer(), new_key()

    answer = cloud.create(claim_csr(key, offer.row.claim_id, "0" * 20))

    assert isinstance(answer, Refusal)
    assert answer.rejected().key_id == key_id_of(key_der(key))
    assert (answer.rejected().status_code, answer.rejected().error_code) == (
        400,
        "InvalidCertificateSigningRequest",
    )


@pytest.mark.parametrize("payload", [b"", b"{}", b"\xff", b"[" * 5_000, b"x" * 20_000])
def test_bytes_that_are_no_request_are_refused_without_a_key(
    cloud: SigningCloud, payload: bytes
) -> None:
    """Nobody's key: no hub takes it for its own."""
    with cloud.database.writing() as connection:
        created = cloud.enrolment.create(connection, payload, cloud.now_ms)
        registered = cloud.enrolment.register(connection, "hub-a", payload, cloud.now_ms)

    assert isinstance(created, Refusal)
    assert (created.code, created.key_id) == ("bad-csr", NO_KEY)
    assert refused(registered) == "bad-request"


def test_revoked_hub_gets_nothing(cloud: SigningCloud) -> None:
    """Not by its claim, not by its key, not by a token it has already."""
    key, _ = cloud.provision("hub-a")
    offer = cloud.offer("hub-a")
    token = accepted(cloud.create(renewal_csr(new_key(), "hub-a", key))).certificate_ownership_token
    with cloud.database.writing() as connection:
        revoke(connection, "hub-a", cloud.now_ms)

    answers = [
        cloud.create(renewal_csr(new_key(), "hub-a", key)),
        cloud.create(claim_csr(new_key(), offer.row.claim_id, offer.code)),
        cloud.register("hub-a", token),
    ]

    assert {refused(answer) for answer in answers} == {"revoked"}


def test_renewal_supersedes_only_once_the_new_certificate_is_used(cloud: SigningCloud) -> None:
    """Until the hub is known to connect with the new one, both are good."""
    key, _ = cloud.provision("hub-a")
    cloud.pass_ms(MS_PER_DAY)
    created = accepted(cloud.create(renewal_csr(new_key(), "hub-a", key)))
    cloud.register("hub-a", created.certificate_ownership_token)
    before = [record.status for record in cloud.records()]

    with cloud.database.writing() as connection:
        noted = [note_seen(connection, cloud.records()[0], cloud.now_ms)]
        noted.append(note_seen(connection, cloud.records()[1], cloud.now_ms))

    assert before == [Status.ACTIVE, Status.ACTIVE]
    assert noted == [True, True]
    assert [record.status for record in cloud.records()] == [Status.ACTIVE, Status.SUPERSEDED]


def test_key_in_use_is_not_certified_again(cloud: SigningCloud) -> None:
    """A renewal is of a new key, or it renews nothing."""
    key, _ = cloud.provision("hub-a")
    cloud.pass_ms(1_000)
    new = new_key()
    token = accepted(cloud.create(renewal_csr(new, "hub-a", key))).certificate_ownership_token
    cloud.register("hub-a", token)
    with cloud.database.writing() as connection:
        note_seen(connection, cloud.records()[0], cloud.now_ms)

    answer = cloud.create(renewal_csr(new, "hub-a", new))

    assert refused(answer) == "bad-csr"


def test_hub_with_carried_files_renews_too(cloud: SigningCloud) -> None:
    """A certificate of 'fleet issue' is taken into the rows when its hub first asks."""
    issued = cloud.authority.issue("hub-old")
    present = read_key(issued.key)
    created = accepted(cloud.create(renewal_csr(new_key(), "hub-old", present)))

    assert cloud.register("hub-old", created.certificate_ownership_token) == (
        RegisterAccepted("hub-old")
    )
    assert len(cloud.records("hub-old")) == 2


def test_hub_that_slept_past_its_certificate_renews_by_its_key(cloud: SigningCloud) -> None:
    """Years later, and again with the same answer where that one was lost."""
    key, created = cloud.provision("hub-a")
    cloud.pass_ms(LEAF_VALIDITY // timedelta(milliseconds=1) + MS_PER_DAY)
    asked = renewal_csr(new_key(), "hub-a", key)

    answers = []
    for _ in range(2):
        with cloud.database.writing() as connection:
            answers.append(
                cloud.enrolment.renew_late(
                    connection, "hub-a", created.certificate_id, asked, cloud.now_ms
                )
            )

    assert answers[0] == answers[1]
    assert isinstance(answers[0], str)
    assert [record.status for record in cloud.records()] == [Status.ACTIVE, Status.ACTIVE]


def test_late_renewal_is_refused_to_whom_it_must(cloud: SigningCloud) -> None:
    """Another's certificate, another's key, another name, a revoked hub, a superseded one."""
    key, created = cloud.provision("hub-a")
    other, others = cloud.provision("hub-b")
    new = new_key()

    def late(thing: str, certificate_id: str, csr: str) -> str:
        with cloud.database.writing() as connection:
            return refused(
                cloud.enrolment.renew_late(connection, thing, certificate_id, csr, cloud.now_ms)
            )

    mine = renewal_csr(new, "hub-a", key)
    codes = [
        late("hub-a", others.certificate_id, mine),
        late("hub-a", created.certificate_id, renewal_csr(new, "hub-a", other)),
        late("hub-a", created.certificate_id, renewal_csr(new, "hub-b", key)),
        late("hub-a", created.certificate_id, pem_of(csr_of(new, "hub-a"))),
        late("hub-a", "0" * 64, mine),
    ]
    with cloud.database.writing() as connection:
        shut_out(connection, "hub-a", cloud.now_ms, cloud.enrolment)
    codes.append(late("hub-a", created.certificate_id, mine))

    superseded = "certificate-superseded"
    assert codes == [superseded, "bad-csr", "bad-csr", "bad-csr", superseded, "revoked"]


def test_every_code_is_documented_with_a_status() -> None:
    """Programs go by them: they are lower case, and each has a meaning in words."""
    for code, kind in REFUSALS.items():
        assert code == code.lower()
        assert 400 <= kind.status < 500
        assert kind.meaning
    assert csr_request("x")
