"""The faults a torture strikes with, each by its name: what it does, and what ends it."""

import shutil
import time
from collections.abc import Callable
from random import Random

from agent.database import READABLE_FROM
from agent.torture.card import LATER_SCHEMA, age, come_from_later, name_schema
from agent.torture.cast import THING, WORKERS, Cast
from agent.torture.evidence import Evidence
from agent.torture.household import narrow_consent
from agent.torture.relay import Link
from shared.errors import OperatorError

Strike = Callable[[Cast, Evidence, Random], None]

CLOUD = ("api", *WORKERS)
OUTAGE_S = (0.1, 2.0)
"""How long most faults last: long enough for several commits, short enough for hundreds."""


STRUCK_S_MAX = 30.0
"""A hub that was away comes back within so long."""

AN_ORDER = 2
"""One receipt alone cannot be out of order."""

RELEASES_BACK = 15
"""As far as the first schema."""

PAGE_BYTES = 4_096
"""With no room for more than a page nothing at all can be committed."""


def _pause(draw: Random) -> None:
    time.sleep(draw.uniform(*OUTAGE_S))


def _kill_hub(cast: Cast, evidence: Evidence, _draw: Random) -> None:
    cast.kill("hub")
    evidence.look()
    cast.again("hub")


def _stop_hub(cast: Cast, evidence: Evidence, _draw: Random) -> None:
    cast.stop("hub")
    evidence.look()
    cast.again("hub")


def _flip_bits(cast: Cast, evidence: Evidence, draw: Random) -> None:
    cast.kill("hub")
    evidence.look()
    evidence.flip_bits(draw, draw.randint(1, 3))
    cast.again("hub")


