"""What a hub tells of itself to who looks after it: numbers and words of closed sets. Pure.

Redacted by schema: there is no field that a serial, a reading, a key, an address or a name would
fit into, and `seal` refuses what does not fit. A new fact needs a new field here.
"""

import enum
import platform
import sys
from typing import Annotated, Literal, get_args

import msgspec

from agent.versions import own_version
from shared.consent import Granularity
from shared.readings import Medium

CheckResult = Literal["ok", "not set up", "warning", "fault"]
"""As `hearthlink doctor` says it."""

Count = Annotated[int, msgspec.Meta(ge=0)]
Version = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,5}(\.[0-9]{1,5}){1,2}$")]
Code = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{1,24}(-[a-z]{1,24}){0,4}$")]
"""A reason or protocol as our own code spells it: no digit, so no serial."""

Protocol = Literal[
    "dlms", "glow", "iec62056", "mbus", "p1", "p1-encrypted", "raven", "sml", "zigbee", "other"
]
MAX_LISTED = 16
OTHER = "other"
MACHINES = ("x86_64", "aarch64")


class LinkKind(enum.StrEnum):
    """What a meter's link goes over; its address stays at home."""

    SERIAL = "serial"
    TCP = "tcp"
    RFC2217 = "rfc2217"
    MQTT = "mqtt"
    OPTICAL = "optical"
    MBUS = "mbus"
    ZIGBEE = "zigbee"
    REPLAY = "replay"


class LinkFacts(msgspec.Struct, frozen=True):
    """One link."""

    kind: LinkKind
    is_open: bool
    times_lost: Count


class MeterFacts(msgspec.Struct, frozen=True):
    """One meter, without its serial."""

    medium: Medium
    protocol: Protocol
    heard_ago_s: Count


class HubFacts(msgspec.Struct, frozen=True):
    """The program and the machine."""

    version: Version
    python: Version
    machine: Literal["x86_64", "aarch64", "other"]
    slot: Literal["a", "b", ""] = ""
    uptime_s: Count = 0
    clock_source: Literal["ntp", "cloud", "meter", "machine", "other"] = "machine"
    clock_uncertainty_ms: Count | None = None
    late_parts: list[Literal["meter", "commit", "page"]] = []
    granularity: Granularity | None = None


class CloudFacts(msgspec.Struct, frozen=True):
    """The conversation with the cloud."""

    is_connected: bool = False
    is_answered: bool = False
    receipts: Count = 0
    frames_sent: Count = 0
    frames_overdue: Count = 0
    messages_dropped: Count = 0
    backlog_samples: Count = 0
    certificate_expires_ms: Count | None = None


class LogFacts(msgspec.Struct, frozen=True):
    """What came in and what became of it."""

    telegrams: Count = 0
    refused: Count = 0
    doubts: Count = 0
    committed: Count = 0
    failed_commits: Count = 0
    database_errors: Count = 0
    thinned_samples: Count = 0
    lost_samples: Count = 0
    database_kb: Count = 0
    disk_free_mb: Count = 0
    card_life_days: Count | None = None


class Diagnosis(msgspec.Struct, frozen=True):
    """The bundle; a part is absent where it was not looked at."""

    made_at_ms: Count
    hub: HubFacts
    cloud: CloudFacts | None = None
    log: LogFacts | None = None
    links: list[LinkFacts] = []
    meters: list[MeterFacts] = []
    quarantined: dict[Code, Count] = {}
    checks: dict[Code, CheckResult] = {}


def seal(diagnosis: Diagnosis) -> Diagnosis:
    """Return the bundle as its schema lets it out; raises ValueError where something does not fit.

    Constructing one checks nothing; this does, field by field.
    """
    return msgspec.convert(msgspec.to_builtins(diagnosis), Diagnosis)


def as_code(name: str) -> str:
    """Write a reason or a check's name as a code; `other` where it could say more than that."""
    code = name.lower().replace(" ", "-").replace("_", "-")
    try:
        return msgspec.convert(code, Code)
    except msgspec.ValidationError:
        return OTHER


def hub_facts(slot: str = "") -> HubFacts:
    """Say what program this is, on what machine."""
    machine = platform.machine()
    return HubFacts(
        own_version(),
        f"{sys.version_info.major}.{sys.version_info.minor}",
        machine if machine in MACHINES else "other",  # type: ignore[arg-type]
        slot if slot in ("a", "b") else "",  # type: ignore[arg-type]
    )


def as_protocol(name: str) -> Protocol:
    """Write a meter's protocol; `other` for one that this list does not know."""
    return name if name in get_args(Protocol) else "other"  # type: ignore[return-value]


def kind_of(link: str) -> LinkKind:
    """Say what a link goes over."""
    scheme = link.partition(":")[0]
    kinds = {one.value for one in LinkKind}
    return LinkKind(scheme) if scheme in kinds else LinkKind.SERIAL


def encode(diagnosis: Diagnosis) -> bytes:
    """Write the bundle as JSON."""
    return msgspec.json.format(msgspec.json.encode(seal(diagnosis)))


def as_details(diagnosis: Diagnosis, most_chars: int) -> dict[str, str]:
    """Write a part of the bundle for each detail of a job's report; a longer part stays behind."""
    written = {
        name: msgspec.json.encode(part).decode()
        for name, part in msgspec.to_builtins(seal(diagnosis)).items()
        if part not in (None, [], {})
    }
    return {
        name: said if len(said) <= most_chars else "too long to send; it is in the hub's bundle"
        for name, said in written.items()
    }
