"""The `Admission` port on AWS IoT Core: AWS makes claims and certificates, our ingest is told too.

Owns no call of its own to AWS; cloud/registry/aws.py does.
"""

from typing import Protocol

import msgspec
from botocore.exceptions import (  # type: ignore[import-untyped]  # it ships no types
    BotoCoreError,
    ClientError,
)

from cloud.config import Config
from cloud.db import Database
from cloud.fleet.claims import check_claim, new_thing, note_bundle
from cloud.fleet.desk import problem_of
from cloud.fleet.placing import choose_household
from cloud.fleet.succession import has_joined
from cloud.registry import awspolicy
from cloud.registry.aws import AwsRegistry
from cloud.registry.awspolicy import Account
from cloud.registry.port import Excluded, Ticket
from shared.clock import Clock
from shared.enrolment import RedeemAnswer
from shared.errors import OperatorError

AWS_PORT = 8883
ARN_PARTS = 6
CREDENTIALS_HINT = "give AWS credentials as every AWS tool takes them, and check fleet_region"


class Ingest(Protocol):
    """Who keeps our own ingest from hearing a hub."""

    def revoke(self, thing: str) -> Excluded:
        """Shut a hub out."""


class AwsAdmission:
    """Claims and certificates of one AWS account and region."""

    def __init__(
        self,
        config: Config,
        registry: AwsRegistry,
        ingest: Ingest,
        database: Database,
        clock: Clock,
    ) -> None:
        self._config = config
        self._registry = registry
        self._ingest = ingest
        self._database = database
        self._clock = clock

    def prepare(self) -> list[str]:
        """Make the hubs' policy and the provisioning templates where they are missing."""
        try:
            return self._registry.prepare(account_of(self._config))
        except (ClientError, BotoCoreError) as error:
            raise _refused(error) from error

    def offer(
        self,
        thing: str,
        installer: str,
        minutes: int,
        household_id: str = "",
        *,
        rejoin: bool = False,
    ) -> Ticket:
        """Make a provisioning claim; AWS makes its key, and ends it after five minutes.

        `minutes` is our own authority's to choose. Household and installer are noted here, where
        the hub is placed once it is heard: AWS keeps neither. Nothing here lifts a revocation:
        'hearthlink fleet restore' does.
        """
        name = thing or new_thing()
        check_claim(name, installer, minutes)
        with self._database.reading() as connection:
            home = choose_household(connection, name, household_id)
        if not self._config.fleet_rule:
            raise OperatorError("the rule that takes frames is not set", hint="set fleet_rule")
        try:
            if not rejoin and self._registry.has_joined(name):
                raise problem_of(has_joined(name))
            made = self._registry.make_claim(name)
            host = self._registry.endpoint()
        except (ClientError, BotoCoreError) as error:
            raise _refused(error) from error
        bundle = RedeemAnswer(
            thing=name,
            claim_certificate=made.certificate_pem,
            expires_at_ms=made.expires_at_ms,
            template=awspolicy.CLAIM_TEMPLATE,
            host=host,
            port=AWS_PORT,
            authority="",
            uplink_kind="aws",
            frames_prefix=f"$aws/rules/{self._config.fleet_rule}/",
            parameters={awspolicy.PARAMETER: name},
            private_key=made.private_key_pem,
        )
        file = msgspec.json.format(msgspec.json.encode(bundle)) + b"\n"
        with self._database.writing() as connection:
            note_bundle(
                connection,
                home,
                name,
                made.certificate_id,
                self._clock.utc_ms(),
                made.expires_at_ms,
                installer=installer,
            )
        return Ticket(name, made.certificate_id, home, made.expires_at_ms, file=file)

    def forget(self, thing: str) -> None:
        """Revoke its certificates at AWS, cancel what it was asked for, and empty its shadows."""
        try:
            self._registry.revoke(thing)
            self._registry.forget(thing)
        except (ClientError, BotoCoreError) as error:
            raise _refused(error) from error

    def revoke(self, thing: str) -> Excluded:
        """Keep ingest from hearing the hub at once, then revoke its certificates at AWS."""
        done = self._ingest.revoke(thing)
        try:
            count = self._registry.revoke(thing)
        except (ClientError, BotoCoreError) as error:
            return done._replace(broker=f"AWS could not be told, do it again: {error}")
        return done._replace(broker=f"AWS: {count} certificates revoked")


def account_of(config: Config) -> Account:
    """Read the account out of the settings; raises OperatorError for what is missing."""
    named = {
        "fleet_rule": config.fleet_rule,
        "fleet_role": config.fleet_role,
        "fleet_hook": config.fleet_hook,
    }
    missing = [name for name, value in named.items() if not value]
    parts = config.fleet_role.split(":")
    if missing or len(parts) < ARN_PARTS:
        raise OperatorError(
            f"the AWS account is not described: {', '.join(missing) or 'fleet_role is no ARN'}",
            hint="set fleet_rule, fleet_role and fleet_hook (docs/how-to/aws.md)",
        )
    return Account(
        partition=parts[1],
        region=config.fleet_region,
        number=parts[4],
        rule=config.fleet_rule,
        provisioning_role=config.fleet_role,
        hook=config.fleet_hook,
    )


def _refused(error: Exception) -> OperatorError:
    return OperatorError(f"AWS refuses: {error}", hint=CREDENTIALS_HINT)
