"""The faults a torture strikes with, each by its name: what it does, and what ends it."""

import time
from collections.abc import Callable
from random import Random

from agent.torture import clockstrikes, cloudstrikes, hubstrikes
from agent.torture.cast import CLOCK_JUMP, READ_ONLY, Cast
from agent.torture.evidence import Evidence
from agent.torture.household import narrow_consent
from agent.torture.pause import OUTAGE_S, pause
from agent.torture.relay import Link
from agent.torture.stage import WORKERS
from shared.errors import OperatorError

Strike = Callable[[Cast, Evidence, Random], None]

STRUCK_S_MAX = 30.0
"""A hub that was away comes back within so long."""

AN_ORDER = 2
"""One receipt alone cannot be out of order."""


def _killed(name: str) -> Strike:
    def strike(cast: Cast, _evidence: Evidence, draw: Random) -> None:
        cast.kill(name)
        pause(draw)
        cast.again(name)

    return strike


def _frozen(name: str) -> Strike:
    def strike(cast: Cast, _evidence: Evidence, draw: Random) -> None:
        cast.freeze(name)
        pause(draw)
        cast.resume(name)

    return strike


def _restart_broker(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    """Stopped in order and started again, with its store."""
    cast.write_broker(forgets=False)
    cast.stop("broker")
    pause(draw)
    cast.again("broker")


def _wipe_broker(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    """Killed, and started again without a store."""
    cast.write_broker(forgets=True)
    cast.kill("broker")
    pause(draw)
    cast.again("broker")


def _link(link: Link, delay_s: float = 0.0) -> Strike:
    def strike(cast: Cast, _evidence: Evidence, draw: Random) -> None:
        cast.relay.set(link, delay_s)
        pause(draw)
        cast.relay.set(Link.UP)

    return strike


def _struck(link: Link) -> Strike:
    """Leave a link so until it has struck, which a link that carries nothing could not."""

    def strike(cast: Cast, _evidence: Evidence, draw: Random) -> None:
        before, until_s = cast.relay.struck, time.monotonic() + STRUCK_S_MAX
        cast.relay.set(link)
        pause(draw)
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


STRIKES: dict[str, Strike] = {
    "kill-hub": hubstrikes.kill_hub,
    "stop-hub": hubstrikes.stop_hub,
    "freeze-hub": _frozen("hub"),
    "full-disk": hubstrikes.fill_disk,
    READ_ONLY: hubstrikes.read_only_disk,
    "flip-bits": hubstrikes.flip_bits,
    "put-card-back": hubstrikes.put_card_back,
    "upgrade-hub": hubstrikes.upgrade_hub,
    "roll-back-hub": hubstrikes.roll_back_hub,
    CLOCK_JUMP: clockstrikes.jump_clock,
    "narrow-consent": narrow_consent,
    "restore-cloud": cloudstrikes.restore_cloud,
    "copy-cloud-back": cloudstrikes.copy_cloud_back,
    "upgrade-cloud": cloudstrikes.upgrade_cloud,
    "roll-back-cloud": cloudstrikes.roll_back_cloud,
    "revoke-hub": cloudstrikes.revoke_hub,
    "deliver-again": _deliver_again,
    "receive-again": _receive_again,
    "kill-broker": _killed("broker"),
    "restart-broker-with-its-store": _restart_broker,
    "restart-broker-without-its-store": _wipe_broker,
    "freeze-broker": _frozen("broker"),
    "kill-worker-1": _killed(WORKERS[0]),
    "kill-worker-2": _killed(WORKERS[1]),
    "kill-all-workers": cloudstrikes.no_workers,
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


def named(kinds: str) -> list[str]:
    """Read the names of faults, with commas; raises OperatorError for one that is not known."""
    names = kinds.split(",")
    for name in names:
        if name not in STRIKES:
            raise OperatorError(
                f"there is no fault {name!r}", hint=f"one of: {', '.join(sorted(STRIKES))}"
            )
    return names
