"""Where claims are made and redeemed and late renewals answered: the API's part of the fleet.

Made once by the API's composition root, and by `hearthlink fleet claim`. Says in words and codes
what is refused; the rules are in claims.py and enrolment.py.
"""

import logging
import threading
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from cloud.config import Config
from cloud.db import Database
from cloud.fleet import claims, records
from cloud.fleet.authority import Authority
from cloud.fleet.certificates import read_certificates
from cloud.fleet.claims import ClaimRow
from cloud.fleet.crl import ListFile
from cloud.fleet.enrolment import Enrolment
from cloud.fleet.pace import ADDRESS_MS, Pace
from cloud.fleet.placing import choose_household
from cloud.fleet.records import Status
from cloud.fleet.refusals import REFUSALS, Refusal
from cloud.households.repository import lock_hub
from cloud.hubauth import HubGate, Sender
from cloud.problems import ProblemError
from shared.claims import Claim, pin_of, read_code, write_claim
from shared.clock import Clock
from shared.enrolment import RedeemAnswer, RedeemRequest
from shared.errors import BadInputError
from shared.units import MS_PER_SECOND

_log = logging.getLogger(__name__)


class Offer(NamedTuple):
    """A claim as an installer is shown it: `text` is what the QR code holds."""

    row: ClaimRow
    code: str
    text: str


class ClaimDesk:
    """Makes and redeems claims by one fleet's authority; safe to use from many threads."""

    def __init__(self, config: Config, database: Database, clock: Clock) -> None:
        """Raises OperatorError where `fleet_dir` holds no authority."""
        self._config = config
        self._database = database
        self._clock = clock
        self.authority = Authority(Path(config.fleet_dir), clock)
        self.authority.check()
        self.gate = HubGate(str(self.authority.issuer_certificate), clock)
        self._enrolment = Enrolment(self.authority)
        self._listed = ListFile(self.authority.revocations)
        self._pace = Pace()
        self._pace_lock = threading.Lock()

    def offer(
        self,
        *,
        household_id: str = "",
        thing: str = "",
        installer: str = "",
        minutes: int = claims.DEFAULT_MINUTES,
        rejoin: bool = False,
    ) -> Offer:
        """Make a claim; raises as `choose_household`, and BadInputError for what cannot be claimed.

        `rejoin` is an operator's word that the thing may have joined already, or be revoked: what
        it has is over with the claim's use. Without it such a thing is refused by ProblemError 409.
        Raises ProblemError where no broker is set that a hub could be sent to, too.
        """
        if not self._broker_host():
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "no claim can be redeemed: it is not known where hubs reach the broker",
                hint="set hub_broker_host",
            )
        thing = thing or claims.new_thing()
        with self._database.writing() as connection:
            now_ms = self._clock.utc_ms()
            refusal = None if rejoin else self._enrolment.refuse_claim(connection, thing, now_ms)
            if refusal is not None:
                raise problem_of(refusal)
            made = claims.make_claim(
                connection,
                choose_household(connection, thing, household_id),
                thing,
                now_ms,
                installer=installer,
                minutes=minutes,
            )
        return Offer(made.row, made.code, write_claim(Claim(self._host(), made.code, self._pin())))

    def redeem(self, request: RedeemRequest, address: str) -> RedeemAnswer:
        """Answer whoever has a code; raises ProblemError with a code of refusals.py."""
        self._check_pace(address)
        try:
            code = read_code(request.code)
        except BadInputError as error:
            self._note_wrong(address)
            raise problem_of(Refusal("bad-code", error.message, hint=error.hint)) from error
        now_ms = self._clock.utc_ms()
        with self._database.writing() as connection:
            answer = self._enrolment.redeem(connection, code, request.csr, now_ms)
        if isinstance(answer, Refusal):
            if answer.code in ("no-such-claim", "claim-taken"):
                self._note_wrong(address)
                _log.warning("claim refused to %s: %s", address, answer.reason)
            raise problem_of(answer)
        return RedeemAnswer(
            thing=answer.thing,
            claim_certificate=answer.certificate,
            expires_at_ms=answer.expires_at_ms,
            template=answer.claim_id,
            host=self._broker_host(),
            port=self._config.hub_broker_port,
            authority=self.authority_pem(),
        )

    def renew_late(self, sender: Sender, csr: str) -> str:
        """Give a hub whose certificate has expired another; raises ProblemError."""
        with self._database.writing() as connection:
            answer = self._enrolment.renew_late(
                connection, sender.thing, sender.certificate_id, csr, self._clock.utc_ms()
            )
        if isinstance(answer, Refusal):
            _log.warning("renewal refused to %s: %s", sender.thing, answer.reason)
            raise problem_of(answer)
        return answer

    def watch(self, sender: Sender) -> bool:
        """Tell whether a certificate may be used, and note that it is."""
        with self._database.reading() as connection:
            record = records.find_record(connection, sender.certificate_id)
        if record is None:
            # Carried as a file, or of after the backup that the database was put back from.
            return not self._listed.holds(sender.serial)
        if record.status == Status.ACTIVE and record.seen_at_ms is None:
            now_ms = self._clock.utc_ms()
            with self._database.writing() as connection:
                lock_hub(connection, sender.thing, now_ms)
                records.note_seen(connection, record, now_ms)
        # A hub that is revoked is told so further on, whatever certificate it shows.
        return record.status in (Status.ACTIVE, Status.REVOKED)

    def authority_pem(self) -> str:
        """Write what hubs are to trust."""
        return self.authority.certificate.read_text("ascii")

    def _check_pace(self, address: str) -> None:
        with self._pace_lock:
            may_try = self._pace.may_try(address, self._clock.monotonic_ms())
        if not may_try:
            raise problem_of(
                Refusal("too-many-requests", "too many wrong codes came from this address")
            )

    def _note_wrong(self, address: str) -> None:
        with self._pace_lock:
            self._pace.note_wrong(address, self._clock.monotonic_ms())

    def _broker_host(self) -> str:
        return self._config.hub_broker_host or self._config.broker_host

    def _host(self) -> str:
        return self._config.claim_host or f"{self._config.api_host}:{self._config.api_port}"

    def _pin(self) -> str:
        """Write the pin where the API shows a certificate of this fleet's own authority."""
        if not self._config.api_cert:
            return ""
        root = read_certificates(self.authority.certificate)[0]
        issuer = read_certificates(self.authority.issuer_certificate)[0]
        shown = read_certificates(Path(self._config.api_cert))[0]
        try:
            shown.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            return ""
        return pin_of(root.public_bytes(Encoding.DER))


def problem_of(refusal: Refusal) -> ProblemError:
    """Write a refusal as the API's error."""
    status = REFUSALS[refusal.code].status
    is_paced = status == HTTPStatus.TOO_MANY_REQUESTS
    return ProblemError(
        status,
        refusal.reason,
        hint=refusal.hint,
        code=refusal.code,
        headers={"Retry-After": str(ADDRESS_MS // MS_PER_SECOND)} if is_paced else None,
    )
