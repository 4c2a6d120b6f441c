"""Kills a hub's process with SIGKILL while it joins or renews, and says what that cost.

Process, files, locks, sockets, broker and cloud are real; the kills are of tests/support/killer.py.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.identity.folder import CLAIM, JOURNAL, NEXT, IdentityFolder
from agent.identity.keys import FileKeyStore, KeyStore
from agent.identity.place import Place
from agent.provision.enrolment import Tools
from agent.provision.joining import join
from agent.provision.proof import connect_once
from agent.provision.renewing import renew
from agent.transports import carrier_of, open_uplink
from agent.uplink.access import CloudAccess
from agent.uplink.tls import machine_time
from cloud.app import create_app
from cloud.fleet.records import Status
from shared.claims import Claim, write_claim
from shared.clock import SystemClock
from shared.errors import HearthlinkError
from tests.support.device_cloud import DeviceCloud, until
from tests.support.enrolling import key_der
from tests.support.killer import Killer, KillToll
from tests.support.webserver import WebServer

KILLS_A_HUB = 2
"""A hub has few certificates a day: many hubs are struck a little, not one a lot."""


def kill_identities(folder: Path, kills: int, seed: int) -> tuple[KillToll, KillToll]:
    """Kill so many joinings and renewals, or some more; returns what each cost."""
    joining, renewing = KillToll(), KillToll()
    if not kills:
        return joining, renewing
    with governed(folder) as (cloud, api):
        joins, renewals = Killer(seed, __name__), Killer(seed + 1, __name__)
        for thing in ("hub-whole-1", "hub-whole-2"):
            hub = str(folder / thing)
            joins.measure(_join, hub, claim_for(cloud, api, thing))
            renewals.measure(_renew, hub)
        number = 0
        while min(joining.kills, renewing.kills) < kills:
            thing = f"hub-{number:05}"
            hub, claim = str(folder / thing), claim_for(cloud, api, thing)
            for _ in range(KILLS_A_HUB):
                # One that came too late leaves nothing to cut off.
                if not joining.add(in_the_middle=joins.kill(_join, hub, claim)):
                    break
            _judge(joining, cloud, hub, thing, joins.finish(_join, hub, claim))
            _kill_renewals(renewing, renewals, hub)
            _judge(renewing, cloud, hub, thing, renewals.finish(_renew_what_is_begun, hub))
            number += 1
    return joining, renewing


def _kill_renewals(toll: KillToll, killer: Killer, hub: str) -> None:
    """Kill one renewal until it is done; a next one would be of a hub that is not in use."""
    folder = IdentityFolder(Path(hub) / "identity", FileKeyStore())
    before = folder.current_name()
    for _ in range(KILLS_A_HUB):
        is_killed = killer.kill(_renew, hub)
        is_done = folder.current_name() != before and not (folder.folder / JOURNAL).exists()
        toll.add(in_the_middle=is_killed and not is_done)
        if is_done or not is_killed:
            return


@contextmanager
def governed(folder: Path) -> Iterator[tuple[DeviceCloud, str]]:
    """Serve a cloud with its broker, device service and API; yields it and the API's address."""
    cloud = DeviceCloud(folder / "cloud")
    cloud.broker.start()
    try:
        with (
            cloud.serving() as service,
            WebServer(create_app(cloud.signing.config)) as api,
        ):
            until(lambda: service.is_leading)
            yield cloud, f"127.0.0.1:{api.port}"
    finally:
        cloud.close()


def claim_for(cloud: DeviceCloud, api: str, thing: str) -> str:
    """Make a claim, written out in full."""
    return write_claim(Claim(api, cloud.signing.offer(thing).code))


def _judge(toll: KillToll, cloud: DeviceCloud, hub: str, thing: str, ended_well: bool) -> None:
    """The hub must have one whole identity that the cloud has as in use, and no leftovers."""
    folder = IdentityFolder(Path(hub) / "identity", FileKeyStore())
    try:
        present = folder.current()
        key = key_der(folder.keys.open(present.folder)) if present else b""
    except HearthlinkError as error:
        toll.lost += 1
        toll.faults.append(f"{thing}: {error}")
        return
    if present is None or present.facts.public_key_der != key or present.place.thing != thing:
        toll.lost += 1
        toll.faults.append(f"{thing}: its identity is not its own")
        return
    newest = [one for one in cloud.signing.records(thing) if one.status == Status.ACTIVE]
    leftovers = [one for one in (NEXT, CLAIM, JOURNAL) if (folder.folder / one).exists()]
    is_known = present.facts.fingerprint in {one.certificate_id for one in newest}
    if leftovers or not is_known or not ended_well:
        toll.unfinished += 1
        toll.faults.append(f"{thing}: ended {ended_well}, known {is_known}, left {leftovers}")


def _join(hub: str, claim: str) -> None:
    tools = tools_of(hub)
    if tools.identity.journal() is None and tools.identity.current() is not None:
        return
    asyncio.run(join(tools, claim))


def _renew(hub: str) -> None:
    asyncio.run(renew(tools_of(hub)))


def _renew_what_is_begun(hub: str) -> None:
    """Go on as a hub does that finds a journal when it starts; without one it is at peace."""
    if tools_of(hub).identity.journal() is not None:
        _renew(hub)


def tools_of(hub: str, keys: KeyStore | None = None) -> Tools:
    """Make what a hub joins and renews with; its keys are files unless others are given."""
    clock = SystemClock()

    async def prove(place: Place, access: CloudAccess) -> None:
        await connect_once(open_uplink(place.kind, place.thing, access))

    identity = IdentityFolder(Path(hub) / "identity", keys or FileKeyStore())
    return Tools(identity, carrier_of, prove, machine_time, clock.utc_ms)
