"""The dialogue's questions: which answers are ours, and which are somebody else's."""

import asyncio

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from agent.identity.certificates import make_csr, public_der
from agent.provision.carrier import ask
from agent.provision.dialogue import RefusedError, ask_for_certificate, ask_to_register
from shared import topics
from shared.enrolment import CsrAccepted, RegisterAccepted, Rejected, key_id_of
from shared.errors import RetryableError
from tests.support.fake_fleet import EnrollingCloud

ACCEPTED = topics.accepted(topics.CREATE_FROM_CSR)
REJECTED = topics.rejected(topics.CREATE_FROM_CSR)
OURS = ec.generate_private_key(ec.SECP256R1())
THEIRS = ec.generate_private_key(ec.SECP256R1())


def answer_for(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Write the cloud's answer to whoever has this key."""
    csr = x509.load_pem_x509_csr(make_csr(key, "claim-1").encode())
    return msgspec.json.encode(CsrAccepted("token", "1", EnrollingCloud().sign(csr, "hub-1")))


def refusal(key_id: str) -> bytes:
    """Write a refusal of a key."""
    return msgspec.json.encode(Rejected(403, "AccessDenied", "no", key_id))


def test_the_certificate_of_our_key_is_taken_among_others() -> None:
    """On a plain broker everybody hears everybody's answer."""
    question = ask_for_certificate("CSR", public_der(OURS))

    assert question.hear(ACCEPTED, answer_for(THEIRS)) is None
    taken = question.hear(ACCEPTED, answer_for(OURS))

    assert taken is not None
    assert taken.certificate_ownership_token == "token"


@pytest.mark.parametrize("payload", [b"", b"{}", b"\xff", b'{"certificatePem":"no"}', b"[" * 9_000])
def test_what_cannot_be_read_is_passed_over(payload: bytes) -> None:
    """Any claimant may publish nonsense where all listen."""
    question = ask_for_certificate("CSR", public_der(OURS))

    assert question.hear(ACCEPTED, payload) is None
    assert question.hear(REJECTED, payload) is None


def test_a_refusal_of_another_key_is_not_ours() -> None:
    """It names the key it refuses."""
    question = ask_for_certificate("CSR", public_der(OURS))

    assert question.hear(REJECTED, refusal(key_id_of(public_der(THEIRS)))) is None
    with pytest.raises(RefusedError, match="AccessDenied"):
        question.hear(REJECTED, refusal(key_id_of(public_der(OURS))))


def test_a_refusal_of_aws_names_no_key_and_is_ours() -> None:
    """There an answer comes to the connection that asked."""
    with pytest.raises(RefusedError) as caught:
        ask_for_certificate("CSR", public_der(OURS)).hear(REJECTED, refusal(""))

    assert caught.value.code == "AccessDenied"


def test_registering_is_asked_on_the_templates_topic() -> None:
    """With the token and the template's parameters."""
    question = ask_to_register("fleet", "token", {"SerialNumber": "1"})
    accepted = msgspec.json.encode(RegisterAccepted("hub-1"))

    assert question.topic == "$aws/provisioning-templates/fleet/provision/json"
    assert msgspec.json.decode(question.payload) == {
        "certificateOwnershipToken": "token",
        "parameters": {"SerialNumber": "1"},
    }
    assert question.hear(question.filters[0], accepted) == RegisterAccepted("hub-1")


class SilentCarrier:
    """A broker where nobody answers, until the given question."""

    def __init__(self, answers_at: int) -> None:
        self.asked = 0
        self._answers_at = answers_at

    async def open(self) -> None:
        """Nothing to open."""

    async def subscribe(self, filters: object) -> None:
        """Nothing to note."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Count."""
        self.asked += 1

    async def hear(self) -> tuple[str, bytes]:
        """Answer, or never."""
        if self.asked < self._answers_at:
            await asyncio.Event().wait()
        return topics.accepted(topics.provision("t")), msgspec.json.encode(RegisterAccepted("h"))

    async def close(self) -> None:
        """Nothing to close."""


def test_a_question_is_asked_again_where_nobody_answers() -> None:
    """A message lost with a service that is restarted costs a moment."""
    carrier = SilentCarrier(answers_at=3)

    told = asyncio.run(ask(carrier, ask_to_register("t", "token", {}), patience_s=0.01))

    assert (told.thing_name, carrier.asked) == ("h", 3)


def test_nobody_answering_is_told_with_what_must_run() -> None:
    """The operator's device service is named."""
    with pytest.raises(RetryableError, match="nobody answered") as caught:
        asyncio.run(ask(SilentCarrier(9), ask_to_register("t", "token", {}), patience_s=0.01))

    assert "cloud devices" in caught.value.hint
