"""What a hub or an installer is told when it gets no certificate: codes that never change. Pure."""

from http import HTTPStatus
from typing import NamedTuple

from shared.enrolment import Rejected


class Refusal(NamedTuple):
    """A request that is refused; `code` is one of `REFUSALS`, `key_id` names a refused CSR's key.

    It is returned, not raised: what it leaves behind is committed.
    """

    code: str
    reason: str
    hint: str = ""
    key_id: str = ""

    @property
    def status(self) -> HTTPStatus:
        """The HTTP status it is answered with."""
        return REFUSALS[self.code].status

    def rejected(self) -> Rejected:
        """Write it as AWS IoT's provisioning topics do."""
        said = f"{self.reason} ({self.hint})" if self.hint else self.reason
        return Rejected(int(self.status), REFUSALS[self.code].aws_code, said, self.key_id)


class _Kind(NamedTuple):
    status: HTTPStatus
    aws_code: str
    meaning: str


REFUSALS = {
    "bad-request": _Kind(HTTPStatus.BAD_REQUEST, "InvalidRequest", "the message is malformed"),
    "bad-code": _Kind(HTTPStatus.BAD_REQUEST, "InvalidRequest", "the text is no claim code"),
    "bad-csr": _Kind(
        HTTPStatus.BAD_REQUEST,
        "InvalidCertificateSigningRequest",
        "the CSR's key, form, name or proof will not do",
    ),
    "bad-token": _Kind(
        HTTPStatus.FORBIDDEN,
        "InvalidCertificateOwnershipToken",
        "the token is wrong, too old, or another asker's",
    ),
    "no-such-claim": _Kind(HTTPStatus.NOT_FOUND, "ResourceNotFound", "no claim has this code"),
    "claim-taken": _Kind(
        HTTPStatus.CONFLICT, "AccessDenied", "another key has redeemed this claim"
    ),
    "claim-expired": _Kind(HTTPStatus.GONE, "AccessDenied", "the claim's minutes are over"),
    "claim-used": _Kind(
        HTTPStatus.CONFLICT, "AccessDenied", "the claim's hub has its certificate already"
    ),
    "hub-has-joined": _Kind(
        HTTPStatus.CONFLICT, "AccessDenied", "the thing of a new claim has joined, or is revoked"
    ),
    "revoked": _Kind(HTTPStatus.FORBIDDEN, "AccessDenied", "the hub is revoked"),
    "certificate-superseded": _Kind(
        HTTPStatus.FORBIDDEN, "AccessDenied", "the certificate shown is not the hub's present one"
    ),
    "too-many-requests": _Kind(
        HTTPStatus.TOO_MANY_REQUESTS, "Throttled", "ask again later, and more slowly"
    ),
}
"""Every code, with the HTTP status and the AWS IoT error code it goes with, and what it means."""
