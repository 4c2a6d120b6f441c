"""The steps of provisioning as they are shown to whoever watches. Pure."""

import enum
from collections.abc import Callable


class Shown(enum.StrEnum):
    """A step that takes a moment, in the order they come."""

    REDEEM = "redeem the claim"
    KEY = "make the hub's key"
    CONNECT = "connect to the broker"
    CERTIFY = "ask for a certificate"
    REGISTER = "register the hub"
    PROVE = "prove it by connecting"
    SWAP = "put it in use"


Tell = Callable[[Shown], None]
"""Called when a step is done."""


def tell_nobody(_step: Shown) -> None:
    """Tell nobody."""
