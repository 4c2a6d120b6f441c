"""The device service on a real broker: hubs join, nobody joins as another, the revoked are cut."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from sqlalchemy import select

from cloud.fleet.certificates import Span, make_leaf, new_key, pem, read_certificates, read_key
from cloud.fleet.devices import DeviceService, subscriptions
from cloud.fleet.dispatch import Answers
from cloud.fleet.lanes import MAX_OF_ONE
from cloud.fleet.leases import MAX_AHEAD_MS
from cloud.fleet.records import Status
from cloud.fleet.revocation import shut_out
from cloud.fleettables import leases
from cloud.ingest.worker import IngestWorker
from shared import topics
from shared.enrolment import (
    CsrAccepted,
    RegisterAccepted,
    Rejected,
    key_id_of,
)
from tests.support.cloud import payload_of, samples_of
from tests.support.device_cloud import (
    DeviceCloud,
    answer_to,
    health,
    listen,
    register,
    until,
)
from tests.support.enrolling import claim_csr, csr_request, key_der, renewal_csr
from tests.support.peers import SUCCESS, connected

ROOT = Path(__file__).parents[3]
RUN = "import sys; from cloud.cli import run; sys.exit(run(sys.argv[1:]))"
NOT_AUTHORIZED = 0x87
REFUSAL = "hub-|claim-|SSL|reset"
REVOCATION_S_MAX = 30.0
"""Generous for a busy machine; what it takes is printed, a second or two."""

pytestmark = pytest.mark.slow


@pytest.fixture(name="cloud", scope="module")
def _cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeviceCloud]:
    cloud = DeviceCloud(tmp_path_factory.mktemp("devices"))
    cloud.broker.start()
    yield cloud
    cloud.close()


@pytest.fixture(name="service", scope="module")
def _service(cloud: DeviceCloud) -> Iterator[DeviceService]:
    with cloud.serving() as service:
        until(lambda: service.is_leading)
        yield service


def test_hub_joins_by_a_claim_and_speaks_as_itself(
    cloud: DeviceCloud, service: DeviceService
) -> None:
    """From the code to the first message on its own topics."""
    hub = cloud.redeem("hub-join").provision()

    with (
        connected(cloud.broker, cloud.broker.service()) as observer,
        connected(cloud.broker, hub, session="hub-join") as peer,
    ):
        observer.subscribe(topics.frames(topics.ANY_THING))
        code = peer.publish(topics.frames("hub-join"), b"first")
        heard = observer.received()

    assert code == SUCCESS
    assert heard == (topics.frames("hub-join"), b"first")
    assert service.counts["answered"] >= 2


def test_claimant_who_overhears_an_answer_gains_nothing(
    cloud: DeviceCloud, service: DeviceService
) -> None:
    """It hears certificate and token, and can register neither: not as itself, not as the other."""
    victim, thief = cloud.redeem("hub-victim"), cloud.redeem("hub-thief")
    with (
        connected(cloud.broker, victim.credentials, session=victim.name) as hub,
        connected(cloud.broker, thief.credentials, session=thief.name) as spy,
    ):
        listen(hub, victim.name)
        listen(spy, thief.name)
        listen(spy, victim.name)
        mine = victim.create(hub)
        overheard = answer_to(spy, topics.CREATE_FROM_CSR, CsrAccepted)

        as_itself = register(spy, thief.name, overheard.certificate_ownership_token)
        as_victim = spy.publish(
            topics.provision(victim.name),
            b'{"certificateOwnershipToken":"%s"}' % mine.certificate_ownership_token.encode(),
        )
        registered = register(hub, victim.name, mine.certificate_ownership_token)
        hub.publish(topics.CREATE_FROM_CSR, victim.csr())
        told = answer_to(spy, topics.CREATE_FROM_CSR, CsrAccepted)

    assert overheard == mine == told
    assert isinstance(as_itself, Rejected)
    assert as_itself.error_code == "InvalidCertificateOwnershipToken"
    assert as_victim == NOT_AUTHORIZED
    assert registered == RegisterAccepted("hub-victim")
    assert spy.messages.empty(), "what is answered to another's registration is not delivered"


def test_csr_in_anothers_name_is_refused_over_the_broker(
    cloud: DeviceCloud, service: DeviceService
) -> None:
    """A claimant that names another claim, a hub that names another hub."""
    mine, other = cloud.redeem("hub-mine"), cloud.redeem("hub-other")
    key = new_key()
    with connected(cloud.broker, mine.credentials, session=mine.name) as peer:
        listen(peer, mine.name)
        peer.publish(topics.CREATE_FROM_CSR, csr_request(claim_csr(key, other.name, mine.code)))
        refused = answer_to(peer, topics.CREATE_FROM_CSR, CsrAccepted)
        peer.publish(topics.CREATE_FROM_CSR, csr_request(renewal_csr(key, "hub-join", new_key())))
        renewed = answer_to(peer, topics.CREATE_FROM_CSR, CsrAccepted)

    for answer in (refused, renewed):
        assert isinstance(answer, Rejected)
        assert answer.key_id == key_id_of(key_der(key))


def test_claim_may_provision_and_no_more(cloud: DeviceCloud, service: DeviceService) -> None:
    """The broker carries its frames and shadows, by pattern; the cloud takes neither."""
    claimant = cloud.redeem("hub-claimant")
    worker = IngestWorker(cloud.signing.config, cloud.signing.database, cloud.signing.clock)
    before = service.counts["bad-messages"]
    with connected(cloud.broker, claimant.credentials, session=claimant.name) as peer:
        foreign = [
            peer.publish(topics.frames("hub-join"), b"x"),
            peer.publish(topics.shadow_update("hub-join", "health"), b"{}"),
            peer.publish(topics.accepted(topics.CREATE_FROM_CSR), b"{}"),
            peer.publish(topics.receipts("hub-join"), b"{}"),
        ]
        peer.publish(topics.shadow_update(claimant.name, "health"), b"{}")
        until(lambda: service.counts["bad-messages"] > before)

    worker.receive(topics.frames(claimant.name), payload_of(samples_of(1, 5)))
    worker.receive(topics.hello("cloud-api"), b"{}")

    assert foreign == [NOT_AUTHORIZED] * 4
    assert worker.counts["bad-topic"] == 2


def test_hub_renews_over_its_own_connection(cloud: DeviceCloud, service: DeviceService) -> None:
    """A new key, proved by the present one; the old certificate is over once the new is in use."""
    old = cloud.redeem("hub-renew").provision()
    new, present = new_key(), read_key(old.key)
    with connected(cloud.broker, old, session="hub-renew") as peer:
        listen(peer, "hub-renew")
        peer.publish(topics.CREATE_FROM_CSR, csr_request(renewal_csr(new, "hub-renew", present)))
        created = answer_to(peer, topics.CREATE_FROM_CSR, CsrAccepted)
        assert isinstance(created, CsrAccepted)
        register(peer, "hub-renew", created.certificate_ownership_token)
    between = [one.status for one in cloud.signing.records("hub-renew")]

    renewed = cloud.credentials("hub-renew-new", new, created.certificate_pem)
    expiry = read_certificates(renewed.certificate)[0].not_valid_after_utc
    with connected(cloud.broker, renewed, session="hub-renew") as peer:
        peer.publish(
            topics.shadow_update("hub-renew", topics.HEALTH_SHADOW),
            health(int(expiry.timestamp()) * 1_000),
        )
        until(lambda: Status.SUPERSEDED in statuses(cloud, "hub-renew"))

    assert between == [Status.ACTIVE, Status.ACTIVE]
    until(lambda: refuses(cloud, old, "hub-renew"))


def statuses(cloud: DeviceCloud, thing: str) -> list[str]:
    """List how a thing's certificates stand."""
    return [one.status for one in cloud.signing.records(thing)]


