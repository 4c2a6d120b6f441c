"""Cuts the power during renewals of a certificate, at random, again and again in one hub's life."""

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path

from agent.identity.folder import IdentityFolder
from agent.identity.keys import FileKeyStore
from agent.provision.joining import join
from agent.provision.renewing import renew
from shared.errors import HearthlinkError
from tests.support.fake_fleet import CLAIM, THING, EnrollingCloud
from tests.support.power import PowerCutError, cut_after

CHANGES_MAX = 40
"""A whole renewal changes the file system a little less often."""

ANSWERS_MAX = 3


@dataclass
class Renewals:
    """What became of a hub: cuts, renewals that were finished, and how often it was lost."""

    cuts: int = 0
    finished: int = 0
    lost: int = 0


def cut_renewals(state: Path, cuts: int, seed: int) -> Renewals:
    """Renew and cut until there were so many cuts; a lost hub is counted and provisioned anew."""
    toll, draw = Renewals(), random.Random(seed)
    cloud = EnrollingCloud()
    hub = state / "0"
    if cuts:
        asyncio.run(join(cloud.tools(hub), CLAIM))
    while toll.cuts < cuts:
        if _renew_and_cut(cloud, hub, draw):
            toll.cuts += 1
        else:
            toll.finished += 1
        if toll.cuts % 8 == 0 and not _recovers(cloud, hub):
            toll.lost += 1
            cloud, hub = EnrollingCloud(), state / str(toll.lost)
            asyncio.run(join(cloud.tools(hub), CLAIM))
    if cuts and not _recovers(cloud, hub):
        toll.lost += 1
    return toll


def _renew_and_cut(cloud: EnrollingCloud, hub: Path, draw: random.Random) -> bool:
    """Renew with a cut somewhere; tell whether it came before the end."""
    left = draw.randint(1, ANSWERS_MAX)

    def cut_unheard() -> None:
        nonlocal left
        left -= 1
        if not left:
            raise PowerCutError

    if draw.random() < 1 / 4:
        cloud.after_answer = cut_unheard
    try:
        with cut_after(draw.randrange(CHANGES_MAX), hub):
            asyncio.run(renew(cloud.tools(hub)))
    except PowerCutError:
        return True
    finally:
        cloud.after_answer = lambda: None
    return False


def _recovers(cloud: EnrollingCloud, hub: Path) -> bool:
    """Tell whether the hub has a whole identity, and one more renewal ends well."""
    folder = IdentityFolder(hub / "identity", FileKeyStore())
    try:
        if folder.current() is None:
            return False
        asyncio.run(renew(cloud.tools(hub)))
    except HearthlinkError:
        return False
    present = folder.current()
    return present is not None and cloud.things[THING] == present.facts.public_key_der
