"""What befalls the cloud: workers gone, stores put back, releases changed, a hub revoked."""

import shutil
from random import Random

from agent.torture.card import name_schema
from agent.torture.cast import Cast
from agent.torture.evidence import Evidence
from agent.torture.pause import pause
from agent.torture.stage import THING, WORKERS
from shared.errors import OperatorError

CLOUD = ("api", *WORKERS)
RELEASES_BACK = 15
"""As far as the first schema."""


def no_workers(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    """Kill every ingest worker."""
    for name in WORKERS:
        cast.kill(name)
    pause(draw)
    for name in WORKERS:
        cast.again(name)


def restore_cloud(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    """Go back to a backup of some seconds ago, while everything runs."""
    backup = cast.state / "backup.db"
    backup.unlink(missing_ok=True)
    cast.order("cloud", "backup", str(backup))
    pause(draw)
    cast.order("cloud", "restore", str(backup))


def copy_cloud_back(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    """Put files of some seconds ago in the place of the cloud's: its store keeps its name."""
    here, copy = cast.state / "cloud", cast.state / "cloud-copy"
    for name in CLOUD:
        cast.stop(name)
    shutil.copytree(here, copy, dirs_exist_ok=True)
    for name in CLOUD:
        cast.again(name)
    pause(draw)
    for name in CLOUD:
        cast.kill(name)
    shutil.rmtree(here)
    copy.rename(here)
    for name in CLOUD:
        cast.again(name)


def upgrade_cloud(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    """Restart the cloud on the database of an earlier release: all of it migrates at once."""
    for name in CLOUD:
        cast.stop(name)
    cast.age_cloud(draw.randint(1, RELEASES_BACK))
    for name in CLOUD:
        cast.again(name)


def roll_back_cloud(cast: Cast, _evidence: Evidence, _draw: Random) -> None:
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


def revoke_hub(cast: Cast, _evidence: Evidence, draw: Random) -> None:
    """Revoke the hub, and let it in again."""
    cast.order("fleet", "revoke", THING)
    pause(draw)
    cast.order("fleet", "restore", THING)
