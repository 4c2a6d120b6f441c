"""Every setting of the hub: its key in the file, its default, what it means and how it is read."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from agent.origins import read_origins
from agent.roles import Role
from agent.uplink.kinds import UplinkKind
from firmware_bridge.links.addresses import check_address
from firmware_bridge.meters.catalog import codec_for
from firmware_bridge.meters.keys import parse_key
from shared.calendar import check_zone
from shared.consent import Granularity
from shared.errors import BadInputError, OperatorError
from shared.topics import check_thing

MAX_COMMIT_WINDOW_S = 300
MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    `read` turns a TOML value or an environment string into it, or raises ValueError.
    """

    key: str
    default: Any
    help: str
    read: Callable[[Any], Any]


def whole(least: int, most: int) -> Callable[[Any], int]:
    """Read a whole number within bounds."""

    def read(value: Any) -> int:
        fault = f"give a whole number from {least} to {most}"
        try:
            number = int(value) if isinstance(value, str) else value
        except ValueError as error:
            raise ValueError(fault) from error
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
            raise ValueError(fault)
        return number

    return read


def seconds(least: float, most: float) -> Callable[[Any], float]:
    """Read a duration in seconds within bounds."""

    def read(value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError) as error:
            raise ValueError("give a number of seconds") from error
        if isinstance(value, bool) or not least <= number <= most:
            raise ValueError(f"give seconds from {least:g} to {most:g}")
        return number

    return read


def text(value: Any) -> str:
    """Read a text."""
    if not isinstance(value, str):
        raise ValueError("give a text in quotes")  # noqa: TRY004 (a fault like the others)
    return value


def protocol(value: Any) -> str:
    """Read a meter's protocol."""
    try:
        codec_for(text(value), ZoneInfo("UTC"))
    except OperatorError as error:
        raise ValueError(error.hint) from error
    return text(value)


def link(value: Any) -> str:
    """Read a meter's address; an empty one is judged with the others."""
    address = text(value)
    try:
        if address:
            check_address(address)
    except OperatorError as error:
        raise ValueError(error.hint) from error
    return address


def port(value: Any) -> str:
    """Read a serial port's path; an empty one is none."""
    written = text(value)
    if written and not written.startswith("/"):
        raise ValueError("give the port's whole path, such as /dev/ttyACM0")
    return written


def framing(value: Any) -> str:
    """Read a framing such as 8N1 or 7E1."""
    if not re.fullmatch(r"[78][NEO][12]", text(value)):
        raise ValueError("give data bits, parity and stop bits, such as 8N1 or 7E1")
    return text(value)


def key(value: Any) -> bytes | None:
    """Read a key in hexadecimal; an empty text is none."""
    written = text(value)
    try:
        return parse_key(written, "value") if written else None
    except OperatorError as error:
        raise ValueError(error.hint) from error


def path(value: Any) -> Path | None:
    """Read a file's path; an empty text is none."""
    written = text(value)
    return Path(written) if written else None


def thing(value: Any) -> str:
    """Read a thing name."""
    try:
        return check_thing(text(value))
    except BadInputError as error:
        raise ValueError(error.hint) from error


def zone(value: Any) -> str:
    """Read a time zone's name."""
    try:
        return check_zone(text(value)).key
    except BadInputError as error:
        raise ValueError(error.hint) from error


def discovery_prefix(value: Any) -> str:
    """Read the beginning of topics: levels without wildcards."""
    if not re.fullmatch(r"[\w-]+(/[\w-]+)*", text(value)):
        raise ValueError("give the first level of the topics, such as homeassistant")
    return text(value)


def one_of(*choices: str) -> Callable[[Any], str]:
    """Read one of some words."""

    def read(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"give one of {', '.join(choices)}")
        return str(value)

    return read


def yes_or_no(value: Any) -> bool:
    """Read a truth value."""
    for written, meant in (("true", True), ("false", False)):
        if value is meant or value == written:
            return meant
    raise ValueError("give true or false")


