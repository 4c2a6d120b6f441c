"""`hearthlink detect`: which meter speaks at a port, at which speed, and the settings to paste."""

import argparse
import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from firmware_bridge.links import Link, LinkSettings, open_link
from firmware_bridge.links.serial_port import SerialLink
from firmware_bridge.meters.catalog import CODECS
from firmware_bridge.tools import console
from firmware_bridge.tools.asking import ask, ask_bus
from firmware_bridge.tools.finding import (
    found_document,
    found_lines,
    unfound_document,
    unfound_lines,
)
from firmware_bridge.tools.listening import Heard, Listener, Patience, plan, window_s
from firmware_bridge.tools.options import (
    DEFAULT_ZONE,
    PORT_HELP,
    add_account_options,
    password_of,
    zone_of,
)
from shared.errors import LinkError

BY_ID = Path("/dev/serial/by-id")
"""Names that stay when adapters are plugged in another order."""

EXIT_FOUND = 0
EXIT_UNFOUND = 1


@dataclass(slots=True)
class Search:
    """Looks for a meter on one open link within `patience.total_s` seconds.

    `heard` is what came at each setting tried, so far.
    """

    link: Link
    zone: ZoneInfo
    patience: Patience
    heard: list[Heard] = field(default_factory=list)
    _start_s: float = 0.0

    async def run(self) -> Heard | None:
        """Return where a meter was understood; None where none was."""
        self._start_s = _now_s()
        listener = Listener(self.link, self.zone, self.patience, self._show)
        if isinstance(self.link, SerialLink):
            return await self._search(self.link, listener)
        return self._keep(await listener.listen(None, self.patience.total_s))

    async def _search(self, link: SerialLink, listener: Listener) -> Heard | None:
        settings, has_asked = plan(), False
        for place, one in enumerate(settings):
            link.retune(baud=one.baud, framing=one.framing)
            longest_s = window_s(self._left_s(), len(settings) - place, self.patience)
            found = self._keep(await listener.listen(one, longest_s))
            if found is None and not has_asked and not self.heard[-1].size:
                # A silent line is what a meter gives that waits to be asked.
                has_asked = True
                found = await self._ask(link, listener)
            if found is not None:
                return found
        return None if has_asked else await self._ask(link, listener)

    async def _ask(self, link: SerialLink, listener: Listener) -> Heard | None:
        """Ask as optical heads are, then as a bus is at each of its speeds."""
        found = self._keep(await ask(link, listener, self._asking_s()))
        for settings in CODECS["mbus"].ports:
            if found is None:
                heard = await ask_bus(link, listener, settings, self._asking_s())
                found = self._keep(heard)
        return found

    def _asking_s(self) -> float:
        return min(self._left_s(), self.patience.asking_s)

    def _keep(self, heard: Heard) -> Heard | None:
        self.heard.append(heard)
        return heard if heard.found is not None else None

    def _left_s(self) -> float:
        return self._start_s + self.patience.total_s - _now_s()

    def _show(self, heard: Heard) -> None:
        where = f"listening at {heard.settings}" if heard.settings else "listening"
        bar = console.bar(_now_s() - self._start_s, self.patience.total_s)
        console.show_progress(f"{bar} {where}: {heard.size:,} bytes")


def run(arguments: list[str]) -> int:
    """Find what speaks at a port; return 0 where a meter was understood, 1 where none was."""
    options = build_parser().parse_args(arguments)
    zone = zone_of(options.zone)
    try:
        return asyncio.run(_detect(options, zone, Patience()))
    finally:
        console.clear_progress()


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser; the documentation is checked against it."""
    parser = argparse.ArgumentParser(
        prog="hearthlink detect",
        description="Find which meter speaks at a port, within a minute, and print its settings.",
    )
    parser.add_argument("port", metavar="PORT", help=PORT_HELP)
    parser.add_argument(
        "--zone",
        default=DEFAULT_ZONE,
        help=f"time zone of the meter's clock (default {DEFAULT_ZONE})",
    )
    add_account_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


async def _detect(options: argparse.Namespace, zone: ZoneInfo, patience: Patience) -> int:
    port: str = options.port
    settings = LinkSettings(username=options.username, password=password_of(options.password))
    link = await open_link(port, settings)
    search = Search(link, zone, patience)
    try:
        heard = await search.run()
    except LinkError as error:
        if not search.heard:
            raise
        console.note(str(error))
        heard = None
    finally:
        await link.close()
    console.clear_progress()
    found = heard.found if heard is not None else None
    if heard is not None and found is not None:
        name = lasting_name(port)
        document, lines = found_document(name, heard, found), found_lines(name, heard, found)
    else:
        document, lines = unfound_document(port, search.heard), unfound_lines(port, search.heard)
    console.say(msgspec.json.encode(document).decode() if options.json else "\n".join(lines))
    return EXIT_FOUND if found is not None else EXIT_UNFOUND


def lasting_name(port: str, folder: Path = BY_ID) -> str:
    """Return the name under /dev/serial/by-id of a port, where it has one."""
    if not port.startswith("/"):
        return port
    device = Path(port).resolve()
    try:
        names = sorted(folder.iterdir())
    except OSError:
        return port
    return next((str(name) for name in names if name.resolve() == device), port)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
