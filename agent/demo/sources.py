"""What is simulated in a demo: for each source how it is played, and how the hub reads it. Pure."""

from dataclasses import dataclass
from typing import Any

from agent.roles import Role
from firmware_bridge.simulator.fault_spec import read_faults
from firmware_bridge.simulator.meters import METERS
from shared.errors import OperatorError

ZIGBEE = "zigbee"
TEN_SECONDS = 10
MINUTE = 60
"""What goes through a radio is played a telegram a minute: it carries hundreds of reports a second,
where a pseudo-terminal carries thousands of telegrams."""

ASKED_EVERY_S = 5
"""The shortest there is: a demo of some seconds has a few readouts."""


@dataclass(frozen=True, slots=True)
class Source:
    """One simulated source.

    `simulated` is the protocol as `hearthlink simulate` names it, `protocol` as the hub does.
    `played_on` is the link it is simulated on and `link` the one the hub reads: `{path}` is a port
    of the source's own, `{topics}` where on a broker of the demo's own a Glow publishes. `shows`
    says which of the household's meters it has, None all of them. One that `is_asked` tells what it
    shows now and has no history.
    """

    simulated: str
    protocol: str
    played_on: str = "pty:{path}"
    link: str = "{path}"
    shows: str | None = None
    cadence_s: int = TEN_SECONDS
    is_encrypted: bool = False
    is_asked: bool = False
    role: Role = Role.SUPPLY

    def table(self, link: str, keys: tuple[str, str]) -> dict[str, Any]:
        """Return the `[[meter]]` table of the hub's configuration."""
        table = {"protocol": self.protocol, "link": link, "role": self.role.value}
        if self.is_encrypted:
            table |= {"key": keys[0], "authentication_key": keys[1]}
        return table

    def play_options(self, keys: tuple[str, str], history_days: float) -> list[str]:
        """Return what tells `hearthlink simulate` what to show, since when, and by which keys."""
        if self.is_asked:
            return [f"--protocol={self.simulated}", "--asked"]
        options = [f"--protocol={self.simulated}", f"--history-cadence-s={self.cadence_s}"]
        options.append(f"--history-days={history_days}")
        if self.shows:
            options.append(f"--shows={self.shows}")
        if self.is_encrypted:
            options += [f"--key={keys[0]}", f"--auth-key={keys[1]}"]
        return options


def _glow(shows: str | None = None) -> Source:
    return Source("glow", "glow", played_on="{topics}", link="{topics}/#", shows=shows)


def _zigbee(shows: str | None = None) -> Source:
    return Source("zigbee", "zigbee", link="zigbee:{path}", shows=shows, cadence_s=MINUTE)


def _asked(protocol: str, link: str) -> Source:
    return Source(protocol, protocol, link=link, is_asked=True)


HOMES: dict[str, dict[str, Source]] = {
    **{name: {"meter": Source(name, name)} for name in ("p1", "sml", "dlms", "iec62056", "raven")},
    "p1-encrypted": {"meter": Source("p1-encrypted", "p1-encrypted", is_encrypted=True)},
    "dlms-encrypted": {"meter": Source("dlms-encrypted", "dlms", is_encrypted=True)},
    "iec62056-asked": {"meter": _asked("iec62056", f"optical:{{path}}?every_s={ASKED_EVERY_S}")},
    "mbus": {"meter": Source("mbus", "mbus")},
    "mbus-asked": {
        "meter": _asked("mbus", f"mbus:{{path}}?addresses=1,2,5&every_s={ASKED_EVERY_S}")
    },
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
    """Raise OperatorError where, after these faults, nobody could say what a hub must hold.

    Also where they are a radio's and a source has none.
    """
    if not spec:
        return
    faults = read_faults(spec)
    for source in home.values():
        is_checked = METERS[source.simulated].checked_span is not None
        if source.simulated != ZIGBEE and faults.of_radio():
            raise OperatorError(
                f"{', '.join(faults.of_radio())}: {source.simulated} has no radio",
                hint=f"leave them out, or use --protocol {ZIGBEE}",
            )
        if source.is_asked:
            raise OperatorError(
                f"nothing goes wrong at a {source.simulated} meter that is asked",
                hint="leave out --faults, or use --protocol without -asked",
            )
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
