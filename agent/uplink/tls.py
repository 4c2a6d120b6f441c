"""TLS for a hub whose clock may be wrong: certificates are judged by the time it knows.

OpenSSL judges by the machine's clock, and the standard library cannot tell it another. Where that
clock is known to be wrong, OpenSSL is told to leave the dates alone (chain, name and signatures it
checks as ever), and the dates are judged here after the handshake, before a byte is said.
"""

import ssl
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from agent.floor import KnownTime
from shared.errors import OperatorError
from shared.units import MS_PER_SECOND

NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h; Python has no name for it."""

NOT_YET_VALID = 9
EXPIRED = 10
"""X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED of the same."""

KnowTime = Callable[[], KnownTime | None]


def machine_time() -> KnownTime | None:
    """Leave it to the machine's clock."""
    return None


def client_context(
    ca_file: Path | None,
    certificate_file: Path,
    key_file: Path,
    know_time: KnowTime = machine_time,
) -> ssl.SSLContext:
    """Make a client's context from its three files; `know_time` is asked at each connection.

    It may be asked in another thread. Without a `ca_file` the authorities that the system trusts
    are asked. Raises OperatorError for files that cannot be used.
    """
    context = _dated(know_time)
    try:
        _trust(context, ca_file)
        # An empty password: a locked key must be a fault, not a question at the terminal.
        context.load_cert_chain(certificate_file, key_file, "")
    except (OSError, ssl.SSLError) as error:
        raise OperatorError(
            f"the certificate files {ca_file or ''}, {certificate_file}, {key_file} "
            f"cannot be used: {error}",
            hint="check that they exist, are readable by this user, and belong together",
        ) from error
    return context


def server_context(
    ca_file: Path | None, know_time: KnowTime = machine_time, authority: str = ""
) -> ssl.SSLContext:
    """Make a context for a client that shows no certificate of its own.

    `authority` (PEM) is trusted in place of a file. Raises OperatorError for what cannot be used.
    """
    context = _dated(know_time)
    try:
        if authority:
            context.load_verify_locations(cadata=authority)
        else:
            _trust(context, ca_file)
    except (OSError, ssl.SSLError) as error:
        raise OperatorError(
            f"the authority's certificate {ca_file or ''} cannot be used: {error}",
            hint="check that it is a certificate in PEM, and readable by this user",
        ) from error
    return context


def unverified_context() -> ssl.SSLContext:
    """Make a context that believes any server: for fetching what is then held to a pin, alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _dated(know_time: KnowTime) -> "DatedContext":
    context = DatedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.know_time = know_time
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _trust(context: ssl.SSLContext, ca_file: Path | None) -> None:
    if ca_file is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cafile=ca_file)


def judge_dates(
    certificate: Mapping[str, Any], anchors: Iterable[Mapping[str, Any]], time: KnownTime
) -> None:
    """Raise ssl.SSLCertVerificationError for a server's certificate out of its dates.

    By a time that is only known to be past, one that has expired is refused, as is one whose every
    authority has; whether it is valid already cannot be known, and is not asked. A certificate
    between the two is judged by its signature alone.
    """
    if _expires_ms(certificate) < time.at_ms:
        raise _refusal(EXPIRED, "certificate has expired")
    if time.is_exact and _begins_ms(certificate) > time.at_ms:
        raise _refusal(NOT_YET_VALID, "certificate is not yet valid")
    if all(_expires_ms(anchor) < time.at_ms for anchor in anchors):
        raise _refusal(EXPIRED, "the authority's certificate has expired")


def _begins_ms(certificate: Mapping[str, Any]) -> int:
    return ssl.cert_time_to_seconds(certificate["notBefore"]) * MS_PER_SECOND


def _expires_ms(certificate: Mapping[str, Any]) -> int:
    return ssl.cert_time_to_seconds(certificate["notAfter"]) * MS_PER_SECOND


def _refusal(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, f"certificate verify failed: {message}")
    error.verify_code, error.verify_message = code, message
    return error


class _DatedSocket(ssl.SSLSocket):
    """A blocking socket whose handshake ends with a look at the dates."""

    def do_handshake(self, block: bool = False) -> None:
        """Make the handshake; raises ssl.SSLCertVerificationError for a certificate out of date."""
        super().do_handshake(block)
        if isinstance(self.context, DatedContext):
            self.context.judge(self.getpeercert())


class _DatedObject(ssl.SSLObject):
    """The same for asyncio, which moves the bytes itself."""

    def do_handshake(self) -> None:
        """Go on with the handshake; once it is made, look at the dates."""
        super().do_handshake()
        if isinstance(self.context, DatedContext):
            self.context.judge(self.getpeercert())


class DatedContext(ssl.SSLContext):
    """A client's context that judges dates by the time the hub knows. One connection at a time."""

    sslsocket_class = _DatedSocket
    sslobject_class = _DatedObject
    know_time: KnowTime = staticmethod(machine_time)
    _time: KnownTime | None = None

    def wrap_socket(self, *arguments: Any, **named: Any) -> ssl.SSLSocket:
        """Wrap a connected socket, judged by the time known now."""
        self._ask_time()
        return super().wrap_socket(*arguments, **named)

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        """Wrap a pair of buffers, judged by the time known now."""
        self._ask_time()
        return super().wrap_bio(*arguments, **named)

    def judge(self, certificate: Mapping[str, Any] | None) -> None:
        """Judge a server's dates where OpenSSL was told not to."""
        if self._time is not None:
            judge_dates(certificate or {}, self.get_ca_certs(), self._time)

    def _ask_time(self) -> None:
        self._time = self.know_time()
        flags = self.verify_flags & ~NO_CHECK_TIME
        self.verify_flags = flags if self._time is None else flags | NO_CHECK_TIME
