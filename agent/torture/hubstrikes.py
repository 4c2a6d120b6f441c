"""What befalls the hub and its card: taken away, damaged, full, read-only, old, or a copy."""

import shutil
from random import Random

from agent.database import READABLE_FROM
from agent.torture.card import LATER_SCHEMA, age, come_from_later
from agent.torture.cast import READ_ONLY, Cast
from agent.torture.evidence import Evidence
from agent.torture.pause import pause
from shared.errors import OperatorError

PAGE_BYTES = 4_096
"""With no room for more than a page nothing at all can be committed."""


def kill_hub(cast: Cast, evidence: Evidence, _draw: Random) -> None:
    """Kill the hub."""
    cast.kill("hub")
    evidence.look()
    cast.again("hub")


def stop_hub(cast: Cast, evidence: Evidence, _draw: Random) -> None:
    """Let the hub end in its own order."""
    cast.stop("hub")
    evidence.look()
    cast.again("hub")


def flip_bits(cast: Cast, evidence: Evidence, draw: Random) -> None:
    """Turn some bits of the newest rows while the hub is away."""
    cast.kill("hub")
    evidence.look()
    evidence.flip_bits(draw, draw.randint(1, 3))
    cast.again("hub")


def fill_disk(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    """No file of the hub's may be written past a size: its log is refused as by a full disk."""
    grown = max(path.stat().st_size for path in cast.hub_database.parent.glob("hub.sqlite*"))
    cast.limit_files("hub", draw.choice((PAGE_BYTES, grown)))
    pause(draw)
    cast.limit_files("hub", None)


def read_only_disk(cast: Cast, evidence: Evidence, draw: Random) -> None:
    """Let the hub's disk go read-only under it, and mend it as a person does: by a restart.

    What was written and is not durable is seen in its files until then: they are looked at after.
    """
    if cast.volume is None:
        raise OperatorError(cast.lacking()[READ_ONLY])
    cast.volume.fail()
    pause(draw)
    draw.choice((cast.kill, cast.stop))("hub")
    if not cast.refuses("hub"):
        raise OperatorError("the hub ran on a read-only disk", hint=f"see {cast.state}")
    cast.volume.mend()
    evidence.look()
    cast.again("hub")


def put_card_back(cast: Cast, evidence: Evidence, draw: Random) -> None:
    """Let the hub go on with a copy of its card of some seconds ago."""
    cast.stop("hub")
    held = evidence.look()
    here = cast.hub_database.parent
    copy = here.with_name("hub-copy")
    shutil.copytree(here, copy, dirs_exist_ok=True)
    cast.again("hub")
    pause(draw)
    cast.kill("hub")
    evidence.look()
    shutil.rmtree(here)
    copy.rename(here)
    evidence.forget_since(held)
    cast.again("hub")


def upgrade_hub(cast: Cast, evidence: Evidence, _draw: Random) -> None:
    """Restart the hub across all schemas there were."""
    cast.stop("hub")
    evidence.look()
    age(cast.hub_database)
    cast.again("hub")


def roll_back_hub(cast: Cast, _evidence: Evidence, _draw: Random) -> None:
    """Start the hub on what a later release has written: it goes on only where that allows it."""
    cast.stop("hub")
    come_from_later(cast.hub_database, LATER_SCHEMA)
    if not cast.refuses("hub"):
        raise OperatorError("the hub ran on a later schema", hint=f"see {cast.state}")
    come_from_later(cast.hub_database, READABLE_FROM)
    cast.again("hub")
