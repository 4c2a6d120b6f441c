"""Claims over HTTPS: whom the hub believes, by which time, and what it makes of refusals."""

import asyncio
import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agent.floor import RELEASED_MS, KnownTime
from agent.identity.certificates import der_of
from agent.provision.cloudapi import CloudApi
from agent.uplink.tls import KnowTime, machine_time
from cloud.fleet.authority import Authority
from shared import enrolment
from shared.claims import pin_of
from shared.clock import SystemClock
from shared.enrolment import AuthorityAnswer, RedeemAnswer
from shared.errors import HearthlinkError, OperatorError, RetryableError
from tests.support.small_server import Answers, small_server

ANSWER = RedeemAnswer("hub-1", "PEM", 1, "claim-1", "localhost", 8883, "PEM")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The cloud's authority, which no system trusts."""
    made = Authority(tmp_path_factory.mktemp("fleet"), SystemClock())
    made.prepare()
    return made


@pytest.fixture
def answers(authority: Authority) -> Answers:
    """What the cloud answers."""
    told = AuthorityAnswer(authority.certificate.read_text())
    return {
        enrolment.AUTHORITY_PATH: (200, msgspec.json.encode(told)),
        enrolment.REDEEM_PATH: (200, msgspec.json.encode(ANSWER)),
    }


@pytest.fixture
def cloud(authority: Authority, answers: Answers) -> Iterator[tuple[int, list[bytes]]]:
    """The cloud's API over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server.certificate, authority.server.key)
    with small_server(answers, context) as served:
        yield served


def pin(authority: Authority) -> str:
    """Read the authority's pin."""
    return pin_of(der_of(authority.certificate.read_text()))


def redeem(host: str, pinned: str, know_time: KnowTime = machine_time) -> RedeemAnswer:
    """Redeem a claim."""
    return asyncio.run(CloudApi(host, pinned, know_time).redeem("CODE", "CSR"))


def test_a_pin_makes_an_unknown_authority_known(
    cloud: tuple[int, list[bytes]], authority: Authority
) -> None:
    """The authority is fetched, held to the pin, and then believed; the code goes out after."""
    port, bodies = cloud

    answer = redeem(f"localhost:{port}", pin(authority))

    assert answer == ANSWER
    assert bodies == [b"", b'{"code":"CODE","csr":"CSR"}']


def test_a_wrong_pin_stops_before_the_code_is_told(
    cloud: tuple[int, list[bytes]], authority: Authority
) -> None:
    """Whoever stands in between learns nothing, and the installer is told."""
    port, bodies = cloud
    wrong = "0" + pin(authority)[1:] if pin(authority)[0] != "0" else "1" + pin(authority)[1:]

    with pytest.raises(OperatorError, match="not the cloud that made this claim") as caught:
        redeem(f"localhost:{port}", wrong)

    assert "in between" in caught.value.hint
    assert not any(b"CODE" in body for body in bodies)


def test_a_host_that_is_not_trusted_is_told_nothing(cloud: tuple[int, list[bytes]]) -> None:
    """Without a pin the system's trust decides; no code goes to a stranger."""
    port, bodies = cloud
    api = CloudApi(f"localhost:{port}", "", machine_time)
    # A name that is not loopback's would be asked over TLS: so is this one here.
    api._is_plain = False

    with pytest.raises(OperatorError, match="not trusted"):
        asyncio.run(api.redeem("CODE", "CSR"))

    assert bodies == []


def test_a_clock_in_1970_does_not_lock_the_hub_out(
    cloud: tuple[int, list[bytes]], authority: Authority
) -> None:
    """Certificates are judged by the time floor, which is only known to be past."""
    port, _ = cloud

    answer = redeem(
        f"localhost:{port}", pin(authority), lambda: KnownTime(RELEASED_MS, is_exact=False)
    )

    assert answer == ANSWER


def test_an_expired_certificate_of_the_cloud_is_not_believed_by_the_floor(
    cloud: tuple[int, list[bytes]], authority: Authority
) -> None:
    """The floor does not open what has surely expired."""
    port, _ = cloud
    far_ms = RELEASED_MS + 40 * 365 * 86_400_000

    with pytest.raises(OperatorError, match="not trusted"):
        redeem(f"localhost:{port}", pin(authority), lambda: KnownTime(far_ms, is_exact=False))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, OperatorError),
        (409, OperatorError),
        (410, OperatorError),
        (429, RetryableError),
        (503, RetryableError),
    ],
)
def test_a_refusal_says_what_the_cloud_says(status: int, kind: type[HearthlinkError]) -> None:
    """What will not change needs a person; what may pass is tried again. Loopback is plain."""
    problem = json.dumps({"detail": "this claim has expired", "hint": "make a new claim"}).encode()
    answers = {enrolment.REDEEM_PATH: (status, problem)}

    with small_server(answers) as (port, _), pytest.raises(kind, match="expired") as caught:
        redeem(f"127.0.0.1:{port}", "")

    assert "make a new claim" in str(caught.value)


def test_what_is_no_answer_is_no_claim(tmp_path: Path) -> None:
    """A captive portal answers everything with a page of its own."""
    answers = {enrolment.REDEEM_PATH: (200, b"<html>Welcome</html>")}

    with small_server(answers) as (port, _), pytest.raises(RetryableError, match="no answer"):
        redeem(f"127.0.0.1:{port}", "")
