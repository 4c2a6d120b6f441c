"""The `Admission` port on our own authority, and which adapter a cloud's settings choose."""

from pathlib import Path

from cloud.config import Config
from cloud.db import Database
from cloud.fleet.authority import Authority
from cloud.fleet.desk import ClaimDesk
from cloud.fleet.exclusion import revoke_hub
from cloud.problems import NotFoundError
from cloud.registry.port import Admission, Excluded, Ticket
from shared.clock import Clock
from shared.errors import OperatorError


class SelfHostedAdmission:
    """Claims and certificates of the fleet in `fleet_dir`."""

    def __init__(
        self, config: Config, database: Database, clock: Clock, desk: ClaimDesk | None = None
    ) -> None:
        """Takes the process's desk where it has one; else one is made when it is needed."""
        self._config = config
        self._database = database
        self._clock = clock
        self._desk = desk

    def prepare(self) -> list[str]:
        """Make the authority and the services' certificates where they are missing."""
        if not self._config.fleet_dir:
            raise OperatorError("there is no fleet's folder", hint="set fleet_dir")
        folder = Path(self._config.fleet_dir)
        before = set(folder.rglob("*.crt"))
        Authority(folder, self._clock).prepare()
        return sorted(str(one.relative_to(folder)) for one in {*folder.rglob("*.crt")} - before)

    def offer(
        self,
        thing: str,
        installer: str,
        minutes: int,
        household_id: str = "",
        *,
        rejoin: bool = False,
    ) -> Ticket:
        """Make a claim; raises as `ClaimDesk.offer`."""
        if not self._config.fleet_dir:
            raise NotFoundError("this cloud gives no hub a certificate", hint="set fleet_dir")
        desk = self._desk or ClaimDesk(self._config, self._database, self._clock)
        made = desk.offer(
            household_id=household_id,
            thing=thing,
            installer=installer,
            minutes=minutes,
            rejoin=rejoin,
        )
        row = made.row
        return Ticket(
            row.thing, row.claim_id, row.household_id, row.expires_at_ms, made.code, made.text
        )

    def forget(self, thing: str) -> None:
        """End nothing: all that we keep of a hub is in the database."""

    def revoke(self, thing: str) -> Excluded:
        """Shut a hub out: ingest from now on, the broker once it has read the list."""
        return revoke_hub(self._config, self._database, self._clock, thing)


def open_admission(
    config: Config, database: Database, clock: Clock, desk: ClaimDesk | None = None
) -> Admission:
    """Choose who lets hubs in: AWS IoT Core where a region is named, else our own authority."""
    own = SelfHostedAdmission(config, database, clock, desk)
    if not config.fleet_region:
        return own
    from cloud.fleet.awsadmission import AwsAdmission  # noqa: PLC0415  # an extra
    from cloud.registry.aws import AwsRegistry  # noqa: PLC0415  # as above

    return AwsAdmission(config, AwsRegistry(config.fleet_region, clock), own, database, clock)
