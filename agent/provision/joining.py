"""How a hub joins a cloud: a claim becomes a one-time identity, and that the hub's own.

`join` may be called again after any interruption, with the same claim or none, and goes on.
"""

import hashlib
from pathlib import Path

import msgspec

from agent.identity.certificates import make_csr, public_der, read_facts
from agent.identity.files import make_folder, remove, write_whole
from agent.identity.folder import AUTHORITY, CLAIM_CERTIFICATE
from agent.identity.keys import FileKeyStore
from agent.identity.place import Journal, Place, Purpose, Step
from agent.provision.carrier import opened
from agent.provision.enrolment import Tools, enrol, folder_of, place_of, settle
from agent.provision.steps import Shown
from agent.uplink.access import CloudAccess
from agent.uplink.kinds import UplinkKind
from shared.claims import claim_key, read_claim
from shared.enrolment import RedeemAnswer, claim_proof
from shared.errors import BadInputError, OperatorError

CLAIM_KEY = "claim.key"
CLAIM_KEYS = FileKeyStore(CLAIM_KEY)
"""A claim's key lives minutes: it is a file, also where the hub's own is in a token."""

BUNDLE = "bundle:"
"""Stands in the journal for a claim that is no text, with what its files are known by."""

Ticket = str | RedeemAnswer


async def join(tools: Tools, ticket: Ticket | None, host: str = "") -> Place:
    """Join the cloud that the claim is of; without one go on with what was begun.

    Raises OperatorError where a person must act (another claim, another cloud), RetryableError
    where the same call may succeed later.
    """
    with tools.identity.held():
        journal = _begin(tools, ticket)
        if journal.folder == tools.identity.current_name():
            # Cut after the swap: only the tidying is left.
            return _finish(tools)
        if journal.step is Step.BEGUN or _is_stale(tools, journal):
            journal = await _redeem(tools, journal, host)
        tools.tell(Shown.REDEEM)
        if journal.step is not Step.REGISTERED:
            journal = await _enrol(tools, journal, host)
        return await settle(tools, journal)


def _begin(tools: Tools, ticket: Ticket | None) -> Journal:
    identity = tools.identity
    journal = identity.journal()
    is_joining = journal is not None and journal.purpose is Purpose.JOIN
    if journal is not None and is_joining and _claim_of(ticket) in ("", journal.claim):
        return journal
    if ticket is None:
        raise OperatorError(
            "there is no claim to join a cloud with",
            hint="ask for one where the cloud is: hearthlink fleet claim",
        )
    identity.tidy()
    remove(make_folder(identity.claim_folder))
    folder = identity.begin_next()
    journal = Journal(Purpose.JOIN, Step.BEGUN, folder.name, claim=_claim_of(ticket))
    if isinstance(ticket, str):
        identity.note(journal)
        return journal
    return _take(tools, journal, ticket)


def _claim_of(ticket: Ticket | None) -> str:
    """Say by what the journal knows a claim again."""
    if isinstance(ticket, RedeemAnswer):
        return BUNDLE + hashlib.sha256(ticket.claim_certificate.encode()).hexdigest()
    return ticket or ""


def _finish(tools: Tools) -> Place:
    tools.identity.finish()
    present = tools.identity.current()
    if present is None:
        raise OperatorError("the hub has no identity", hint="provision it with a claim")
    return present.place


def _is_stale(tools: Tools, journal: Journal) -> bool:
    """Tell whether the one-time identity has run out since: the claim may be redeemed again."""
    if journal.step is Step.REGISTERED or journal.claim.startswith(BUNDLE):
        return False
    try:
        facts = read_facts((tools.identity.claim_folder / CLAIM_CERTIFICATE).read_text())
    except (OSError, BadInputError):
        return True
    return facts.expires_ms <= tools.utc_ms()


async def _redeem(tools: Tools, journal: Journal, host: str) -> Journal:
    claim = read_claim(journal.claim, host)
    # The cloud binds the claim to the first key that comes with it: it must be there again.
    key = CLAIM_KEYS.make(make_folder(tools.identity.claim_folder))
    api = tools.open_api(claim.host, claim.pin, tools.know_time)
    try:
        answer = await api.redeem(claim.code, make_csr(key, "claim"))
        return _take(tools, journal, answer, claim.host, claim.pin)
    except OperatorError:
        # This claim leads nowhere: it is not tried again, and another can be given.
        tools.identity.abandon_next()
        tools.identity.finish()
        raise


def _take(
    tools: Tools, journal: Journal, answer: RedeemAnswer, api: str = "", pin: str = ""
) -> Journal:
    """Write down what a claim was redeemed for; raises OperatorError for what is of no use here."""
    if answer.uplink_kind not in list(UplinkKind):
        raise OperatorError(
            f"this cloud is reached by {answer.uplink_kind!r}, which this hub does not know",
            hint="update the hub first",
        )
    kind = UplinkKind(answer.uplink_kind)
    folder = folder_of(tools, journal)
    claim_folder = make_folder(tools.identity.claim_folder)
    if answer.private_key:
        write_whole(claim_folder / CLAIM_KEY, answer.private_key.encode())
    write_whole(claim_folder / CLAIM_CERTIFICATE, answer.claim_certificate.encode())
    if answer.authority:
        write_whole(folder / AUTHORITY, answer.authority.encode())
    is_aws = kind is UplinkKind.AWS
    place = Place(
        answer.thing,
        answer.host,
        answer.port,
        kind,
        answer.frames_prefix,
        # Self-hosted, a hub renews under its own name.
        template=answer.template if is_aws else "",
        parameters=answer.parameters if is_aws else {},
        api=api,
        pin=pin,
    )
    redeemed = msgspec.structs.replace(
        journal,
        step=Step.REDEEMED,
        template=answer.template,
        parameters=answer.parameters,
        place=place,
    )
    tools.identity.note(redeemed)
    return redeemed


async def _enrol(tools: Tools, journal: Journal, host: str) -> Journal:
    claim_folder, folder = tools.identity.claim_folder, folder_of(tools, journal)
    name = read_facts((claim_folder / CLAIM_CERTIFICATE).read_text()).name
    key = tools.identity.keys.make(folder)
    tools.tell(Shown.KEY)
    proof = ""
    if not journal.claim.startswith(BUNDLE):
        code = read_claim(journal.claim, host).code
        proof = claim_proof(claim_key(code), public_der(key))
    place = place_of(journal)
    access = _claim_access(tools, claim_folder, folder, place)
    async with opened(tools.open_carrier(place.kind)(name, access)) as carrier:
        tools.tell(Shown.CONNECT)
        # AWS knows who asks by the connection, and reads no proof.
        csr = make_csr(key, name, "" if place.kind is UplinkKind.AWS else proof)
        return await enrol(tools, journal, carrier, csr)


def _claim_access(tools: Tools, claim_folder: Path, folder: Path, place: Place) -> CloudAccess:
    authority = folder / AUTHORITY
    return CloudAccess(
        place.host,
        place.port,
        authority if authority.exists() else None,
        claim_folder / CLAIM_CERTIFICATE,
        CLAIM_KEYS.reach(claim_folder),
        know_time=tools.know_time,
    )