def _fill_disk(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    """No file of the hub's may be written past a size: its log is refused as by a full disk."""
    grown = max(path.stat().st_size for path in cast.hub_database.parent.glob("hub.sqlite*"))
    cast.limit_files("hub", draw.choice((PAGE_BYTES, grown)))
    _pause(draw)
    cast.limit_files("hub", None)


def _killed(name: str) -> Strike:
    def strike(cast: Cast, _evidence: Evidence, draw: Random) -> None:
        cast.kill(name)
        _pause(draw)
        cast.again(name)

    return strike


def _frozen(name: str) -> Strike:
    def strike(cast: Cast, _evidence: Evidence, draw: Random) -> None:
        cast.freeze(name)
        _pause(draw)
        cast.resume(name)

    return strike


def _no_workers(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    for name in WORKERS:
        cast.kill(name)
    _pause(draw)
    for name in WORKERS:
        cast.again(name)


def _restart_broker(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    """Stopped in order and started again, with its store."""
    cast.write_broker(forgets=False)
    cast.stop("broker")
    _pause(draw)
    cast.again("broker")


def _wipe_broker(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    """Killed, and started again without a store."""
    cast.write_broker(forgets=True)
    cast.kill("broker")
    _pause(draw)
    cast.again("broker")


def _link(link: Link, delay_s: float = 0.0) -> Strike:
    def strike(cast: Cast, _evidence: Evidence, draw: Random) -> None:
        cast.relay.set(link, delay_s)
        _pause(draw)
        cast.relay.set(Link.UP)

    return strike


def _struck(link: Link) -> Strike:
    """Leave a link so until it has struck, which a link that carries nothing could not."""

    def strike(cast: Cast, _evidence: Evidence, draw: Random) -> None:
        before, until_s = cast.relay.struck, time.monotonic() + STRUCK_S_MAX
        cast.relay.set(link)
        _pause(draw)
        while cast.relay.struck == before:
            if time.monotonic() > until_s:
                raise OperatorError(f"the link was {link.value}, and nothing came by")
            time.sleep(OUTAGE_S[0])
        cast.relay.set(Link.UP)

    return strike


def _deliver_again(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    cast.deliver_again(draw)


def _receive_again(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    """Repeat receipts to the hub, late and out of order."""
    if cast.receive_again(draw, STRUCK_S_MAX) < AN_ORDER:
        raise OperatorError(f"no receipts came by in {STRUCK_S_MAX} s", hint=f"see {cast.state}")


def _flapping(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    for _ in range(draw.randint(2, 5)):
        cast.relay.set(Link.DOWN)
        time.sleep(draw.uniform(0, 0.2))
        cast.relay.set(Link.UP)
        time.sleep(draw.uniform(0, 0.5))


def _put_card_back(cast: Cast, evidence: Evidence, draw: Random) -> None:
    """Let the hub go on with a copy of its card of some seconds ago."""
    cast.stop("hub")
    held = evidence.look()
    here = cast.hub_database.parent
    copy = here.with_name("hub-copy")
    shutil.copytree(here, copy, dirs_exist_ok=True)
    cast.again("hub")
    _pause(draw)
    cast.kill("hub")
    evidence.look()
    shutil.rmtree(here)
    copy.rename(here)
    evidence.forget_since(held)
    cast.again("hub")


def _upgrade_hub(cast: Cast, evidence: Evidence, _draw: Random) -> None:
    """Restart the hub across all schemas there were."""
    cast.stop("hub")
    evidence.look()
    age(cast.hub_database)
    cast.again("hub")


def _roll_back_hub(cast: Cast, _evidence: Evidence, _draw: Random) -> None:
    """Start the hub on what a later release has written: it goes on only where that allows it."""
    cast.stop("hub")
    come_from_later(cast.hub_database, LATER_SCHEMA)
    if not cast.refuses("hub"):
        raise OperatorError("the hub ran on a later schema", hint=f"see {cast.state}")
    come_from_later(cast.hub_database, READABLE_FROM)
    cast.again("hub")


def _restore_cloud(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    """Go back to a backup of some seconds ago, while everything runs."""
    backup = cast.state / "backup.db"
    backup.unlink(missing_ok=True)
    cast.order("cloud", "backup", str(backup))
    _pause(draw)
    cast.order("cloud", "restore", str(backup))


def _copy_cloud_back(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    """Put files of some seconds ago in the place of the cloud's: its store keeps its name."""
    here, copy = cast.state / "cloud", cast.state / "cloud-copy"
    for name in CLOUD:
        cast.stop(name)
    shutil.copytree(here, copy, dirs_exist_ok=True)
    for name in CLOUD:
        cast.again(name)
    _pause(draw)
    for name in CLOUD:
        cast.kill(name)
    shutil.rmtree(here)
    copy.rename(here)
    for name in CLOUD:
        cast.again(name)


def _upgrade_cloud(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    """Restart the cloud on the database of an earlier release: all of it migrates at once."""
    for name in CLOUD:
        cast.stop(name)
    cast.age_cloud(draw.randint(1, RELEASES_BACK))
    for name in CLOUD:
        cast.again(name)


def _roll_back_cloud(cast: Cast, _evidence: Evidence, _draw: Random) -> None:
    """Start the cloud on what a later release has changed: API and workers refuse it."""
    for name in CLOUD:
        cast.stop(name)
    own = name_schema(cast.cloud_database, "later")
    for name in CLOUD[:2]:
        if not cast.refuses(name):
            raise OperatorError(f"{name} ran on a later schema", hint=f"see {cast.state}")
    name_schema(cast.cloud_database, own)
    for name in CLOUD:
        cast.again(name)


def _revoke_hub(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    cast.order("fleet", "revoke", THING)
    _pause(draw)
    cast.order("fleet", "restore", THING)


STRIKES: dict[str, Strike] = {
    "kill-hub": _kill_hub,
    "stop-hub": _stop_hub,
    "freeze-hub": _frozen("hub"),
    "full-disk": _fill_disk,
    "flip-bits": _flip_bits,
    "put-card-back": _put_card_back,
    "upgrade-hub": _upgrade_hub,
    "roll-back-hub": _roll_back_hub,
    "narrow-consent": narrow_consent,
    "restore-cloud": _restore_cloud,
    "copy-cloud-back": _copy_cloud_back,
    "upgrade-cloud": _upgrade_cloud,
    "roll-back-cloud": _roll_back_cloud,
    "revoke-hub": _revoke_hub,
    "deliver-again": _deliver_again,
    "receive-again": _receive_again,
    "kill-broker": _killed("broker"),
    "restart-broker-with-its-store": _restart_broker,
    "restart-broker-without-its-store": _wipe_broker,
    "freeze-broker": _frozen("broker"),
    "kill-worker-1": _killed(WORKERS[0]),
    "kill-worker-2": _killed(WORKERS[1]),
    "kill-all-workers": _no_workers,
    "freeze-worker": _frozen(WORKERS[0]),
    "kill-api": _killed("api"),
    "freeze-api": _frozen("api"),
    "link-down": _link(Link.DOWN),
    "link-half-open": _link(Link.HALF_OPEN),
    "link-slow": _link(Link.SLOW, 0.2),
    "link-flapping": _flapping,
    "link-lossy": _struck(Link.LOSSY),
    "link-torn": _struck(Link.TORN),
}

NOT_STRUCK = {
    "clock jumps": "a process cannot be given another wall clock without a hook in the product; "
    "the simulation on virtual time jumps every clock",
    "read-only disk": "a remount needs root, and root writes past file modes",
}
"""What is left out here, and where it is proved instead."""


def named(kinds: str) -> list[str]:
    """Read the names of faults, with commas; raises OperatorError for one that is not known."""
    names = kinds.split(",")
    for name in names:
        if name not in STRIKES:
            raise OperatorError(
                f"there is no fault {name!r}", hint=f"one of: {', '.join(sorted(STRIKES))}"
            )
    return names
