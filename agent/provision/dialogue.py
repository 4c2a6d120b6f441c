"""AWS IoT fleet provisioning as questions and answers. Pure: who asks moves the bytes.

On AWS IoT an answer comes to the connection that asked. A plain broker shows every asker every
answer: a hub takes the certificate that holds its own key, and no refusal of another's.
"""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import msgspec

from agent.identity.certificates import read_facts
from shared import topics
from shared.enrolment import (
    CsrAccepted,
    CsrRequest,
    RegisterAccepted,
    RegisterRequest,
    Rejected,
    decode_enrolment,
    key_id_of,
)
from shared.errors import BadInputError, OperatorError

Answer = TypeVar("Answer")


class RefusedError(OperatorError):
    """The cloud refused a request of ours; `code` as it names the reason."""

    def __init__(self, what: str, refusal: Rejected) -> None:
        super().__init__(
            f"the cloud refused {what}: {refusal.error_message} "
            f"({refusal.error_code}, {refusal.status_code})",
            hint="ask for a new claim, or look at the cloud's log",
        )
        self.code = refusal.error_code


class Question(Generic[Answer]):
    """One request, and how to tell its answer from everybody else's."""

    def __init__(
        self,
        what: str,
        topic: str,
        request: msgspec.Struct,
        read: Callable[[bytes], Answer | None],
        key_id: str,
    ) -> None:
        self.what = what
        self.topic = topic
        self.payload = msgspec.json.encode(request)
        self._read = read
        self._key_id = key_id

    @property
    def filters(self) -> list[str]:
        """What to subscribe to before asking."""
        return [topics.accepted(self.topic), topics.rejected(self.topic)]

    def hear(self, topic: str, payload: bytes) -> Answer | None:
        """Take a message; None where it is no answer to this question.

        Raises RefusedError where it is refused. What cannot be read is somebody else's.
        """
        try:
            if topic == topics.accepted(self.topic):
                return self._read(payload)
            if topic == topics.rejected(self.topic):
                refusal = decode_enrolment(Rejected, payload)
                if refusal.key_id in ("", self._key_id):
                    raise RefusedError(self.what, refusal)
        except BadInputError:
            pass
        return None


def ask_for_certificate(csr: str, public_key_der: bytes) -> Question[CsrAccepted]:
    """Ask for a certificate of this key (CreateCertificateFromCsr)."""

    def read(payload: bytes) -> CsrAccepted | None:
        accepted = decode_enrolment(CsrAccepted, payload)
        is_ours = read_facts(accepted.certificate_pem).public_key_der == public_key_der
        return accepted if is_ours else None

    return Question(
        "a certificate", topics.CREATE_FROM_CSR, CsrRequest(csr), read, key_id_of(public_key_der)
    )


def ask_to_register(
    template: str, token: str, parameters: Mapping[str, str]
) -> Question[RegisterAccepted]:
    """Ask for the certificate to be a thing's (RegisterThing)."""

    def read(payload: bytes) -> RegisterAccepted | None:
        return decode_enrolment(RegisterAccepted, payload)

    request = RegisterRequest(token, dict(parameters))
    return Question("to register the hub", topics.provision(template), request, read, "")
