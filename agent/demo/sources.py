"""What is simulated in a demo: for each source how it is played, and how the hub reads it. Pure."""

from dataclasses import dataclass
from typing import Any

from agent.roles import Role
from firmware_bridge.simulator.fault_spec import read_faults
from firmware_bridge.simulator.meters import METERS
from shared.errors import OperatorError

TEN_SECONDS = 10
MINUTE = 60
"""What goes through a radio is played a telegram a minute: it carries hundreds of reports a second,
where a pseudo-terminal carries thousands of telegrams."""


@dataclass(frozen=True, slots=True)
class Source:
    """One simulated source.

    `simulated` is the protocol as `hearthlink simulate` names it, `protocol` as the hub does.
    `played_on` is the link it is simulated on and `link` the one the hub reads: `{path}` is a port
    of the source's own, `{topics}` where on a broker of the demo's own a Glow publishes. `shows`
    says which of the household's meters it has, None all of them.
    """

    simulated: str
    protocol: str
    played_on: str = "pty:{path}"
    link: str = "{path}"
    shows: str | None = None
    cadence_s: int = TEN_SECONDS
    is_encrypted: bool = False
    role: Role = Role.SUPPLY

    def table(self, link: str, keys: tuple[str, str]) -> dict[str, Any]:
        """Return the `[[meter]]` table of the hub's configuration."""
        table = {"protocol": self.protocol, "link": link, "role": self.role.value}
        if self.is_encrypted:
            table |= {"key": keys[0], "authentication_key": keys[1]}
        return table

    def play_options(self, keys: tuple[str, str]) -> list[str]:
        """Return what tells `hearthlink simulate` what to show, how often, and by which keys."""
        options = [f"--protocol={self.simulated}", f"--history-cadence-s={self.cadence_s}"]
        if self.shows:
            options.append(f"--shows={self.shows}")
        if self.is_encrypted:
            options += [f"--key={keys[0]}", f"--auth-key={keys[1]}"]
        return options


def _glow(shows: str | None = None) -> Source:
    return Source("glow", "glow", played_on="{topics}", link="{topics}/#", shows=shows)


def _zigbee(shows: str | None = None) -> Source:
    return Source("zigbee", "zigbee", link="zigbee:{path}", shows=shows, cadence_s=MINUTE)


HOMES: dict[str, dict[str, Source]] = {
    **{name: {"meter": Source(name, name)} for name in ("p1", "sml", "dlms", "iec62056", "raven")},
    "p1-encrypted": {"meter": Source("p1-encrypted", "p1-encrypted", is_encrypted=True)},
    "dlms-encrypted": {"meter": Source("dlms-encrypted", "dlms", is_encrypted=True)},
    "mbus": {"meter": Source("mbus", "mbus")},
    "glow": {"meter": _glow()},
    "zigbee": {"meter": _zigbee()},
    "mixed": {
        "electricity": _zigbee("electricity"),
        "gas": _glow("gas"),
        "solar": Source("p1", "p1", shows="solar", role=Role.GENERATION),
    },
}
"""By the name `--protocol` gives a home: its sources, each with a name of its own."""


def check_faults(spec: str | None, home: dict[str, Source]) -> None:
    """Raise OperatorError where, after these faults, nobody could say what a hub must hold."""
    if not spec:
        return
    faults = read_faults(spec)
    for source in home.values():
        is_checked = METERS[source.simulated].checked_span is not None
        words = faults.unprovable(is_checked=is_checked)
        if words:
            raise OperatorError(
                f"after {', '.join(words)} on {source.simulated} nothing could be proved",
                hint="leave them out here; hearthlink simulate plays them: docs/how-to/simulate.md",
            )


def home_of(name: str) -> dict[str, Source]:
    """Return the sources of a home; raise OperatorError naming those there are."""
    try:
        return HOMES[name]
    except KeyError:
        raise OperatorError(
            f"protocol {name!r} is not simulated", hint=f"use one of: {', '.join(sorted(HOMES))}"
        ) from None
