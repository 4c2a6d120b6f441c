"""Which version of the program this is, as installed."""

from importlib.metadata import version


def own_version() -> str:
    """Tell this program's version as three numbers; what follows them does not count."""
    numbers = [part for part in version("hearthlink").split(".")[:3] if part.isdecimal()]
    return ".".join([*numbers, "0", "0"][:3])
