"""Let many hubs join at once, each hearing what all are answered: none gets another's identity.

`python -m tests.soak.provisioning --count 1000 --sample 20`: so many by the service's own handlers,
their steps mixed at random and every answer shown to every hub; and a sample of them on a real
broker, which then connect with what they got. `--record docs/soak.json` adds up what came of it.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.x509.oid import NameOID

from cloud.fleet.certificates import new_key
from shared import topics
from shared.enrolment import (
    CsrAccepted,
    RedeemRequest,
    RegisterAccepted,
    decode_enrolment,
)
from shared.progress import Progress
from tests.soak.record import add_run
from tests.support.device_cloud import ADDRESS, DeviceCloud
from tests.support.enrolling import (
    SigningCloud,
    claim_csr,
    csr_of,
    csr_request,
    pem_of,
    register_request,
)
from tests.support.peers import connected

SEED = 5
AT_ONCE = 50
"""Hubs whose steps are mixed: each of them hears all the others."""


class JoiningHub:
    """One hub's way in, a step a call; on the way every fourth request is sent twice."""

    def __init__(self, cloud: SigningCloud, thing: str) -> None:
        self._cloud = cloud
        self.thing = thing
        self._key = new_key()
        self._certificate: CsrAccepted | None = None
        self.registered_as = ""
        offer = cloud.offer(thing)
        claimed = cloud.desk.redeem(RedeemRequest(offer.code, pem_of(csr_of(new_key()))), ADDRESS)
        self._claim, self._code = claimed.template, offer.code

    @property
    def is_done(self) -> bool:
        """Tell whether it has been told that it is in."""
        return bool(self.registered_as)

    def next_request(self) -> tuple[str, bytes]:
        """Say what it asks next, and where."""
        if self._certificate is None:
            csr = claim_csr(self._key, self._claim, self._code)
            return topics.CREATE_FROM_CSR, csr_request(csr)
        token = self._certificate.certificate_ownership_token
        return topics.provision(self._claim), register_request(token)

    def hear(self, topic: str, payload: bytes) -> None:
        """Take what is for it: the certificate of its own key, the answer on its own template."""
        if topic == topics.accepted(topics.CREATE_FROM_CSR):
            answer = decode_enrolment(CsrAccepted, payload)
            certificate = x509.load_pem_x509_certificate(answer.certificate_pem.encode())
            if certificate.public_key() == self._key.public_key():
                self._certificate = answer
        elif topic == topics.accepted(topics.provision(self._claim)):
            self.registered_as = decode_enrolment(RegisterAccepted, payload).thing_name

    def is_itself(self) -> bool:
        """Tell whether certificate and answer are in its own name."""
        if self._certificate is None:
            return False
        certificate = x509.load_pem_x509_certificate(self._certificate.certificate_pem.encode())
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return [name.value for name in names] == [self.thing] == [self.registered_as]


def main(arguments: list[str] | None = None) -> int:
    """Run both; print what came of them; return 1 where an identity was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.provisioning", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000, help="hubs by the handlers")
    parser.add_argument("--sample", type=int, default=20, help="hubs on a real broker")
    parser.add_argument("--record", type=Path, metavar="FILE", help="add what came of it there")
    options, started_s = parser.parse_args(arguments), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hearthlink-joining-") as folder:
        wrong = join_all(Path(folder) / "bulk", options.count)
        wrong += join_over_broker(Path(folder) / "sample", options.sample)
    if options.record is not None:
        totals = {
            "hubs": options.count,
            "hubs_on_a_broker": options.sample,
            "wrong_identities": wrong,
            "seconds": round(time.monotonic() - started_s),
        }
        add_run(options.record, "provisioning", totals, [])
    return int(wrong > 0)


def join_all(folder: Path, count: int) -> int:
    """Let hubs join in groups; returns how many have a wrong identity, or none."""
    cloud, order = SigningCloud(folder), random.Random(SEED)
    progress, wrong, started_s = Progress("provisioning", count), 0, time.monotonic()
    for first in range(0, count, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, count))
        hubs = [JoiningHub(cloud, f"hub-{number:05}") for number in numbers]
        while waiting := [hub for hub in hubs if not hub.is_done]:
            hub = order.choice(waiting)
            topic, payload = hub.next_request()
            for _ in range(2 if order.random() < 0.25 else 1):
                for answer in cloud.dispatcher.answer(topic, payload, cloud.now_ms):
                    for listener in hubs:
                        listener.hear(*answer)
        wrong += sum(not hub.is_itself() for hub in hubs)
        progress.show(first + len(hubs))
    progress.close()
    took_s = max(0.001, time.monotonic() - started_s)
    cloud.close()
    print(
        f"provisioning  {count:,} hubs, {wrong} wrong identities; "
        f"{count / took_s:,.0f} hubs/s, the hubs' own keys included",
        flush=True,
    )
    return wrong


def join_over_broker(folder: Path, count: int) -> int:
    """Let hubs join on a real broker, and connect; returns how many have a wrong identity."""
    cloud, wrong, took_ms = DeviceCloud(folder), 0, 0.0
    cloud.broker.start()
    try:
        with (
            cloud.serving() as service,
            connected(cloud.broker, cloud.broker.service()) as observer,
        ):
            while not service.is_leading:
                time.sleep(0.01)
            observer.subscribe(topics.status(topics.ANY_THING))
            for number in range(count):
                thing = f"hub-{number:05}"
                started_s = time.monotonic()
                credentials = cloud.redeem(thing).provision()
                took_ms += (time.monotonic() - started_s) * 1_000
                with connected(cloud.broker, credentials, session=thing) as hub:
                    hub.publish(topics.status(thing), msgspec.json.encode(thing))
                wrong += observer.received() != (topics.status(thing), f'"{thing}"'.encode())
    finally:
        cloud.close()
    print(
        f"provisioning  {count:,} hubs on a broker, {wrong} wrong identities; "
        f"{took_ms / max(count, 1):.0f} ms each, from claim to registration",
        flush=True,
    )
    return wrong


if __name__ == "__main__":
    sys.exit(main())