def hosts(value: Any) -> frozenset[str]:
    """Read a list of host names; in the environment they are parted by commas."""
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("give a list of host names in quotes")
    return frozenset(name.strip().lower() for name in names if name.strip())


SETTINGS: tuple[Setting, ...] = (
    Setting("hub.thing", "hub", "the hub's thing name: its certificate's common name", thing),
    Setting("hub.state_dir", "state", "folder of the hub's database", path),
    Setting("hub.zone", "Europe/London", "the household's time zone (IANA name)", zone),
    Setting(
        "hub.clock",
        "system",
        "'system', or 'meter' to let a replay drive the clock from the meter's own time",
        one_of("system", "meter"),
    ),
    Setting(
        "hub.fuse_a",
        100,
        "the home's main fuse in ampere: bounds what a register may gain",
        whole(5, 1000),
    ),
    Setting("meter.protocol", "p1", "what the meter speaks", protocol),
    Setting(
        "meter.link",
        "",
        "where: /dev/ttyUSB0, optical:, mbus: or zigbee: before it, tcp://HOST:PORT, "
        "mqtt://HOST/TOPIC or replay:FILE",
        link,
    ),
    Setting("meter.baud", 115_200, "serial speed in baud", whole(300, 921_600)),
    Setting("meter.framing", "8N1", "data bits, parity and stop bits of the serial port", framing),
    Setting("meter.key", "", "decryption key of a meter that encrypts, hexadecimal", key),
    Setting("meter.authentication_key", "", "its authentication key, hexadecimal", key),
    Setting("meter.username", "", "the name a broker asks for (mqtt://)", text),
    Setting("meter.password", "", "the password to that name", text),
    Setting(
        "meter.silence_s", 60, "no byte for so long: the link is opened anew", seconds(2, 3600)
    ),
    Setting(
        "meter.role",
        "supply",
        "'supply' counts for the home's totals; 'generation' (solar) and 'device' stand beside",
        one_of(*Role),
    ),
    Setting(
        "log.commit_window_s",
        60,
        "samples are committed together this often; "
        "a power cut costs at most so much detail, never energy",
        seconds(0, MAX_COMMIT_WINDOW_S),
    ),
    Setting(
        "log.retention_days", 35, "stored samples are kept this long on the hub", whole(35, 3650)
    ),
    Setting(
        "log.max_mb",
        512,
        "past this size detail is given up, oldest first: ten seconds, half-hours, days",
        whole(16, 1_000_000),
    ),
    Setting(
        "storage.endurance_tb",
        5,
        "what the state folder's card or disk takes in its life, in terabytes written; "
        "its maker may say (TBW)",
        whole(1, 100_000),
    ),
    Setting(
        "uplink.kind",
        "mqtt",
        "'mqtt' for a broker, 'aws' for AWS IoT Core, 'https' where networks block MQTT",
        one_of(*UplinkKind),
    ),
    Setting(
        "uplink.host",
        "",
        "the cloud's host name, for a hub whose certificate was made elsewhere; empty: the hub "
        "goes by what it was provisioned with, and alone until then",
        text,
    ),
    Setting(
        "uplink.port",
        8883,
        "the cloud's port: 8883 for MQTT, 443 for https and for MQTT to AWS (by ALPN)",
        whole(1, MAX_PORT),
    ),
    Setting(
        "uplink.ca_file",
        "",
        "certificate of the authority that signed the cloud's; "
        "empty with https: those the system trusts",
        path,
    ),
    Setting("uplink.certificate_file", "", "the hub's certificate", path),
    Setting("uplink.key_file", "", "the hub's private key, mode 0600", path),
    Setting("uplink.frames_prefix", "", "'$aws/rules/<rule>/' for AWS Basic Ingest", text),
    Setting(
        "uplink.frame_interval_s",
        300,
        "how often frames leave in the steady flow",
        seconds(1, 3600),
    ),
    Setting("uplink.backlog_frames_per_s", 5, "how fast backlog leaves", seconds(0.1, 100)),
    Setting(
        "uplink.start_delay_s",
        10,
        "a random pause up to this before the first hello",
        seconds(0, 3600),
    ),
    Setting(
        "uplink.live",
        False,
        "publish live samples always, not only while the cloud asks (needs granularity live)",
        yes_or_no,
    ),
    Setting(
        "identity.key_store",
        "file",
        "where a provisioned hub's key lives: 'file' (mode 0600 in the state folder), or 'pkcs11' "
        "for a TPM or another token",
        one_of("file", "pkcs11"),
    ),
    Setting("identity.pkcs11_module", "", "the token's library, a .so file", path),
    Setting("identity.pkcs11_token", "", "the token's label", text),
    Setting("identity.pkcs11_pin", "", "the token's user PIN", text),
    Setting(
        "provision.claim_file",
        "/boot/firmware/hearthlink-claim.txt",
        "a claim that is found here is used and then removed; empty: nowhere",
        path,
    ),
    Setting(
        "provision.host",
        "",
        "the cloud's API, HOST or HOST:PORT, for a claim that is typed as a code alone",
        text,
    ),
    Setting("page.host", "127.0.0.1", "address the display page listens on", text),
    Setting("page.port", 8080, "port of the display page", whole(0, MAX_PORT)),
    Setting("page.allowed_hosts", [], "further host names the page answers to", hosts),
    Setting(
        "page.framed_by",
        [],
        "origins whose pages may show this one in a frame, such as "
        "http://homeassistant.local:8123; empty: none",
        read_origins,
    ),
    Setting("page.metrics", False, "serve /metrics, for Prometheus", yes_or_no),
    Setting(
        "page.mdns",
        False,
        "announce the page on the home network as hearthlink.local (extra [mdns])",
        yes_or_no,
    ),
    Setting("page.pin", "", "PIN for changes on the page; empty: the page is read-only", text),
    Setting(
        "panel.port",
        "",
        "serial port of the display panel on the wall, such as /dev/ttyACM0; empty: there is none",
        port,
    ),
    Setting("panel.baud", 115_200, "its speed", whole(9_600, 4_000_000)),
    Setting(
        "homeassistant.host",
        "",
        "the MQTT broker of the home's Home Assistant; empty: it is told nothing",
        text,
    ),
    Setting("homeassistant.port", 1883, "its port; with TLS mostly 8883", whole(1, MAX_PORT)),
    Setting("homeassistant.tls", False, "connect to it by TLS", yes_or_no),
    Setting(
        "homeassistant.ca_file",
        "",
        "certificate of the authority that signed its own; empty: those the system trusts",
        path,
    ),
    Setting("homeassistant.username", "", "the name it asks for", text),
    Setting("homeassistant.password", "", "the password to that name", text),
    Setting(
        "homeassistant.prefix",
        "homeassistant",
        "the discovery prefix set in Home Assistant",
        discovery_prefix,
    ),
    Setting(
        "homeassistant.discovery",
        "device",
        "'device' for Home Assistant 2024.11 and later, 'entity' for any",
        one_of("device", "entity"),
    ),
    Setting(
        "consent.granularity",
        "half-hourly",
        "what may leave the hub until the household chooses: live, 10s, half-hourly, daily, none",
        one_of(*Granularity),
    ),
    Setting(
        "update.slots_dir",
        "",
        "folder of the program's two slots, which updates go into; empty: no updates over the "
        "uplink. The slots' starter sets it",
        path,
    ),
    Setting("update.keys_file", "", "the maker's public keys, a line each: KEY-ID BASE64", path),
    Setting(
        "update.panel_keys_file",
        "",
        "the public keys (PEM, Ed25519 or P-256) one of which must have signed a panel's firmware",
        path,
    ),
    Setting(
        "update.radio_port",
        "",
        "serial port of a Silicon Labs radio module that takes firmware in jobs, also a meter's",
        text,
    ),
    Setting("tariff.electricity_file", "", "the electricity tariff, JSON", path),
    Setting("tariff.gas_file", "", "the gas tariff, JSON", path),
)
