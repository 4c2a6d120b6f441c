"""Who may set the page's first PIN, and when: whoever has the hub in hand, not the whole network.

That is a browser on the hub itself at any time, and one in the home within minutes of the device
being switched on, or of the hub's very first start. Pure, but for the file.
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from agent.home.pinfile import PinFile
from shared.units import MS_PER_MINUTE

OPEN_MINUTES = 15
"""Long enough to walk from the hub to a table and open its page, as an installer does."""

HINT = (
    f"Unplug the hub and plug it in again, then choose one within {OPEN_MINUTES} minutes. Or open "
    "this page on the hub itself (ssh -L 8080:localhost:8080), or set page.pin in its file."
)


@dataclass(frozen=True, slots=True)
class FirstPinDoor:
    """The PIN's file, and since when the door stands open by `monotonic_ms`.

    `opened_ms` is 0, the boot, but for a hub that starts for the first time. A process that is
    started anew opens nothing: an update or a job does that too, with nobody at the hub.
    """

    file: PinFile
    monotonic_ms: Callable[[], int]
    opened_ms: int

    @property
    def is_open(self) -> bool:
        """Tell whether anybody who reaches the page may set the first PIN now."""
        return self.monotonic_ms() - self.opened_ms < OPEN_MINUTES * MS_PER_MINUTE

    def admits(self, address: str) -> bool:
        """Tell whether who asks from this address may set the first PIN now."""
        return self.is_open or is_loopback(address)


def is_loopback(address: str) -> bool:
    """Tell whether an address is the hub's own; "" and what is no address is not."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped.is_loopback
    return parsed.is_loopback