def refuses(cloud: DeviceCloud, credentials: object, session: str) -> bool:
    """Tell whether the broker refuses a certificate."""
    try:
        with connected(cloud.broker, credentials, session=session):  # type: ignore[arg-type]
            return False
    except OSError:
        return True


def test_revoked_hub_is_cut_off_and_refused_within_seconds(
    cloud: DeviceCloud, service: DeviceService
) -> None:
    """Its open connection ends, and no new one begins; nobody restarts anything."""
    hub = cloud.redeem("hub-stolen").provision()
    with connected(cloud.broker, hub, session="hub-stolen") as peer:
        start = time.monotonic()
        with cloud.signing.database.writing() as connection:
            now_ms = cloud.signing.now_ms
            shut_out(connection, "hub-stolen", now_ms, cloud.signing.enrolment)

        until(lambda: not peer.client.is_connected(), REVOCATION_S_MAX)
        cut_s = time.monotonic() - start
        until(lambda: refuses(cloud, hub, "hub-stolen"), REVOCATION_S_MAX)
        refused_s = time.monotonic() - start

    assert refused_s <= REVOCATION_S_MAX
    print(f"cut after {cut_s:.2f} s, refused after {refused_s:.2f} s")


@pytest.mark.parametrize(
    ("start_days", "end_days"), [(-3, -1), (1, 3)], ids=["expired", "not-yet-valid"]
)
def test_certificate_out_of_its_time_is_refused(
    cloud: DeviceCloud, start_days: int, end_days: int
) -> None:
    """Of our own authority, and for the right name."""
    now, key = datetime.now(UTC), new_key()
    span = Span(now + timedelta(days=start_days), now + timedelta(days=end_days))
    made = make_leaf("hub-time", key.public_key(), span, cloud.broker.authority.issuer())
    credentials = cloud.credentials(f"hub-time{start_days}", key, pem(made).decode())

    with pytest.raises(OSError, match=REFUSAL), connected(cloud.broker, credentials):
        pass


