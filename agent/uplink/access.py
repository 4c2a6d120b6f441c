"""Where the cloud is and what proves each side to the other, for every transport."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agent.uplink.tls import KnowTime, client_context, machine_time, server_context
from shared.errors import OperatorError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True, slots=True)
class TokenKeyRef:
    """A private key in a PKCS#11 token: how a library finds it, and how it is used from here."""

    module: Path
    token_label: str
    pin: str = field(repr=False)
    key_label: str
    open: "Callable[[], ec.EllipticCurvePrivateKey]"


@dataclass(frozen=True, slots=True)
class CloudAccess:
    """The broker's or the API's address, the certificate files, and where the key is.

    Without a `ca_file` the authorities that the system trusts are asked. `know_time` says by which
    time the cloud's certificate is judged. There is either a `key_file` or a `token_key`.
    """

    host: str
    port: int
    ca_file: Path | None
    certificate_file: Path
    key_file: Path | None
    frames_prefix: str = ""
    know_time: KnowTime = machine_time
    token_key: TokenKeyRef | None = None

    def tls_context(self) -> ssl.SSLContext:
        """Trust the authority and show the hub's certificate; raises as `client_context` does.

        Raises OperatorError for a key in a token, which the standard library's TLS cannot use.
        """
        if self.key_file is None:
            raise OperatorError(
                "Python's TLS cannot use a key in a PKCS#11 token: it wants a file",
                hint="set identity.key_store = 'file', and provision with a new claim",
            )
        return client_context(self.ca_file, self.certificate_file, self.key_file, self.know_time)

    def request_context(self) -> ssl.SSLContext:
        """Make the context for signed requests; a token's key signs them, and is not for TLS."""
        if self.key_file is None:
            return server_context(self.ca_file, self.know_time)
        return self.tls_context()
