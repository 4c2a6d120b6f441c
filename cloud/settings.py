"""The cloud's settings one by one: what each is for, its default, and what is acceptable.

Says nothing of where values come from: that is cloud/config.py.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cloud.origins import origin_of
from shared.calendar import check_zone
from shared.errors import BadInputError

ENVIRONMENT_PREFIX = "HEARTHLINK_CLOUD_"

MIN_TOKEN_CHARS = 16
"""A token shorter than this can be guessed over the network."""

_ORIGIN = re.compile(
    r"https://[a-z0-9.-]+(:[0-9]{1,5})?|http://(localhost|127\.0\.0\.1)(:[0-9]{1,5})?"
)

MAX_RECEIPT_INTERVAL_S = 86_400
MAX_WINDOW_FRAMES = 1_024
MAX_REQUESTS_PER_S = 1_000
MAX_LAKE_INTERVAL_H = 744
"""A month: frames are kept for thirteen, so that an export that fails is noticed in time."""


Value = str | int
Check = Callable[[Value], str | None]
"""Returns what to do instead where the value will not do, else None."""


@dataclass(frozen=True)
class Setting:
    """One key of the file: its default, what it is for, and what makes a value acceptable."""

    key: str
    default: Value
    help: str
    check: Check

    @property
    def variable(self) -> str:
        """The environment variable that overrides the file."""
        return ENVIRONMENT_PREFIX + self.key.upper()


def _any(_value: Value) -> str | None:
    return None


def _some(value: Value) -> str | None:
    return None if value else "give a value"


def _between(low: int, high: int) -> Check:
    def check(value: Value) -> str | None:
        fits = isinstance(value, int) and low <= value <= high
        return None if fits else f"give a whole number from {low} to {high}"

    return check


def _zone(value: Value) -> str | None:
    try:
        check_zone(str(value))
    except BadInputError as error:
        return error.hint
    return None


def _token(value: Value) -> str | None:
    if value and len(str(value)) < MIN_TOKEN_CHARS:
        return f"give at least {MIN_TOKEN_CHARS} characters that cannot be guessed"
    return None


def _database(value: Value) -> str | None:
    if not value or str(value).split("://")[0].split("+")[0] in ("sqlite", "postgresql"):
        return None
    return "give an sqlite:/// or postgresql:// URL, or leave it empty"


def _url(value: Value) -> str | None:
    parts = urlsplit(str(value))
    fits = not value or (parts.scheme in ("https", "http") and parts.netloc)
    return None if fits else "give a URL with https://"


def _origin(value: Value) -> str | None:
    if not value:
        return None
    if origin_of(str(value)) and _url(value) is None:
        parts = urlsplit(str(value))
        if not (parts.path.strip("/") or parts.query or parts.fragment or parts.username):
            return None
    return "give https:// and a host, without a path"


def _file(value: Value) -> str | None:
    return None if not value or Path(str(value)).is_file() else "no such file"


def _folder(value: Value) -> str | None:
    return None if not value or Path(str(value)).is_dir() else "no such folder"


def _lake(value: Value) -> str | None:
    text = str(value)
    if text.startswith("s3://"):
        return None if text.removeprefix("s3://").strip("/") else "give s3://bucket/prefix"
    return "give a folder, or s3://bucket/prefix" if "://" in text else None


def _origins(value: Value) -> str | None:
    """Whole origins only: a pattern or `*` would let in whoever finds a name that fits."""
    for origin in str(value).split():
        if not _ORIGIN.fullmatch(origin):
            return f"{origin!r} is no origin: give https://app.example.org, apart by spaces"
    return None


def _group(value: Value) -> str | None:
    text = str(value)
    fits = bool(text) and not set(text) & set("/+#")
    return None if fits else "give a name without '/', '+' and '#'"


SETTINGS: tuple[Setting, ...] = (
    Setting("state_dir", "state/cloud", "Folder of the SQLite database.", _some),
    Setting(
        "database_url",
        "",
        "SQLAlchemy URL of the database; empty is an SQLite file in state_dir.",
        _database,
    ),
    Setting("api_host", "127.0.0.1", "Address the API listens on.", _some),
    Setting("api_port", 8000, "Port the API listens on.", _between(1, 65_535)),
    Setting(
        "api_token", "", "Bearer token that callers of the API show; the API needs one.", _token
    ),
    Setting(
        "installer_token",
        "",
        "Token that opens the installer's screen (/install) and nothing else; empty: api_token.",
        _token,
    ),
    Setting(
        "api_cert",
        "",
        "Certificate the API serves HTTPS with (PEM); empty: HTTP, for a proxy before it.",
        _any,
    ),
    Setting("api_key", "", "Private key of that certificate (PEM).", _any),
    Setting(
        "public_url",
        "",
        "Where browsers reach this, as https://home.example.org; empty: as requests name it.",
        _origin,
    ),
    Setting(
        "requests_per_s_max",
        100,
        "Requests a second of one caller, five seconds' worth at once; 0: any. The api_token's are "
        "not counted.",
        _between(0, MAX_REQUESTS_PER_S),
    ),
    Setting(
        "breached_passwords_file",
        "",
        "Sorted SHA-1 digests of leaked passwords in hexadecimal, one a line; empty: the built-in "
        "rules alone.",
        _file,
    ),
    Setting(
        "oidc_issuer",
        "",
        "OIDC provider whose access tokens are taken, as its tokens name it (`iss`); empty: none.",
        _url,
    ),
    Setting(
        "oidc_client_ids",
        "",
        "Clients of that provider whose tokens are taken (`client_id` or `azp`), with commas.",
        _any,
    ),
    Setting("oidc_audience", "", "What its tokens must have in `aud`; empty: not looked at.", _any),
    Setting(
        "oidc_jwks_url",
        "",
        "Where its keys are; empty: as its /.well-known/openid-configuration says.",
        _url,
    ),
    Setting(
        "cors_origins",
        "",
        "Origins of web apps that may call the API from a browser, apart by spaces; empty: none.",
        _origins,
    ),
    Setting(
        "hub_ca",
        "",
        "The fleet's ca.crt (PEM): hubs it vouches for may send over HTTPS; empty: none may.",
        _file,
    ),
    Setting(
        "report_cert",
        "",
        "Certificate that commissioning reports are signed under (PEM); empty: broker_cert.",
        _any,
    ),
    Setting("report_key", "", "Private key of that certificate (PEM); empty: broker_key.", _any),
    Setting(
        "fleet_region",
        "",
        "AWS region whose IoT Core governs the hubs; empty: our own device service does.",
        _any,
    ),
    Setting("fleet_rule", "", "Rule of AWS IoT that takes the hubs' frames.", _any),
    Setting("fleet_role", "", "ARN of the role that AWS IoT provisions hubs with.", _any),
    Setting(
        "fleet_hook", "", "ARN of the Lambda function that judges who becomes which hub.", _any
    ),
    Setting(
        "fleet_dir",
        "",
        "Folder of 'hearthlink fleet init', whose authority signs what claims and renewals ask "
        "for; empty: nothing is signed here.",
        _folder,
    ),
    Setting(
        "claim_host",
        "",
        "HOST or HOST:PORT by which a hub reaches this API to redeem a claim; empty: api_host and "
        "api_port.",
        _any,
    ),
    Setting(
        "hub_broker_host",
        "",
        "Host by which hubs reach the broker, as its certificate names it; empty: broker_host.",
        _any,
    ),
    Setting("hub_broker_port", 8883, "Port of that, the broker's for hubs.", _between(1, 65_535)),
    Setting(
        "broker_reload",
        "",
        "Command that has the broker read its revocation list; empty: SIGHUP to the process of "
        "mosquitto.pid in fleet_dir.",
        _any,
    ),
    Setting(
        "devices_metrics_port",
        0,
        "Port on loopback where 'cloud devices' shows its counters to Prometheus; 0: nowhere.",
        _between(0, 65_535),
    ),
    Setting("broker_host", "", "MQTT broker; empty runs the API without live power.", _any),
    Setting(
        "broker_port",
        8884,
        "Port of the broker for the cloud's own services, not that of hubs.",
        _between(1, 65_535),
    ),
    Setting("broker_ca", "", "Certificate that the broker's own is signed by (PEM).", _any),
    Setting("broker_cert", "", "Certificate this service shows the broker (PEM).", _any),
    Setting("broker_key", "", "Private key of that certificate (PEM).", _any),
    Setting("zone", "Europe/London", "Time zone of the household's days.", _zone),
    Setting("household_name", "Home", "What the household is called.", _some),
    Setting(
        "receipt_interval_s",
        0,
        "Least time between steady-state receipts of one log; 0 is at once, 3600 suits a broker "
        "that charges for each message.",
        _between(0, MAX_RECEIPT_INTERVAL_S),
    ),
    Setting(
        "window_frames",
        16,
        "Frames a hub may have unanswered; 0 pauses every hub.",
        _between(0, MAX_WINDOW_FRAMES),
    ),
    Setting("share_group", "ingest", "Name of the subscription that ingest workers share.", _group),
    Setting(
        "lake_url",
        "",
        "Folder, or s3://bucket/prefix, that samples are exported to as Parquet; empty: no lake.",
        _lake,
    ),
    Setting("lake_endpoint", "", "URL of the S3-compatible store of that; empty: AWS's own.", _any),
    Setting(
        "lake_interval_h",
        24,
        "Hours from one export to the next; a longer time makes fewer and larger objects.",
        _between(1, MAX_LAKE_INTERVAL_H),
    ),
)
