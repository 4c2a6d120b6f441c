"""The stick itself: the radio library chosen, its application made, started, and its faults named.

Owns every import of a radio library. zigpy drops Smart Energy frames (profile 0x0109) and keeps in
its database whatever is reported; the application made here does neither.
"""

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from firmware_bridge.links.serial_port import explain_port
from firmware_bridge.links.zigbee.address import ZigbeeAddress
from firmware_bridge.links.zigbee.lines import is_report, wants_response
from shared.errors import LinkError, OperatorError

MODULES = {
    "ezsp": ("bellows.zigbee.application", "Silicon Labs stick (EmberZNet)"),
    "znp": ("zigpy_znp.zigbee.application", "Texas Instruments stick (Z-Stack 3)"),
    "xbee": ("zigpy_xbee.zigbee.application", "XBee in API mode"),
}

HOME_AUTOMATION, SMART_ENERGY = 0x0104, 0x0109

COMMIT_EVERY_S = 3_600
"""zigpy's database lies on the hub's card: joining is written at once, the rest can wait."""

START_LIMIT_S = 60
"""Forming a network scans all channels first, which takes a real stick ten seconds or two."""


class Watcher(Protocol):
    """Who is told what the radio hears; the link is one."""

    def frame_received(self, device: Any, packet: Any) -> None:
        """An interviewed device sent a ZCL frame."""

    def device_appeared(self, device: Any) -> None:
        """An interviewed device joined, rejoined or announced itself."""

    def device_gone(self, device: Any) -> None:
        """A device left."""

    def radio_lost(self, reason: BaseException | None) -> None:
        """The stick was reset by itself, failed, or was pulled out."""


def make_application(address: ZigbeeAddress, *, baud: int, database: Path | None) -> Any:
    """Make zigpy's application for a stick, not yet started; raise OperatorError without the extra.

    Without a database the network's devices are forgotten when the process ends. What is heard goes
    to its `watcher`, once it is given one.
    """
    try:
        library = import_module(MODULES[address.radio][0])
    except ModuleNotFoundError as error:
        raise OperatorError(
            f"ZigBee needs the library {error.name}, which is not installed",
            hint="pip install 'hearthlink[zigbee]'",
        ) from error
    return _listening(library.ControllerApplication)(settings_of(address, baud, database))


def settings_of(address: ZigbeeAddress, baud: int, database: Path | None) -> dict[str, Any]:
    """Return zigpy's settings: nothing is fetched from the network, scanned or backed up."""
    return {
        "database_path": None if database is None else str(database),
        "database_commit_interval": COMMIT_EVERY_S,
        "device": {"path": address.path, "baudrate": baud, "flow_control": None},
        "ota": {"enabled": False},
        "backup_enabled": False,
        "topology_scan_enabled": False,
        "use_thread": False,
    }