def test_broker_with_an_expired_list_refuses_everyone(tmp_path: Path) -> None:
    """Why its age is told; the service writes it anew before anything else, and all get in."""
    cloud = DeviceCloud(tmp_path)
    hub = cloud.broker.issue("hub-a")
    issuer, now = cloud.broker.authority.issuer(), datetime.now(UTC)
    expired = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now - timedelta(days=31))
        .next_update(now - timedelta(days=1))
        .add_extension(x509.CRLNumber(1), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )
    path = cloud.broker.authority.revocations
    path.write_bytes(expired.public_bytes(serialization.Encoding.PEM))
    cloud.broker.start()
    try:
        with pytest.raises(OSError, match=REFUSAL), connected(cloud.broker, hub):
            pass
        with cloud.serving():
            until(lambda: not refuses(cloud, hub, ""))
    finally:
        cloud.close()


def test_fleet_with_its_root_offline_works_the_same(tmp_path: Path) -> None:
    """The issuer's certificate follows each hub's, and the list is the issuer's."""
    cloud = DeviceCloud(tmp_path, root=tmp_path / "root")
    (tmp_path / "root").rename(tmp_path / "taken-away")
    cloud.broker.start()
    try:
        with cloud.serving() as service:
            until(lambda: service.is_leading)
            kept, lost = (cloud.redeem(thing).provision() for thing in ("hub-kept", "hub-lost"))
            with cloud.signing.database.writing() as connection:
                shut_out(connection, "hub-lost", cloud.signing.now_ms, cloud.signing.enrolment)
            until(lambda: refuses(cloud, lost, "hub-lost"))

            with connected(cloud.broker, kept, session="hub-kept") as hub:
                assert hub.client.is_connected()
        assert len(read_certificates(kept.certificate)) == 2
    finally:
        cloud.close()


def test_service_ends_on_sigterm(tmp_path: Path) -> None:
    """As a process: it takes the lease, and gives it up with status 0."""
    cloud = DeviceCloud(tmp_path)
    cloud.broker.start()
    names = ("state_dir", "fleet_dir", "broker_host", "broker_port", "broker_ca", "broker_cert")
    environment = {
        f"HEARTHLINK_CLOUD_{name.upper()}": str(getattr(cloud.signing.config, name))
        for name in (*names, "broker_key")
    }
    words = [sys.executable, "-c", RUN, "devices"]
    process = subprocess.Popen(words, env={**os.environ, **environment, "PYTHONPATH": str(ROOT)})
    try:
        until(lambda: lease_ends_ms(cloud) > 0, 30.0)
        process.send_signal(signal.SIGTERM)

        assert process.wait(30.0) == 0
        assert lease_ends_ms(cloud) == 0
    finally:
        process.kill()
        process.wait()
        cloud.close()


def lease_ends_ms(cloud: DeviceCloud) -> int:
    """Read until when a process holds the lease."""
    with cloud.signing.database.reading() as connection:
        ends = connection.execute(select(leases.c.expires_at_ms)).scalar_one_or_none()
    return int(ends or 0)


