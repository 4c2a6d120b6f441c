"""How a hub gets its next certificate: asked for by the present key, proved, then swapped.

`renew` may be called again after any interruption and goes on. What is in use stays in use until
its successor has connected.
"""

from agent.identity.access import access_of
from agent.identity.certificates import make_csr, public_der, renewal_proof
from agent.identity.files import write_whole
from agent.identity.folder import AUTHORITY, CERTIFICATE, Identity
from agent.identity.place import Journal, Place, Purpose, Step
from agent.identity.renewal import is_expired
from agent.provision.carrier import opened
from agent.provision.enrolment import (
    Tools,
    check_certificate,
    enrol,
    folder_of,
    note_registered,
    settle,
)
from agent.provision.steps import Shown
from agent.uplink.kinds import UplinkKind
from shared.enrolment import RegisterAccepted
from shared.errors import OperatorError, RetryableError


async def renew(tools: Tools) -> Place:
    """Renew the hub's certificate with a new key; returns its place once that is in use.

    The hub's own connection must be closed meanwhile: this one goes by the same name. Raises
    OperatorError where a person must act, RetryableError where the same call may succeed later.
    """
    with tools.identity.held():
        present = tools.identity.current()
        if present is None:
            raise OperatorError("the hub has no identity to renew", hint="provision it first")
        journal = _begin(tools, present)
        if journal.folder == tools.identity.current_name():
            tools.identity.finish()
            return present.place
        was_registered = journal.step is Step.REGISTERED
        if not was_registered:
            journal = await _enrol(tools, journal, present)
        try:
            return await settle(tools, journal)
        except RetryableError:
            if was_registered:
                # Twice not proved: the next call begins anew, rather than never to renew.
                tools.identity.abandon_next()
                tools.identity.finish()
            raise


def _begin(tools: Tools, present: Identity) -> Journal:
    identity = tools.identity
    journal = identity.journal()
    if journal is not None and journal.purpose is Purpose.RENEW:
        return journal
    if journal is not None:
        raise RetryableError("the hub is on its way into another cloud: that is to end first")
    identity.tidy()
    folder = identity.begin_next()
    if present.authority_file is not None:
        write_whole(folder / AUTHORITY, present.authority_file.read_bytes())
    place = present.place
    journal = Journal(
        Purpose.RENEW,
        Step.BEGUN,
        folder.name,
        template=place.template or place.thing,
        parameters=place.parameters,
        place=place,
    )
    identity.note(journal)
    return journal


async def _enrol(tools: Tools, journal: Journal, present: Identity) -> Journal:
    keys, place = tools.identity.keys, present.place
    folder = folder_of(tools, journal)
    key = keys.make(folder)
    tools.tell(Shown.KEY)
    csr = make_csr(key, place.thing, renewal_proof(keys.open(present.folder), key))
    has_lapsed = is_expired(present.facts, tools.utc_ms())
    access = access_of(present.folder, place, keys, tools.know_time)
    if not has_lapsed and place.kind is not UplinkKind.HTTPS:
        async with opened(tools.open_carrier(place.kind)(place.thing, access)) as carrier:
            tools.tell(Shown.CONNECT)
            return await enrol(tools, journal, carrier, csr)
    if not place.api:
        raise OperatorError(
            "the hub's certificate has expired, and this cloud renews no expired ones",
            hint="provision the hub anew with a claim",
        )
    api = tools.open_api(place.api, place.pin, tools.know_time)
    answer = await api.renew(csr, access, tools.utc_ms())
    pem = check_certificate(answer.certificate, public_der(key))
    write_whole(folder / CERTIFICATE, pem.encode())
    tools.tell(Shown.CERTIFY)
    return note_registered(tools, journal, RegisterAccepted(place.thing))
