"""Signed requests of hubs, for tests of the cloud's side; every part may be spoiled."""

from pathlib import Path

from agent.uplink.access import CloudAccess
from agent.uplink.signing import Signer
from cloud.fleet.authority import Authority, Credentials
from shared.clock import Clock
from shared.units import MS_PER_SECOND


class Fleet:
    """An authority in a folder, whose hubs sign by a clock of the test's."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self.clock = clock
        self.authority = Authority(directory, clock)
        self.authority.prepare()

    def headers(
        self, thing: str, path: str, body: bytes, *, off_s: int = 0, signer: Signer | None = None
    ) -> dict[str, str]:
        """Sign a request as a hub, its clock off by so much."""
        created_s = self.clock.utc_ms() // MS_PER_SECOND + off_s
        made = signer or self.signer(self.authority.issue(thing))
        return dict(made.sign(path, body, created_s))

    def signer(self, credentials: Credentials) -> Signer:
        """Make the signer of any certificate, a service's too."""
        return Signer(
            CloudAccess(
                "localhost", 1, credentials.authority, credentials.certificate, credentials.key
            )
        )
