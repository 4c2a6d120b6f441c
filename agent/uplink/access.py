"""Where the cloud is and the files that prove each side to the other, for every transport."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from agent.uplink.tls import KnowTime, client_context, machine_time


@dataclass(frozen=True, slots=True)
class CloudAccess:
    """The broker's or the API's address, and the certificate files.

    Without a `ca_file` the authorities that the system trusts are asked. `know_time` says by which
    time the cloud's certificate is judged.
    """

    host: str
    port: int
    ca_file: Path | None
    certificate_file: Path
    key_file: Path
    frames_prefix: str = ""
    know_time: KnowTime = machine_time

    def tls_context(self) -> ssl.SSLContext:
        """Trust the authority and show the hub's certificate; raises as `client_context` does."""
        return client_context(self.ca_file, self.certificate_file, self.key_file, self.know_time)
