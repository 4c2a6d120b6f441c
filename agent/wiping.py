"""Removes all that a household left on its hub; cut off anywhere, the next start goes on.

Only what the hub itself has made goes, by name: a state folder that is set to somebody's home must
not take that home with it. What else lies there is named to whoever wipes.
"""

import contextlib
from pathlib import Path

from agent.config import Config
from agent.identity.files import remove, write_whole
from agent.identity.folder import IdentityFolder
from agent.transports import open_keys
from shared.errors import HearthlinkError

MARK = "wiping"
OURS = (
    "hub.sqlite",
    "zigbee.sqlite",
    "log-marks",
    "reserve",
    "identity",
    "jobs",
    "diagnosis.json",
    "page-pin",
    "given-tariff",
)
"""How the names begin of what the hub makes in its state folder, set-aside copies included."""

OF_THE_HOUSEHOLD = (
    "uplink_certificate_file",
    "uplink_key_file",
    "page_pin",
    "tariff_electricity_file",
    "tariff_gas_file",
)
OF_A_METER = ("key", "authentication_key", "username", "password")


def wipe(config: Config) -> list[str]:
    """Remove everything of the household in the state folder; return the names of what is not ours.

    A key in a token is destroyed there. Raises OSError where the disk refuses.
    """
    folder = config.hub_state_dir
    write_whole(folder / MARK, b"")
    with contextlib.suppress(HearthlinkError):
        # A token that is not there any more must not keep the rest.
        IdentityFolder(config.identity_folder, open_keys(config)).destroy()
    left = []
    for entry in sorted(folder.iterdir()):
        if is_ours(entry.name):
            remove(entry)
        elif entry.name != MARK and not _holds_slots(entry, config):
            left.append(entry.name)
    remove(folder / MARK)
    return left


def finish_wiping(config: Config) -> None:
    """Go on with a wipe that was cut off, before anything is opened."""
    if (config.hub_state_dir / MARK).exists():
        wipe(config)


def is_ours(name: str) -> bool:
    """Tell whether the hub made a file or folder of this name, be it a draft."""
    return name.lstrip(".").startswith(OURS)


def settings_left(config: Config) -> list[str]:
    """Name the settings of the file that are this household's; the file is the installer's."""
    found = [name for name in OF_THE_HOUSEHOLD if getattr(config, name)]
    for meter in config.meters:
        found += [f"meter_{name}" for name in OF_A_METER if getattr(meter, name)]
    return sorted({name.replace("_", ".", 1) for name in found})


def _holds_slots(entry: Path, config: Config) -> bool:
    slots = config.update_slots_dir
    return slots is not None and slots.absolute().is_relative_to(entry.absolute())
