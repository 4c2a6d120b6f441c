"""The part that joining and renewing share: a certificate of the next key, registered and proved.

Each step is made durable before the next begins; whatever cuts it off, the same call goes on.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from agent.identity.access import access_of
from agent.identity.certificates import public_der, read_facts
from agent.identity.files import write_whole
from agent.identity.folder import CERTIFICATE, IdentityFolder
from agent.identity.place import Journal, Place, Step
from agent.provision.carrier import Carrier, OpenCarrier, ask
from agent.provision.cloudapi import CloudApi
from agent.provision.dialogue import RefusedError, ask_for_certificate, ask_to_register
from agent.provision.steps import Shown, Tell, tell_nobody
from agent.uplink.access import CloudAccess
from agent.uplink.kinds import UplinkKind
from agent.uplink.tls import KnowTime
from shared.enrolment import RedeemAnswer, RegisterAccepted, RenewAnswer
from shared.errors import BadInputError, OperatorError, RetryableError
from shared.topics import check_thing

ROTATION_TEMPLATE = "rotation_template"
"""A template may name another by which its hubs renew (AWS, `deviceConfiguration`)."""

Prove = Callable[[Place, CloudAccess], Awaitable[None]]
"""Connects as the thing and ends again; raises RetryableError or OperatorError."""


class Api(Protocol):
    """One cloud's HTTPS endpoints; `agent.provision.cloudapi` says what is raised."""

    async def redeem(self, code: str, csr: str) -> RedeemAnswer:
        """Redeem a claim for the key of this request."""

    async def renew(self, csr: str, access: CloudAccess, now_ms: int) -> RenewAnswer:
        """Renew a certificate that may have expired."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What provisioning works with; times in UTC epoch milliseconds."""

    identity: IdentityFolder
    open_carrier: Callable[[UplinkKind], OpenCarrier]
    prove: Prove
    know_time: KnowTime
    utc_ms: Callable[[], int]
    tell: Tell = tell_nobody
    open_api: Callable[[str, str, KnowTime], Api] = CloudApi


async def enrol(tools: Tools, journal: Journal, carrier: Carrier, csr: str) -> Journal:
    """Have the next key certified and registered over an open carrier.

    Raises RefusedError, or RetryableError where the dialogue broke off; then it is gone on with.
    """
    is_resumed = journal.step is Step.CERTIFIED
    if not is_resumed:
        journal = await _certify(tools, journal, carrier, csr)
    try:
        return await _register(tools, journal, carrier)
    except RefusedError:
        if not is_resumed:
            raise
    return await _ask_again(tools, journal, carrier, csr)


async def _ask_again(tools: Tools, journal: Journal, carrier: Carrier, csr: str) -> Journal:
    """Go on where the token of before a cut is refused: it is stale, or it was used already.

    A cloud that registered the certificate may no longer know the key that asked for it: then what
    is in hand is good, which the proof will tell.
    """
    try:
        certified = await _certify(tools, journal, carrier, csr)
    except RefusedError:
        facts = read_facts((folder_of(tools, journal) / CERTIFICATE).read_text())
        thing = place_of(journal).thing or facts.name
        return note_registered(tools, journal, RegisterAccepted(thing))
    return await _register(tools, certified, carrier)


async def _certify(tools: Tools, journal: Journal, carrier: Carrier, csr: str) -> Journal:
    folder = folder_of(tools, journal)
    key = public_der(tools.identity.keys.open(folder))
    accepted = await ask(carrier, ask_for_certificate(csr, key))
    write_whole(folder / CERTIFICATE, accepted.certificate_pem.encode())
    certified = msgspec.structs.replace(
        journal, step=Step.CERTIFIED, token=accepted.certificate_ownership_token
    )
    tools.identity.note(certified)
    tools.tell(Shown.CERTIFY)
    return certified


async def _register(tools: Tools, journal: Journal, carrier: Carrier) -> Journal:
    question = ask_to_register(journal.template, journal.token, journal.parameters)
    return note_registered(tools, journal, await ask(carrier, question))


def note_registered(tools: Tools, journal: Journal, registered: RegisterAccepted) -> Journal:
    """Write down that the certificate is the thing's; raises RetryableError for a strange one."""
    place = place_of(journal)
    if place.thing not in ("", registered.thing_name):
        raise RetryableError(f"the certificate became that of {registered.thing_name!r}, not ours")
    rotation = registered.device_configuration.get(ROTATION_TEMPLATE, place.template)
    place = msgspec.structs.replace(place, thing=_checked(registered.thing_name), template=rotation)
    tools.identity.write_place(folder_of(tools, journal), place)
    done = msgspec.structs.replace(journal, step=Step.REGISTERED, token="", place=place)
    tools.identity.note(done)
    tools.tell(Shown.REGISTER)
    return done


def _checked(thing: str) -> str:
    try:
        return check_thing(thing)
    except BadInputError as error:
        raise RetryableError(f"the cloud gave the hub no usable name: {error.message}") from error


async def settle(tools: Tools, journal: Journal) -> Place:
    """Prove the new identity by connecting with it, put it in use, and forget the way there."""
    folder, place = folder_of(tools, journal), place_of(journal)
    await tools.prove(place, access_of(folder, place, tools.identity.keys, tools.know_time))
    tools.tell(Shown.PROVE)
    tools.identity.swap()
    tools.identity.finish()
    tools.tell(Shown.SWAP)
    return place


def folder_of(tools: Tools, journal: Journal) -> Path:
    """Where the identity that comes is."""
    return tools.identity.folder / journal.folder


def place_of(journal: Journal) -> Place:
    """Where the hub is on its way to; raises OperatorError for a journal that does not say."""
    if journal.place is None:
        raise OperatorError(
            "the journal of provisioning names no place", hint="provision with a new claim"
        )
    return journal.place


def check_certificate(pem: str, key: bytes) -> str:
    """Return a certificate that is of our key; raises RetryableError for any other."""
    try:
        if read_facts(pem).public_key_der == key:
            return pem
    except BadInputError as error:
        raise RetryableError(f"the cloud answered with no certificate: {error.message}") from error
    raise RetryableError("the cloud answered with a certificate of another key")
