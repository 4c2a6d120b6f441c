"""Whose the hub's folders are, and that a command leaves nothing in them that the hub cannot read.

What provisioning, updates and the rest write is for its owner alone, mode 0600. Written by root
into the folder of a service's user it would lock the hub out of its own key, or of its database.
Changes nothing.
"""

import os
import pwd
from pathlib import Path

from shared.errors import OperatorError

ROOT = 0


def check_owner(folder: Path) -> None:
    """Raise OperatorError where what this process leaves in a folder would not be its owner's.

    A folder that is not there yet is judged by the one it would be made in.
    """
    place = folder.absolute()
    # What this user may not even look at counts as not there: who may not is told by its parent.
    while not os.path.exists(place) and place != place.parent:  # noqa: PTH110 (as above)
        place = place.parent
    is_writable = os.access(place, os.W_OK | os.X_OK)
    judge_owner(place, place.stat().st_uid, os.geteuid(), is_writable=is_writable)


def judge_owner(place: Path, owner: int, user: int, *, is_writable: bool) -> None:
    """Say whether a user may leave files in a folder; raises as `check_owner`.

    Root may write everywhere and nobody else reads what it leaves: it is held to its own folders.
    """
    is_right = owner == user if user == ROOT else is_writable
    if is_right:
        return
    name = _name_of(owner)
    raise OperatorError(
        f"{place} is of the user {name}, and this command runs as {_name_of(user)}: the hub could "
        "not use what it leaves there",
        hint=f"run it as the hub's user: sudo -u '{name}' hearthlink …; where the hub runs as "
        f"{_name_of(user)}, give it the folder: sudo chown -R {_name_of(user)} {place}",
    )


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"#{user}"
