"""What one meter's link is doing, for the page and `doctor`."""

import logging
from dataclasses import dataclass

from firmware_bridge.links import LinkEvent, LinkEventKind

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class LinkState:
    """Whether a link is open, how often it was lost, and why the last time."""

    is_open: bool = False
    times_lost: int = 0
    reason: str = ""
    hint: str = ""

    def note(self, link: str, event: LinkEvent) -> None:
        """Remember what has happened to the link of this name."""
        self.is_open = event.kind is LinkEventKind.OPENED
        self.reason, self.hint = event.reason, event.hint
        if event.kind in (LinkEventKind.LOST, LinkEventKind.SILENT):
            self.times_lost += 1
            _logger.warning("meter link %s: %s", link, event.reason)