def prepare_database(path: Path) -> None:
    """Make the network's database private before it holds the network's key."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise OperatorError(
            f"the ZigBee network's database {path} cannot be written: {error.strerror}",
            hint="let the hub's user own the folder hub.state_dir names",
        ) from error


async def start(make: Callable[[], Any], address: ZigbeeAddress) -> Any:
    """Take up the stick's network, or form one; return the running application.

    `make` makes an application that was never started. Raises LinkError naming what is wrong.
    """
    from zigpy.exceptions import NetworkNotFormed  # noqa: PLC0415 (only where the extra is)

    try:
        return await _start(make(), _resume)
    except NetworkNotFormed:
        # An application that has formed a network hears every frame twice: it is not kept.
        pass
    except Exception as error:
        raise explain(error, address) from error
    try:
        await stop(await _start(make(), _form))
        return await _start(make(), _resume)
    except Exception as error:
        raise explain(error, address) from error


async def _start(application: Any, begin: Callable[[Any], Awaitable[None]]) -> Any:
    """Load the database and begin; let go of everything where that fails."""
    try:
        async with asyncio.timeout(START_LIMIT_S):
            await application._load_db()  # noqa: SLF001 (zigpy.new() would do it, but not undo it)
            await begin(application)
    except BaseException:
        await stop(application)
        raise
    return application


async def _resume(application: Any) -> None:
    await application.connect()
    await application.initialize(auto_form=False)


async def _form(application: Any) -> None:
    """Give the stick the network this hub had with another stick, else a new one."""
    await application.connect()
    backup = application.backups.most_recent_backup()
    if backup is None:
        await application.form_network()
    else:
        await application.backups.restore_backup(backup)


async def stop(application: Any) -> None:
    """Let go of the stick and the database; never fails."""
    await application.shutdown()


def explain(error: BaseException, address: ZigbeeAddress) -> LinkError:
    """Say in a household's words what kept the stick from starting."""
    if isinstance(error, LinkError):
        return error
    while isinstance(error.__cause__, OSError):
        error = error.__cause__
    title = MODULES[address.radio][1]
    others = ", ".join(f"radio={radio}" for radio in MODULES if radio != address.radio)
    if isinstance(error, sqlite3.Error):
        return LinkError(
            f"the ZigBee network's database cannot be used: {error}",
            hint="move zigbee.sqlite out of the hub's state folder; devices must then join anew",
        )
    if isinstance(error, TimeoutError):
        return LinkError(
            f"no {title} answers on {address.path}",
            hint=f"another make needs {others}; a stick with Thread or multi-protocol firmware "
            "needs ZigBee firmware first; otherwise pull it out and plug it in again",
        )
    if type(error).__name__ == "InvalidCommandError":
        return LinkError(
            f"the firmware of the ZigBee stick on {address.path} does not know a command: {error}",
            hint="flash it with EmberZNet 7.4, or upgrade hearthlink's zigbee extra",
        )
    if isinstance(error, OSError):
        return explain_port(address.path, error)
    return LinkError(
        f"the ZigBee stick on {address.path} did not start: {type(error).__name__}: {error}",
        hint=f"check that it is a {title} with coordinator firmware, or choose {others}",
    )


def _listening(library_class: Any) -> Any:
    """Return a radio library's application that passes on what it hears."""

    class ListeningApplication(library_class):  # type: ignore[misc]  # chosen at run time
        """Lets Smart Energy through, shows every frame, and keeps reports out of the database."""

        watcher: Watcher | None = None

        def packet_received(self, packet: Any) -> None:
            """Show a frame of an interviewed device, then let zigpy have what is for it."""
            device = _interviewed(self, packet)
            if device is not None and self.watcher is not None:
                self.watcher.frame_received(device, packet)
                frame = packet.data.serialize()
                if is_report(frame) and not wants_response(frame):
                    return
            if packet.profile_id == SMART_ENERGY:
                packet = packet.replace(profile_id=HOME_AUTOMATION)
            super().packet_received(packet)

        def handle_join(self, nwk: Any, ieee: Any, parent_nwk: Any, **options: Any) -> None:
            """Note that a known device announced itself; zigpy tells only of new ones."""
            super().handle_join(nwk, ieee, parent_nwk, **options)
            device = self.devices.get(ieee)
            if self.watcher is not None and device is not None and device.is_initialized:
                self.watcher.device_appeared(device)

        def listener_event(self, name: str, *arguments: Any) -> Any:
            """Hear what zigpy tells its listeners."""
            _pass_on(self.watcher, name, arguments)
            return super().listener_event(name, *arguments)

    return ListeningApplication


def _pass_on(watcher: Watcher | None, name: str, arguments: tuple[Any, ...]) -> None:
    """Tell the watcher of what zigpy tells its listeners, where it matters."""
    if watcher is None:
        return
    heard: dict[str, Callable[..., None]] = {
        "device_initialized": watcher.device_appeared,
        "device_left": watcher.device_gone,
        "device_removed": watcher.device_gone,
        "connection_lost": watcher.radio_lost,
    }
    if name in heard:
        heard[name](*arguments)


def _interviewed(application: Any, packet: Any) -> Any:
    """Return the device a ZCL frame is from, if its interview is over; else None."""
    if not packet.src_ep or not packet.dst_ep:
        return None
    try:
        device = application.get_device_with_address(packet.src)
    except (KeyError, ValueError):
        return None
    return device if device.is_initialized else None
