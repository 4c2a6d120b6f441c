"""The identity folder: the certificate that is, the one that comes, and the one before.

    identity/current -> 7c1f…/   device.key (or key.uri), device.crt, authority.crt, place.json
    identity/next    -> 03ab…/   the same, while it is being fetched
    identity/previous -> …/      kept until the current one has connected
    identity/claim/              the one-time identity, while it is used
    identity/provisioning.json   how far that has come

The folders have random names and never change hands; which is which, links say, and a link is
changed in one step: at every instant of a power cut `current` is whole.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec

from agent.identity.certificates import Facts, read_facts
from agent.identity.files import PRIVATE_MODE, make_folder, point, remove, write_whole
from agent.identity.keys import KeyStore
from agent.identity.place import Journal, Place, decode_journal, decode_place
from shared.errors import BadInputError, OperatorError, RetryableError

CURRENT = "current"
NEXT = "next"
PREVIOUS = "previous"
LINKS = (CURRENT, NEXT, PREVIOUS)
CERTIFICATE = "device.crt"
AUTHORITY = "authority.crt"
PLACE = "place.json"
CLAIM_CERTIFICATE = "claim.crt"
JOURNAL = "provisioning.json"
CLAIM = "claim"
LOCK = ".lock"
FOLDER_BYTES = 8


class Identity:
    """One whole identity: a folder, and what it says."""

    def __init__(self, folder: Path) -> None:
        """Read it; raises OperatorError where something is missing or spoilt."""
        self.folder = folder
        try:
            self.place: Place = decode_place((folder / PLACE).read_bytes())
            self.facts: Facts = read_facts(self.certificate_file.read_text())
        except (OSError, BadInputError) as error:
            raise OperatorError(
                f"the identity in {folder} cannot be used: {error}",
                hint="provision the hub anew: hearthlink provision CLAIM",
            ) from error

    @property
    def certificate_file(self) -> Path:
        """The hub's certificate, with those between it and the authority."""
        return self.folder / CERTIFICATE

    @property
    def authority_file(self) -> Path | None:
        """What the cloud's certificate is judged by; None for what the system trusts."""
        path = self.folder / AUTHORITY
        return path if path.exists() else None


class IdentityFolder:
    """The folder, and who may change it: one process at a time."""

    def __init__(self, folder: Path, keys: KeyStore) -> None:
        self.folder = folder
        self.keys = keys

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Have the folder to oneself; raises RetryableError where another process has it."""
        make_folder(self.folder)
        descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, PRIVATE_MODE)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise RetryableError(
                    f"{self.folder} is in use: another process provisions this hub",
                    hint="wait until it is done; the running hub does it by itself",
                ) from error
            yield
        finally:
            os.close(descriptor)

    def current(self) -> Identity | None:
        """Read the identity the hub has; None where it has none yet."""
        name = self._named(CURRENT)
        return Identity(self.folder / name) if name else None

    def current_name(self) -> str:
        """Tell which folder is the current one, to notice a change; empty where there is none."""
        return self._named(CURRENT)

    def begin_next(self) -> Path:
        """Make an empty folder for the identity that comes; what was begun before is given up."""
        self.abandon_next()
        folder = make_folder(self.folder / secrets.token_hex(FOLDER_BYTES))
        point(self.folder / NEXT, folder.name)
        return folder

    def abandon_next(self) -> None:
        """Give up the identity that was to come, and its key."""
        name = self._named(NEXT)
        if name and name not in (self._named(CURRENT), self._named(PREVIOUS)):
            self._destroy(self.folder / name)
        remove(self.folder / NEXT)

    def write_place(self, folder: Path, place: Place) -> None:
        """Write down where the identity that comes will belong."""
        write_whole(folder / PLACE, msgspec.json.encode(place))

    def swap(self) -> None:
        """Let the next identity be the current one, which becomes the previous."""
        following, present = self._named(NEXT), self._named(CURRENT)
        Identity(self.folder / following)
        if present and present != following:
            point(self.folder / PREVIOUS, present)
        point(self.folder / CURRENT, following)
        remove(self.folder / NEXT)

    def forget_previous(self) -> None:
        """Destroy what went before: the current identity has connected."""
        name = self._named(PREVIOUS)
        if not name:
            return
        if name != self._named(CURRENT):
            self._destroy(self.folder / name)
        remove(self.folder / PREVIOUS)

    def journal(self) -> Journal | None:
        """Read how far provisioning has come; None where none is under way."""
        try:
            return decode_journal((self.folder / JOURNAL).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, BadInputError) as error:
            raise OperatorError(
                f"{self.folder / JOURNAL} cannot be read: {error}",
                hint="remove it and provision again with a new claim",
            ) from error

    def note(self, journal: Journal) -> None:
        """Make a step durable."""
        write_whole(self.folder / JOURNAL, msgspec.json.encode(journal))

    @property
    def claim_folder(self) -> Path:
        """Where the one-time identity is while it is used."""
        return self.folder / CLAIM

    def finish(self) -> None:
        """Forget the claim and the journal, and what a cut left over."""
        if self.claim_folder.exists():
            remove(self.claim_folder)
        remove(self.folder / JOURNAL)
        self.tidy()

    def destroy(self) -> None:
        """Destroy every identity and its key: this hub is nobody's any more."""
        for entry in self.folder.iterdir() if self.folder.is_dir() else ():
            if entry.is_dir() and not entry.is_symlink():
                self._destroy(entry)

    def tidy(self) -> None:
        """Mend what a power cut left: half a swap, folders that nothing names."""
        if self._named(NEXT) and self._named(NEXT) == self._named(CURRENT):
            remove(self.folder / NEXT)
        if self._named(PREVIOUS) and self._named(PREVIOUS) == self._named(CURRENT):
            remove(self.folder / PREVIOUS)
        used = {self._named(link) for link in LINKS} | {CLAIM}
        for entry in self.folder.iterdir() if self.folder.is_dir() else ():
            if entry.is_dir() and not entry.is_symlink() and entry.name not in used:
                self._destroy(entry)

    def _named(self, link: str) -> str:
        """Read a link; one that leads nowhere counts as none."""
        try:
            name = (self.folder / link).readlink().name
        except OSError:
            return ""
        return name if (self.folder / name).is_dir() else ""

    def _destroy(self, folder: Path) -> None:
        self.keys.forget(folder)
        remove(folder)
