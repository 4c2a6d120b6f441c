"""`hearthlink zigbee`: let devices join the hub's ZigBee network, list them, let one go.

Speaks to the running hub through its state folder and never opens the stick, which the hub holds.
"""

import argparse
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from firmware_bridge.links.zigbee import door
from firmware_bridge.tools import console
from shared.clock import Clock, SystemClock
from shared.errors import OperatorError
from shared.units import MS_PER_SECOND

EXIT_OK = 0
EXIT_NOTHING = 1
DEFAULT_STATE = Path("state")
DEFAULT_PERMIT_S = 60

TAKEN_WITHIN_S = 5.0
"""The hub looks each second; one that is starting its stick may be some seconds late."""

LOOK_EVERY_S = 0.25
IEEE_DIGITS = 16
UNSETTLED = frozenset({"interview", "left"})
"""States of a device that is not yet understood, or not there."""


def run(arguments: list[str]) -> int:
    """Do what is asked; return 0, or 1 where no device joined or there is none."""
    options = build_parser().parse_args(arguments)
    return Errand(options.state, options.json).do(options)


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser; the documentation is checked against it."""
    parser = argparse.ArgumentParser(
        prog="hearthlink zigbee", description="Look after the hub's ZigBee network."
    )
    parser.add_argument(
        "--state",
        type=Path,
        default=DEFAULT_STATE,
        help="the running hub's state folder (hub.state_dir; default: state)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    errands = parser.add_subparsers(dest="errand", required=True)
    permit = _add(errands, "permit", "let devices join, and show those that do")
    permit.add_argument(
        "--seconds", type=_seconds, default=DEFAULT_PERMIT_S, help="for how long (default 60)"
    )
    _add(errands, "devices", "list the devices of the network")
    remove = _add(errands, "remove", "let a device go")
    remove.add_argument("ieee", help="its address, as listed by devices")
    return parser


def _add(errands: Any, name: str, meaning: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = errands.add_parser(
        name, help=meaning, description=f"{meaning[0].upper()}{meaning[1:]}."
    )
    return parser


class Errand:
    """One errand at a running hub; `sleep` and `clock` are the machine's."""

    def __init__(
        self,
        folder: Path,
        is_json: bool,
        *,
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder = folder
        self._is_json = is_json
        self._clock = clock or SystemClock()
        self._sleep = sleep

    def do(self, options: argparse.Namespace) -> int:
        """Do what the command line asks; raise OperatorError where the hub cannot be reached."""
        try:
            if options.errand == "permit":
                return self._permit(options.seconds)
            if options.errand == "remove":
                return self._remove(options.ieee)
            return self._list()
        except PermissionError as error:
            raise OperatorError(
                f"the hub's folder {self._folder} is closed to this user",
                hint="run this as the hub's user: sudo -u hearthlink hearthlink zigbee …",
            ) from error

    def _permit(self, seconds: int) -> int:
        before = {device.ieee: device for device in self._network().devices}
        self._ask(door.Request(permit_s=seconds))
        console.note(
            f"Devices may join for {seconds} s: now press and hold the device's pairing button, "
            "near the hub. Ctrl-C stops looking, not joining."
        )
        joined = self._watch(seconds, before)
        if self._is_json:
            console.say(json.dumps([msgspec.to_builtins(device) for device in joined], indent=2))
        elif not joined:
            console.note("Nothing new has joined; see docs/how-to/meters/zigbee-joining.md.")
        return EXIT_OK if joined else EXIT_NOTHING

    def _watch(self, seconds: int, before: dict[str, door.Device]) -> list[door.Device]:
        """Show devices as they join and are understood; return them."""
        joined: dict[str, door.Device] = {}
        left_s = float(seconds)
        while left_s > 0:
            console.show_progress(f"{left_s:.0f} s left, {len(joined)} joined")
            self._sleep(LOOK_EVERY_S)
            left_s -= LOOK_EVERY_S
            for device in self._network().devices:
                was = before.get(device.ieee)
                is_back = was is None or was.state == "left"
                if is_back and device.state not in UNSETTLED and device.ieee not in joined:
                    joined[device.ieee] = device
                    self._say(f"joined: {_line(device, self._clock.utc_ms())}")
        console.clear_progress()
        return list(joined.values())

    def _list(self) -> int:
        if not self._folder.is_dir():
            console.note(
                f"no hub has run here: there is no folder {self._folder}; "
                "name the hub's with --state, as hub.state_dir has it"
            )
            return EXIT_NOTHING
        try:
            self._ask(door.Request())
            # The request is taken before the list is written.
            self._sleep(LOOK_EVERY_S)
        except OperatorError as error:
            console.note(f"{error.message}; this is what one has left behind")
        network = self._network()
        if self._is_json:
            console.say(json.dumps(msgspec.to_builtins(network), indent=2))
            return EXIT_OK
        now_ms = self._clock.utc_ms()
        age_s = (now_ms - network.written_ms) // MS_PER_SECOND
        if not network.devices:
            console.say("no device has joined yet; let one in with: hearthlink zigbee permit")
        for device in network.devices:
            console.say(_line(device, now_ms))
        if network.permit_until_ms > now_ms:
            left_s = (network.permit_until_ms - now_ms) // MS_PER_SECOND
            console.note(f"joining is open for {left_s} s more")
        console.note(f"channel {network.channel}; as of {age_s} s ago")
        return EXIT_OK if network.devices else EXIT_NOTHING

    def _remove(self, written: str) -> int:
        ieee = _ieee(written)
        known = {device.ieee for device in self._network().devices}
        if ieee not in known:
            raise OperatorError(
                f"no device {written!r} is in the network",
                hint="hearthlink zigbee devices lists them",
            )
        self._ask(door.Request(remove=ieee))
        self._say(f"{ieee} is removed; it joins again only while joining is open")
        return EXIT_OK

    def _ask(self, request: door.Request) -> None:
        """Leave a request and wait until the hub has taken it; raise OperatorError if none does."""
        if not self._folder.is_dir():
            raise OperatorError(
                f"there is no folder {self._folder}",
                hint="name the hub's with --state, as hub.state_dir has it",
            )
        door.write_request(self._folder, request)
        waited_s = 0.0
        while door.is_request_waiting(self._folder):
            if waited_s >= TAKEN_WITHIN_S:
                door.withdraw_request(self._folder)
                raise OperatorError(
                    f"no hub with a ZigBee stick is running on {self._folder}",
                    hint="start the hub with a [[meter]] whose link begins with zigbee:",
                )
            self._sleep(LOOK_EVERY_S)
            waited_s += LOOK_EVERY_S

    def _network(self) -> door.Network:
        network = door.read_network(self._folder)
        return network if network is not None else door.Network(written_ms=self._clock.utc_ms())

    def _say(self, text: str) -> None:
        if self._is_json:
            console.note(text)
        else:
            console.clear_progress()
            console.say(text)


def _line(device: door.Device, now_ms: int) -> str:
    """Describe a device in a line."""
    name = " ".join(part for part in (device.manufacturer, device.model) if part) or "unnamed"
    measures = " and ".join(device.measures) or "nothing Hearthlink reads"
    heard = "never heard" if device.heard_ms is None else _heard(device.heard_ms, now_ms)
    return f"{device.ieee}  {name}: {measures}; {device.state}, {heard}"


def _heard(heard_ms: int, now_ms: int) -> str:
    age_s = max(0, now_ms - heard_ms) // MS_PER_SECOND
    if age_s < 2 * TAKEN_WITHIN_S + 60:
        return f"heard {age_s} s ago"
    moment = datetime.fromtimestamp(heard_ms // MS_PER_SECOND, UTC)
    return f"last heard {moment:%Y-%m-%d %H:%M} UTC"


def _ieee(written: str) -> str:
    """Return an address as the list has it: 16 hex digits, colons left out."""
    digits = written.replace(":", "").replace("-", "").lower()
    try:
        is_address = len(bytes.fromhex(digits)) * 2 == IEEE_DIGITS
    except ValueError:
        is_address = False
    if not is_address:
        raise OperatorError(
            f"{written!r} is no ZigBee address", hint="give 16 hexadecimal digits, as listed"
        )
    return digits


def _seconds(text: str) -> int:
    value = int(text)
    if not 0 <= value <= door.LONGEST_PERMIT_S:
        raise argparse.ArgumentTypeError(f"{text} is not 0 to {door.LONGEST_PERMIT_S}")
    return value
