"""Which hub sent a request: its certificate, its signature, how often it calls.

Identity is the common name of a certificate that the fleet's authority signed, proved by a
signature over method, path and content (shared/hubrequests.py); nothing in a body counts. Keeps no
state but how fast each hub calls, so that any process can take any request.
"""

import binascii
import threading
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature as BadCertificateSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from fastapi import HTTPException
from http_message_signatures import (
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from shared import hubrequests
from shared.clock import Clock
from shared.errors import BadInputError, OperatorError
from shared.topics import check_hub
from shared.units import MS_PER_SECOND

MAX_REQUESTS_PER_S = 100
"""What AWS IoT Core lets one connection publish; a hub's backlog leaves at a twentieth of it."""

BURST_REQUESTS = 200
MAX_HUBS_WATCHED = 10_000
"""Hubs whose pace is remembered; the one heard of longest ago begins anew."""

MAX_CERTIFICATE_CHARS = 4_096
"""A certificate of the fleet's has under 700 bytes."""


@dataclass(frozen=True)
class HubRequest:
    """What is judged of a request; `url` needs only its path, `headers` has names in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class Sender(NamedTuple):
    """The hub that sent a request, and the certificate it showed, by fingerprint and serial."""

    thing: str
    certificate_id: str
    serial: int


Watch = Callable[[Sender], bool]
"""Told of every certificate that is shown; false where it is barred."""


class HubGate:
    """Tells which hub a request is from, or refuses it."""

    def __init__(
        self, authority_file: str, clock: Clock, watch: Watch = lambda _sender: True
    ) -> None:
        """Read what signs hubs' certificates; raises OperatorError where there is none."""
        self._clock = clock
        self._pace = _Pace()
        self._watch = watch
        try:
            self._issuers = x509.load_pem_x509_certificates(Path(authority_file).read_bytes())
        except (OSError, ValueError) as error:
            raise OperatorError(
                f"hub_ca {authority_file!r} holds no certificate: {error}",
                hint="name the fleet's ca.crt, made by 'hearthlink fleet init'",
            ) from error

    def admit(self, request: HubRequest) -> str:
        """Return the thing that sent this; raises HTTPException 401 or 429."""
        sender = self.identify(request)
        if not self._watch(sender):
            raise self._refusal("its certificate is barred")
        return sender.thing

    def identify(self, request: HubRequest, *, may_be_expired: bool = False) -> Sender:
        """Return who sent this, whether or not the certificate is barred.

        Raises as `admit`; `may_be_expired` takes a certificate whose time is over.
        """
        try:
            certificate, key_id = _read_certificate(request.headers)
            thing, key = self._check_certificate(certificate, may_be_expired=may_be_expired)
            self._check_signature(request, key, key_id)
        except (BadInputError, HTTPMessageSignaturesException) as error:
            raise self._refusal(str(error)) from error
        if not self._pace.takes(thing, self._clock.monotonic_ms()):
            raise HTTPException(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"{thing} calls more than {MAX_REQUESTS_PER_S} times a second",
                headers={"Retry-After": "1"},
            )
        return Sender(thing, key_id, certificate.serial_number)

    def _refusal(self, reason: str) -> HTTPException:
        return HTTPException(
            HTTPStatus.UNAUTHORIZED,
            f"the request is not signed by a hub of this fleet: {reason}",
            headers={
                "WWW-Authenticate": 'Signature realm="hubs"',
                hubrequests.TIME_FIELD: str(self._clock.utc_ms()),
            },
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.utc_ms() / MS_PER_SECOND, UTC)

    def _check_certificate(
        self, certificate: x509.Certificate, *, may_be_expired: bool
    ) -> tuple[str, ec.EllipticCurvePublicKey]:
        if not any(_is_issued_by(certificate, issuer) for issuer in self._issuers):
            raise BadInputError("its certificate is not of the fleet's authority")
        is_over = certificate.not_valid_after_utc < self._now() and not may_be_expired
        if is_over or self._now() < certificate.not_valid_before_utc:
            raise BadInputError("its certificate is not valid now")
        if not _is_for_clients(certificate):
            raise BadInputError("its certificate is not a client's")
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        thing = check_hub(str(names[0].value) if len(names) == 1 else "")
        key = certificate.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(
            key.curve, ec.SECP256R1
        ):
            raise BadInputError("its key is no EC key on P-256")
        return thing, key

    def _check_signature(
        self, request: HubRequest, key: ec.EllipticCurvePublicKey, key_id: str
    ) -> None:
        verifier = _Verifier(
            signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=_OneKey(key, key_id)
        )
        verifier.now = self._now()
        results = verifier.verify(
            request,
            max_age=timedelta(seconds=hubrequests.SIGNATURE_WINDOW_S),
            expect_tag=hubrequests.TAG,
            require_components=hubrequests.COMPONENTS,
            body=request.body,
        )
        if len(results) != 1:
            raise BadInputError(f"{len(results)} signatures where one belongs")


class _OneKey(HTTPSignatureKeyResolver):
    """The key of the one certificate that came with the request."""

    def __init__(self, key: ec.EllipticCurvePublicKey, key_id: str) -> None:
        self._key = key
        self._key_id = key_id

    def resolve_public_key(self, key_id: str) -> ec.EllipticCurvePublicKey:
        """Find the key; raises BadInputError for any other."""
        if key_id != self._key_id:
            raise BadInputError("keyid is not the certificate's SHA-256 fingerprint")
        return self._key


class _Verifier(HTTPMessageVerifier):
    """The library's verifier, with our clock instead of the machine's."""

    now: datetime
    max_clock_skew = timedelta(seconds=hubrequests.SIGNATURE_WINDOW_S)

    def validate_created_and_expires(
        self, sig_input: Any, max_age: timedelta | None = None
    ) -> None:
        """Refuse what was signed too long ago, or will be."""
        created_s = sig_input.params.get("created")
        if type(created_s) is not int:
            raise BadInputError("its signature does not say when it was made")
        off_s = self.now.timestamp() - created_s
        if max_age is None or abs(off_s) > max_age.total_seconds():
            raise BadInputError(f"it was signed {abs(off_s):.0f} s from this clock")


class _Pace:
    """A token bucket for each hub, by the monotonic clock; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def takes(self, thing: str, now_ms: int) -> bool:
        """Count a request; False where the hub calls too often."""
        with self._lock:
            tokens, filled_ms = self._buckets.pop(thing, (float(BURST_REQUESTS), now_ms))
            gained = max(now_ms - filled_ms, 0) * MAX_REQUESTS_PER_S / MS_PER_SECOND
            tokens = min(BURST_REQUESTS, tokens + gained)
            may_pass = tokens >= 1
            self._buckets[thing] = (tokens - may_pass, now_ms)
            if len(self._buckets) > MAX_HUBS_WATCHED:
                self._buckets.popitem(last=False)
        return may_pass


def _read_certificate(headers: Mapping[str, str]) -> tuple[x509.Certificate, str]:
    written = headers.get(hubrequests.CERTIFICATE_FIELD, "")
    if not written:
        raise BadInputError(f"the field {hubrequests.CERTIFICATE_FIELD} is missing")
    if len(written) > MAX_CERTIFICATE_CHARS or written[0] != ":" or written[-1] != ":":
        raise BadInputError(f"{hubrequests.CERTIFICATE_FIELD} is no byte sequence")
    try:
        encoded = b64decode(written[1:-1], validate=True)
        return x509.load_der_x509_certificate(encoded), hubrequests.key_id_of(encoded)
    except (binascii.Error, ValueError) as error:
        raise BadInputError(f"{hubrequests.CERTIFICATE_FIELD} holds no certificate") from error


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (BadCertificateSignature, ValueError, TypeError):
        return False
    return True


def _is_for_clients(certificate: x509.Certificate) -> bool:
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        basics = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in uses and not basics.ca
