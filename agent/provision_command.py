"""`hearthlink provision`: gives the hub its identity by a claim, or renews it; safe to repeat."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shared.cli import EXIT_OK
from shared.errors import OperatorError

if TYPE_CHECKING:
    from agent.config import Config
    from agent.identity.place import Place
    from agent.provision.enrolment import Tools
    from agent.provision.joining import Ticket
    from agent.provision.steps import Shown

DESCRIPTION = (
    "Give the hub its own certificate by a claim (hearthlink fleet claim); "
    "cut off at any point, the same command goes on."
)


def build_parser() -> argparse.ArgumentParser:
    """Return the command's parser; the documentation is checked against it."""
    parser = argparse.ArgumentParser("hearthlink provision", description=DESCRIPTION)
    parser.add_argument(
        "claim",
        nargs="?",
        metavar="CLAIM",
        help="the claim as shown, hearthlink:HOST/CODE, or the code alone; none: go on with what "
        "was begun",
    )
    parser.add_argument(
        "--claim-file", type=Path, metavar="FILE", help="a claim in a file, or a bundle of AWS"
    )
    parser.add_argument("--renew", action="store_true", help="renew the certificate now")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the hub's TOML file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Provision the hub; raises OperatorError (2) and RetryableError (1) with what to do."""
    chosen = build_parser().parse_args(arguments)
    from agent.config import load_config  # noqa: PLC0415 (keeps --help quick)
    from agent.ownership import check_owner  # noqa: PLC0415

    config = load_config(chosen.config)
    if config.uplink_host:
        raise OperatorError(
            "uplink.host is set: this hub goes by the certificate named in its configuration",
            hint="take the [uplink] host, port and files out of it, then provision",
        )
    check_owner(config.identity_folder)
    display = _Display(is_shown=not chosen.json)
    place = asyncio.run(_provision(config, chosen, display))
    if chosen.json:
        print(json.dumps(display.report(place)))
    else:
        print(f"This hub is {place.thing} at {place.host}:{place.port} ({place.kind.value}).")
    return EXIT_OK


async def _provision(config: "Config", chosen: argparse.Namespace, display: "_Display") -> "Place":
    from agent.provision.claimfile import claim_file_of  # noqa: PLC0415
    from agent.provision.joining import join  # noqa: PLC0415
    from agent.provision.renewing import renew  # noqa: PLC0415

    tools = make_tools(config, display)
    if chosen.renew:
        return await renew(tools)
    ticket = _ticket(config, chosen)
    if ticket is None and tools.identity.journal() is None:
        present = tools.identity.current()
        if present is not None:
            return present.place
    place = await join(tools, ticket, config.provision_host)
    claim_file_of(config).remove()
    return place


def make_tools(config: "Config", display: "_Display") -> "Tools":
    """Make what provisioning works with beside the running hub, which follows by itself."""
    from agent.floor import RELEASED_MS, KnownTime, known_time  # noqa: PLC0415
    from agent.identity.folder import IdentityFolder  # noqa: PLC0415
    from agent.identity.place import Place  # noqa: PLC0415
    from agent.provision.enrolment import Tools  # noqa: PLC0415
    from agent.provision.proof import connect_once  # noqa: PLC0415
    from agent.transports import carrier_of, open_keys, open_uplink  # noqa: PLC0415
    from agent.uplink.access import CloudAccess  # noqa: PLC0415
    from shared.clock import SystemClock  # noqa: PLC0415

    clock = SystemClock()

    def know_time() -> KnownTime | None:
        # A clock in 1970 must not keep a hub from its first certificate.
        return known_time(clock.utc_ms(), RELEASED_MS, None)

    async def prove(place: Place, access: CloudAccess) -> None:
        await connect_once(open_uplink(place.kind, place.thing, access))

    return Tools(
        IdentityFolder(config.identity_folder, open_keys(config)),
        carrier_of,
        prove,
        know_time,
        lambda: max(clock.utc_ms(), RELEASED_MS),
        display.tell,
    )


def _ticket(config: "Config", chosen: argparse.Namespace) -> "Ticket | None":
    from agent.provision.tickets import read_ticket, read_ticket_file  # noqa: PLC0415

    if chosen.claim and chosen.claim_file:
        raise OperatorError("both a claim and a file were given", hint="give one of them")
    if chosen.claim_file:
        return read_ticket_file(chosen.claim_file, config.provision_host)
    if chosen.claim:
        return read_ticket(chosen.claim, config.provision_host)
    found = config.provision_claim_file
    if found is not None and found.is_file():
        return read_ticket_file(found, config.provision_host)
    return None


class _Display:
    """Ticks each step off on standard error as it is done, and says how long it took."""

    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown = is_shown
        self._began_s = self._last_s = time.monotonic()
        self._steps: dict[str, int] = {}

    def tell(self, step: "Shown") -> None:
        """Note that a step is done."""
        now_s = time.monotonic()
        taken_ms, self._last_s = round((now_s - self._last_s) * 1000), now_s
        self._steps[step.value] = taken_ms
        if self._is_shown:
            print(f"  \u2713 {step.value}  ({taken_ms} ms)", file=sys.stderr, flush=True)

    def report(self, place: "Place") -> dict[str, object]:
        """Write what was done, for a program."""
        return {
            "thing": place.thing,
            "host": place.host,
            "port": place.port,
            "kind": place.kind.value,
            "steps_ms": self._steps,
            "total_ms": round((time.monotonic() - self._began_s) * 1000),
        }
