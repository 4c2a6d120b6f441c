"""Which version of the program this is, as installed."""

from shared.version import VERSION


def own_version() -> str:
    """Tell this program's version as three numbers; what follows them does not count."""
    numbers = [part for part in VERSION.split(".")[:3] if part.isdecimal()]
    return ".".join([*numbers, "0", "0"][:3])
