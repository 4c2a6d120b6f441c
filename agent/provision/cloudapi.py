"""The cloud's HTTPS endpoints for claims and lapsed certificates, as a hub uses them.

TLS is always verified: by the system's trust, or where a claim has a pin, by the authority that the
pin names. Plain HTTP goes to this machine alone.
"""

import ssl
from http import HTTPStatus

import msgspec

from agent.identity.certificates import der_of
from agent.uplink.access import CloudAccess
from agent.uplink.exchange import HTTPS_PORT, Answer, Exchange, explain, problem_of
from agent.uplink.tls import KnowTime, server_context, unverified_context
from shared import enrolment, hubrequests
from shared.claims import pin_of
from shared.enrolment import (
    AuthorityAnswer,
    Message,
    RedeemAnswer,
    RedeemRequest,
    RenewAnswer,
    RenewRequest,
    decode_enrolment,
)
from shared.errors import BadInputError, OperatorError, RetryableError
from shared.units import MS_PER_SECOND

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
HTTP_PORT = 80
JSON = ("content-type", "application/json")
MAX_TIME_DIGITS = 15

TRY_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class CloudApi:
    """One cloud's API; `host` as a claim names it, HOST or HOST:PORT."""

    def __init__(self, host: str, pin: str, know_time: KnowTime) -> None:
        name, colon, port = host.rpartition(":")
        if not colon or not port.isdecimal():
            name, port = host, ""
        self._is_plain = not pin and name in LOOPBACK
        self._name = name.strip("[]")
        self._port = int(port) if port else (HTTP_PORT if self._is_plain else HTTPS_PORT)
        self._pin = pin
        self._know_time = know_time

    async def redeem(self, code: str, csr: str) -> RedeemAnswer:
        """Redeem a claim; raises OperatorError where the cloud refuses it."""
        body = msgspec.json.encode(RedeemRequest(code, csr))
        return await self._post(enrolment.REDEEM_PATH, body, RedeemAnswer, "the claim")

    async def renew(self, csr: str, access: CloudAccess, now_ms: int) -> RenewAnswer:
        """Renew by a request that the present key signs, its certificate expired or not."""
        body = msgspec.json.encode(RenewRequest(csr))
        from agent.uplink.signing import Signer  # noqa: PLC0415 (weighs 8 MB)

        signer = Signer(access)
        exchange = await self._open()
        try:
            path = enrolment.RENEW_PATH
            signed = signer.sign(path, body, now_ms // MS_PER_SECOND)
            answer = await exchange.post(path, [JSON, *signed], body)
            told = answer.headers.get(hubrequests.TIME_FIELD, "")
            if answer.status == HTTPStatus.UNAUTHORIZED and _is_time(told):
                # Our clock is off: once more by the cloud's.
                signed = signer.sign(path, body, int(told) // MS_PER_SECOND)
                answer = await exchange.post(path, [JSON, *signed], body)
        finally:
            await exchange.close()
        return self._read(answer, RenewAnswer, "to renew the certificate")

    async def _post(self, path: str, body: bytes, kind: type[Message], what: str) -> Message:
        exchange = await self._open()
        try:
            return self._read(await exchange.post(path, [JSON], body), kind, what)
        except RetryableError as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                raise OperatorError(
                    f"{exchange.address} is not trusted: {error.__cause__.verify_message}",
                    hint="use the whole claim with its pin (after #), and check the hub's clock",
                ) from error
            raise
        finally:
            await exchange.close()

    async def _open(self) -> Exchange:
        if self._is_plain:
            return Exchange(self._name, self._port, None)
        authority = await self._pinned_authority() if self._pin else ""
        context = server_context(None, self._know_time, authority)
        return Exchange(self._name, self._port, context)

    async def _pinned_authority(self) -> str:
        """Fetch the authority over a connection that proves nothing, and hold it to the pin."""
        exchange = Exchange(self._name, self._port, unverified_context())
        try:
            answer = await exchange.get(enrolment.AUTHORITY_PATH)
        finally:
            await exchange.close()
        authority = self._read(answer, AuthorityAnswer, "to name its authority").authority
        try:
            found = pin_of(der_of(authority))
        except BadInputError as error:
            raise OperatorError(f"{exchange.address} names no authority: {error.message}") from (
                error
            )
        if found != self._pin:
            raise OperatorError(
                f"{exchange.address} is not the cloud that made this claim: "
                f"its authority's pin is {found}, the claim's {self._pin}",
                hint="read the claim again; if it is right, somebody stands in between",
            )
        return authority

    def _read(self, answer: Answer, kind: type[Message], what: str) -> Message:
        address = f"{self._name}:{self._port}"
        if answer.status != HTTPStatus.OK:
            message = f"{address} refused {what}: {explain(answer)}"
            is_passing = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            if is_passing or answer.status in TRY_AGAIN:
                raise RetryableError(message)
            raise OperatorError(
                f"{address} refused {what}: "
                + (problem_of(answer).detail or f"HTTP {answer.status}"),
                hint=problem_of(answer).hint or "ask for a new claim: hearthlink fleet claim",
            )
        try:
            return decode_enrolment(kind, answer.body)
        except BadInputError as error:
            raise RetryableError(f"{address} answers what is no answer of the cloud's") from error


def _is_time(told: str) -> bool:
    return told.isdecimal() and len(told) <= MAX_TIME_DIGITS