def test_what_keeps_failing_is_logged_once_an_hour(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker that cannot be told, a list that cannot be written: said, counted, tried again."""
    cloud = DeviceCloud(tmp_path)
    service = DeviceService(cloud.signing.config, cloud.signing.database, cloud.signing.clock, {})

    with cloud.signing.database.writing() as connection:
        shut_out(connection, "hub-a", cloud.signing.now_ms, None)
    for _ in range(3):
        service._tick()

    assert service.counts["cut"] == 0
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
    assert "broker_reload" in caplog.text
    assert service.counts["failed-revocation-list"] == 3
    cloud.close()


def test_handler_that_fails_ends_nothing(tmp_path: Path) -> None:
    """One request is given up and counted; so is what comes while another process leads."""
    cloud = DeviceCloud(tmp_path)
    broken = ZeroDivisionError("a mistake of ours")

    def handle(_thing: str, _topic: str, _payload: bytes, _now_ms: int) -> Answers:
        raise broken

    handlers = {"jobs": handle}
    signing = cloud.signing
    service = DeviceService(signing.config, signing.database, signing.clock, handlers)
    asked = "$aws/things/hub-a/jobs/get"

    service.receive(asked, b"")
    service._tick()
    for _ in range(MAX_OF_ONE + 1):
        service.receive(asked, b"")
    service._work(0.1)
    service._leads_until_ms = 0
    service._work(0.1)

    assert service.counts["failed-messages"] == 1
    assert service.counts["dropped"] == 1
    assert service.counts["standing-by"] == 2
    cloud.close()


def test_one_hubs_flood_leaves_the_others_their_turn(tmp_path: Path) -> None:
    """A hub that asks without end is refused what is too much; another is answered next."""
    cloud = DeviceCloud(tmp_path)
    heard: list[str] = []

    def handle(thing: str, _topic: str, _payload: bytes, _now_ms: int) -> Answers:
        heard.append(thing)
        return []

    signing = cloud.signing
    service = DeviceService(signing.config, signing.database, signing.clock, {"jobs": handle})
    service._tick()

    for _ in range(10 * MAX_OF_ONE):
        service.receive(topics.job_start_next("hub-loud"), b"{}")
    service.receive(topics.job_start_next("hub-quiet"), b"{}")
    for _ in range(2):
        service._work(0.1)
        service._tick()

    assert heard == ["hub-loud", "hub-quiet"]
    assert service.counts["dropped"] == 9 * MAX_OF_ONE
    assert service.counts["throttled"] == 1
    cloud.close()


def test_two_processes_answer_once_and_one_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second stands by; when the first ends it answers, without waiting the lease out."""
    for module in ("devices", "leases"):
        monkeypatch.setattr(f"cloud.fleet.{module}.LEASE_MS", MAX_AHEAD_MS)
    cloud = DeviceCloud(tmp_path)
    cloud.broker.start()
    calls: list[str] = []

    def handle(thing: str, topic: str, _payload: bytes, _now_ms: int) -> Answers:
        calls.append(thing)
        return [(topics.accepted(topic), b"{}")]

    try:
        hub = cloud.broker.issue("hub-a")
        asked = topics.shadow_get("hub-a", "settings")
        with cloud.serving({"shadow": handle}) as first:
            until(lambda: first.is_leading)
            with (
                cloud.serving({"shadow": handle}) as second,
                connected(cloud.broker, hub, session="hub-a") as peer,
            ):
                peer.subscribe(topics.accepted(asked))
                peer.publish(asked, b"")
                answered = peer.received()
                until(lambda: second.counts["standing-by"] == 1)
                first.stop()
                until(lambda: second.is_leading)
                peer.publish(asked, b"")
                again = peer.received()
        assert answered == again == (topics.accepted(asked), b"{}")
        assert calls == ["hub-a", "hub-a"]
        assert (first.counts["answered"], second.counts["answered"]) == (1, 1)
    finally:
        cloud.close()


def test_service_hears_requests_and_none_of_its_answers() -> None:
    """Answers match no subscription, and a connection does not hear itself besides."""
    filters = [one.topic_filter for one in subscriptions()]

    assert all(one.is_no_local for one in subscriptions())
    for topic in (
        topics.accepted(topics.CREATE_FROM_CSR),
        topics.rejected(topics.provision("claim-1")),
        topics.shadow_get_accepted("hub-a", "settings"),
        topics.shadow_delta("hub-a", "settings"),
        topics.jobs_notify_next("hub-a"),
        topics.accepted(topics.job_update("hub-a", "job-1")),
    ):
        assert not any(matches(one, topic) for one in filters)


def matches(topic_filter: str, topic: str) -> bool:
    """Match a topic against a filter without '#'."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    return len(wanted) == len(levels) and all(
        one in ("+", level) for one, level in zip(wanted, levels, strict=True)
    )
