"""Arguments that several of the installer's commands share, and what they mean."""

import argparse
from pathlib import Path
from zoneinfo import ZoneInfo

from firmware_bridge.links.addresses import FORMS
from firmware_bridge.links.serial_port import is_framing
from firmware_bridge.meters.keys import Keys, parse_key
from shared.calendar import check_zone
from shared.errors import BadInputError, OperatorError

DEFAULT_ZONE = "Europe/London"
"""The same as the hub's `hub.zone`."""

MAX_KEY_FILE_BYTES = 1_024
"""A key has 32 digits; a file that is larger was named by mistake."""

PORT_HELP = f"where the meter is: {FORMS}"


def add_meter_options(parser: argparse.ArgumentParser) -> None:
    """Add the keys and the zone."""
    parser.add_argument(
        "--key", metavar="HEX|@FILE", help="key of a meter that encrypts; @FILE keeps it unseen"
    )
    parser.add_argument(
        "--auth-key", metavar="HEX|@FILE", help="its authentication key, where it has one"
    )
    parser.add_argument(
        "--zone",
        default=DEFAULT_ZONE,
        help=f"time zone of the meter's clock (default {DEFAULT_ZONE})",
    )


def add_account_options(parser: argparse.ArgumentParser) -> None:
    """Add the account of a broker."""
    parser.add_argument("--username", default="", help="for a broker that asks for one")
    parser.add_argument(
        "--password", default="", metavar="TEXT|@FILE", help="its password; @FILE keeps it unseen"
    )


def password_of(given: str) -> str:
    """Read a password; raise OperatorError where its file cannot be."""
    return _read_file(given[1:], "password").strip() if given.startswith("@") else given


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone; raise OperatorError for a name that is none."""
    try:
        return check_zone(name)
    except BadInputError as error:
        raise OperatorError(error.message, hint="use an IANA name such as Europe/Vienna") from error


def keys_of(key: str | None, auth_key: str | None) -> Keys | None:
    """Read the keys that were given; raise OperatorError, which never repeats one."""
    if key is None:
        if auth_key is not None:
            raise OperatorError("--auth-key is of no use alone", hint="give --key as well")
        return None
    authentication = None if auth_key is None else _read_key(auth_key, "authentication key")
    return Keys(_read_key(key, "key"), authentication)


def framing(text: str) -> str:
    """Read a framing for argparse."""
    chosen = text.upper()
    if not is_framing(chosen):
        raise argparse.ArgumentTypeError("give data bits, parity and stop bits, such as 8N1 or 7E1")
    return chosen


def positive(text: str) -> float:
    """Read a number above zero for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("give a number above 0")
    return number


def _read_key(given: str, name: str) -> bytes:
    if not given.startswith("@"):
        return parse_key(given, name)
    return parse_key(_read_file(given[1:], name), f"{name} in {given[1:]}")


def _read_file(name: str, what: str) -> str:
    path = Path(name)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_KEY_FILE_BYTES)
    except OSError as error:
        raise OperatorError(
            f"{what} file {path} cannot be read: {error.strerror}", hint="give an existing file"
        ) from error
    return content.decode("utf-8", "replace")
