"""What a transport needs of an identity: addresses, files and the way to the key."""

from pathlib import Path

from agent.identity.folder import AUTHORITY, CERTIFICATE
from agent.identity.keys import KeyStore
from agent.identity.place import Place
from agent.uplink.access import CloudAccess
from agent.uplink.tls import KnowTime


def access_of(folder: Path, place: Place, keys: KeyStore, know_time: KnowTime) -> CloudAccess:
    """Say how to connect with the identity in a folder.

    Raises OperatorError where its key is not to be had, or not private.
    """
    reached = keys.reach(folder)
    authority = folder / AUTHORITY
    key_file, token_key = (reached, None) if isinstance(reached, Path) else (None, reached)
    return CloudAccess(
        place.host,
        place.port,
        authority if authority.exists() else None,
        folder / CERTIFICATE,
        key_file,
        place.frames_prefix,
        know_time,
        token_key,
    )
