"""The device service on a real Mosquitto, and hubs that join over it."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from cloud.fleet.authority import Credentials
from cloud.fleet.certificates import key_pem, new_key
from cloud.fleet.devices import DeviceService, Teller
from cloud.fleet.dispatch import Handler
from shared import topics
from shared.clock import SystemClock
from shared.enrolment import (
    CsrAccepted,
    RedeemAnswer,
    RedeemRequest,
    RegisterAccepted,
    Rejected,
    decode_enrolment,
)
from tests.support.enrolling import (
    Key,
    SigningCloud,
    claim_csr,
    csr_of,
    csr_request,
    pem_of,
    register_request,
)
from tests.support.mosquitto import Broker
from tests.support.peers import Peer, connected

WAIT_S = 60.0
ADDRESS = "192.0.2.1"


class DeviceCloud:
    """A broker, and the cloud that signs for it; services are started by the test."""

    def __init__(self, directory: Path, root: Path | None = None) -> None:
        self.broker = Broker(directory / "fleet", root=root)
        devices = self.broker.service("cloud-devices")
        self.signing = SigningCloud(
            directory,
            self.broker.authority,
            SystemClock(),
            hub_broker_host=self.broker.host,
            broker_host=self.broker.host,
            broker_port=self.broker.services_port,
            hub_broker_port=self.broker.port,
            broker_ca=devices.authority,
            broker_cert=devices.certificate,
            broker_key=devices.key,
        )

    @contextmanager
    def serving(
        self, handlers: Mapping[str, Handler] | None = None, tellers: Sequence[Teller] = ()
    ) -> Iterator[DeviceService]:
        """Run a device service until the block ends; it has the lease when this returns."""
        service = DeviceService(
            self.signing.config, self.signing.database, self.signing.clock, handlers or {}, tellers
        )
        thread = threading.Thread(target=service.run, name="cloud-devices")
        thread.start()
        try:
            until(lambda: service.link.is_subscribed)
            yield service
        finally:
            service.stop()
            thread.join(WAIT_S)

    def redeem(self, thing: str) -> "Claimant":
        """Make a claim and redeem it."""
        offer, key = self.signing.offer(thing), new_key()
        request = RedeemRequest(offer.code, pem_of(csr_of(key)))
        answer = self.signing.desk.redeem(request, ADDRESS)
        return Claimant(self, answer, offer.code, key)

    def credentials(self, name: str, key: Key, certificate_pem: str) -> Credentials:
        """Write a key and its certificate where a client reads them."""
        folder = self.signing.directory / "clients"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.key").write_bytes(key_pem(key))
        (folder / f"{name}.crt").write_text(certificate_pem)
        authority = self.broker.ca
        return Credentials(name, authority, folder / f"{name}.crt", folder / f"{name}.key")

    def close(self) -> None:
        """Stop the broker and close the database."""
        self.broker.stop()
        self.signing.close()


class Claimant:
    """Who has redeemed a claim, and asks over the broker."""

    def __init__(self, cloud: DeviceCloud, answer: RedeemAnswer, code: str, key: Key) -> None:
        self.cloud = cloud
        self.answer = answer
        self.code = code
        self.name = answer.template
        self.device_key = new_key()
        self.credentials = cloud.credentials(self.name, key, answer.claim_certificate)

    def csr(self) -> bytes:
        """Write the request for this hub's key."""
        return csr_request(claim_csr(self.device_key, self.name, self.code))

    def provision(self) -> Credentials:
        """Go the whole way and return the hub's credentials."""
        with connected(self.cloud.broker, self.credentials, session=self.name) as peer:
            listen(peer, self.name)
            created = self.create(peer)
            registered = register(peer, self.name, created.certificate_ownership_token)
            assert registered == RegisterAccepted(self.answer.thing)
        return self.cloud.credentials(self.answer.thing, self.device_key, created.certificate_pem)

    def create(self, peer: Peer) -> CsrAccepted:
        """Ask for the certificate, and take the answer that holds this hub's own key."""
        peer.publish(topics.CREATE_FROM_CSR, self.csr())
        created = answer_to(peer, topics.CREATE_FROM_CSR, CsrAccepted)
        assert isinstance(created, CsrAccepted), created
        return created


def listen(peer: Peer, template: str) -> None:
    """Subscribe to what is answered to an asker."""
    for topic in (topics.CREATE_FROM_CSR, topics.provision(template)):
        peer.subscribe(topics.accepted(topic))
        peer.subscribe(topics.rejected(topic))


def register(peer: Peer, template: str, token: str) -> RegisterAccepted | Rejected:
    """Register a certificate on a template's topic."""
    topic = topics.provision(template)
    peer.publish(topic, register_request(token))
    answer: RegisterAccepted | Rejected = answer_to(peer, topic, RegisterAccepted)
    return answer


def answer_to(peer: Peer, topic: str, kind: Any) -> Any:
    """Wait for the answer to a request: of this kind, or a refusal."""
    while True:
        heard, payload = peer.received()
        if heard == topics.accepted(topic):
            return decode_enrolment(kind, payload)
        if heard == topics.rejected(topic):
            return decode_enrolment(Rejected, payload)


def until(holds: Callable[[], bool], wait_s: float = WAIT_S) -> float:
    """Wait until something holds; returns how long that took in seconds."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() - start < wait_s, "it did not come to be"
        time.sleep(0.01)
    return time.monotonic() - start


def health(not_after_ms: int) -> bytes:
    """Write a report of health with the certificate that is in use."""
    return msgspec.json.encode({"state": {"reported": {"certificate_expires_ms": not_after_ms}}})
