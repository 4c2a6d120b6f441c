"""How `hearthlink zigbee` speaks to the hub that holds the stick: two small files in its folder.

The command writes a request; the hub takes it away and keeps a list of its devices beside it.
Only the hub ever opens the stick. Nothing here needs the ZigBee libraries.
"""

import contextlib
import json
import os
from pathlib import Path

import msgspec

from shared.errors import BadInputError

REQUEST_NAME = "zigbee-request.json"
DEVICES_NAME = "zigbee-devices.json"
DATABASE_NAME = "zigbee.sqlite"
MAX_FILE_BYTES = 256 * 1024
"""A hundred devices are described in some 20 KB."""

LONGEST_PERMIT_S = 254
"""The standard's own limit: the field has eight bits, and 255 would be for ever."""


class Request(msgspec.Struct, frozen=True):
    """What a person asks of the hub: let devices join for so long, let one go, or only tell.

    Whatever is asked, the hub then says anew what its network looks like.
    """

    permit_s: int | None = None
    remove: str = ""


class Device(msgspec.Struct, frozen=True):
    """A device of the network as an installer knows it.

    `state` is "reading", "opening", "left" or "no meter"; `measures` names what it can tell.
    """

    ieee: str
    manufacturer: str = ""
    model: str = ""
    measures: tuple[str, ...] = ()
    state: str = ""
    heard_ms: int | None = None


class Network(msgspec.Struct, frozen=True):
    """The network as of `written_ms`; joining closes at `permit_until_ms`, 0 if never opened."""

    written_ms: int
    channel: int = 0
    permit_until_ms: int = 0
    devices: tuple[Device, ...] = ()


def write_request(folder: Path, request: Request) -> None:
    """Leave a request for the hub; raise OSError where the folder cannot be written."""
    _replace(folder / REQUEST_NAME, msgspec.json.encode(request))


def take_request(folder: Path) -> Request | None:
    """Take the request that waits, if one does; raise BadInputError for one that is none."""
    content = _read(folder / REQUEST_NAME)
    if content is None:
        return None
    with contextlib.suppress(OSError):
        (folder / REQUEST_NAME).unlink()
    try:
        return msgspec.json.decode(content, type=Request)
    except msgspec.MsgspecError as error:
        raise BadInputError(f"{REQUEST_NAME} is no request: {error}") from error


def is_request_waiting(folder: Path) -> bool:
    """Tell whether the hub has not yet taken the last request."""
    return (folder / REQUEST_NAME).exists()


def withdraw_request(folder: Path) -> None:
    """Take back a request nobody took."""
    (folder / REQUEST_NAME).unlink(missing_ok=True)


def write_network(folder: Path, network: Network) -> None:
    """Say what the network looks like now; raise OSError where that cannot be written."""
    _replace(folder / DEVICES_NAME, json.dumps(msgspec.to_builtins(network), indent=1).encode())


def read_network(folder: Path) -> Network | None:
    """Return the network as the hub last described it; None if it never did."""
    content = _read(folder / DEVICES_NAME)
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=Network)
    except msgspec.MsgspecError as error:
        raise BadInputError(f"{DEVICES_NAME} cannot be read: {error}") from error


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES)
    except FileNotFoundError:
        return None


def _replace(path: Path, content: bytes) -> None:
    """Write beside, then rename, so that a reader sees the old or the new and nothing between."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(path)
