"""Where the cloud is and the files that prove each side to the other, for every transport."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from shared.errors import OperatorError


@dataclass(frozen=True, slots=True)
class CloudAccess:
    """The broker's or the API's address, and the certificate files.

    Without a `ca_file` the authorities that the system trusts are asked.
    """

    host: str
    port: int
    ca_file: Path | None
    certificate_file: Path
    key_file: Path
    frames_prefix: str = ""


def client_context(access: CloudAccess) -> ssl.SSLContext:
    """Trust the authority and show the hub's certificate, TLS 1.2 or later.

    Raises OperatorError where the files are not there or do not belong together.
    """
    try:
        context = ssl.create_default_context(cafile=_text(access.ca_file))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # An empty password: a locked key must be a fault, not a question at the terminal.
        context.load_cert_chain(access.certificate_file, access.key_file, "")
    except (OSError, ssl.SSLError) as error:
        raise OperatorError(
            f"the certificate files {access.ca_file or ''}, {access.certificate_file}, "
            f"{access.key_file} cannot be used: {error}",
            hint="check that they exist, are readable by this user, and belong together",
        ) from error
    return context


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
