"""What a hub's named shadows hold: health as it reports it, settings and live as asked. Pure.

Shadows are AWS IoT's: `desired` is the cloud's, `reported` the hub's, a delta is what differs. The
tariff's shadow is written by shared/tariffs.py.

A report says every field: an update changes only what it names, so what is left out would stay, and
null takes it away.
"""

from typing import Annotated, Any, NamedTuple

import msgspec

from shared.errors import BadInputError

MAX_SHADOW_BYTES = 8 * 1024
MAX_SHADOW_DEPTH = 8
"""AWS IoT's limits, held self-hosted too."""


MAX_LIVE_S = 900
"""The longest that live samples are asked for at once: a quarter of an hour, then asked anew."""


class MeterHealth(msgspec.Struct, frozen=True, omit_defaults=True):
    """One meter as the hub hears it.

    `signal_dbm` is how strongly the hub's own radio heard it last, on the last hop where devices in
    between pass it on. None is not weak but not measured: by wire (P1, optical, M-Bus) there is
    no such thing, and some radios do not say.
    """

    meter: str
    medium: str
    protocol: str
    last_heard_ms: int | None = None
    signal_dbm: int | None = None


class HubHealth(msgspec.Struct, frozen=True):
    """The health shadow's `reported`: said after connecting, when it changes, and hourly.

    `card_life_days` is the predicted life at today's writes; `slot` the update slot that runs;
    `page_answers` whether the hub's own page answered the hub, None where it is off.
    """

    agent_version: str
    reported_at_ms: int
    clock_source: str
    backlog_samples: int
    clock_uncertainty_ms: int | None = None
    certificate_expires_ms: int | None = None
    card_life_days: int | None = None
    slot: str = ""
    page_answers: bool | None = None
    meters: list[MeterHealth] = []
    problems: list[str] = []


class RemoteSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings shadow: what the cloud may set; None leaves what the hub's own file says.

    The hub refuses all of a change that has one bad value, and reports why under `refused`. Consent
    is not here: receipts carry its limit. Live is not either: it has a shadow of its own.
    """

    frame_interval_s: Annotated[int, msgspec.Meta(ge=1, le=3600)] | None = None
    backlog_frames_per_s: Annotated[float, msgspec.Meta(ge=0.1, le=100)] | None = None
    commit_window_s: Annotated[int, msgspec.Meta(ge=0, le=300)] | None = None


class SettingsReport(RemoteSettings, frozen=True, forbid_unknown_fields=False):
    """The settings shadow's `reported`: what holds, and why the last change does not.

    What holds stands where `desired` has it: the delta is empty once both are the same.
    """

    refused: str = ""

    @property
    def settings(self) -> RemoteSettings:
        """What holds."""
        return RemoteSettings(*(getattr(self, name) for name in RemoteSettings.__struct_fields__))


def report_settings(holds: RemoteSettings, refused: str) -> SettingsReport:
    """Write what holds as a report; `refused` is empty where nothing was."""
    return SettingsReport(**msgspec.structs.asdict(holds), refused=refused)


def decode_settings(payload: bytes) -> RemoteSettings:
    """Read desired settings; raises BadInputError naming the first that cannot be."""
    if len(payload) > MAX_SHADOW_BYTES:
        raise BadInputError(f"settings of {len(payload)} bytes; {MAX_SHADOW_BYTES} at most")
    try:
        return msgspec.json.decode(payload, type=RemoteSettings)
    except msgspec.MsgspecError as error:
        raise BadInputError(f"settings: {error}") from error


class LiveDemand(msgspec.Struct, frozen=True):
    """The live shadow's `desired`: send live samples for `for_s` seconds from when it was written.

    `revision` rises with every demand on this hub, by the cloud's clock; 0 seconds end one. The hub
    reports nothing back: what it sends shows that it took it.
    """

    revision: Annotated[int, msgspec.Meta(ge=0)]
    for_s: Annotated[int, msgspec.Meta(ge=0, le=MAX_LIVE_S)]


class Demanded(NamedTuple):
    """A demand, and for how many seconds it still holds."""

    demand: LiveDemand
    left_s: int


class _Stamp(msgspec.Struct):
    timestamp: int = 0


class _Document(msgspec.Struct):
    state: dict[str, Any]
    metadata: dict[str, Any] = {}
    timestamp: int = 0


def decode_live_demand(payload: bytes) -> Demanded | None:
    """Read a demand out of the live shadow or its delta; None where none was ever made.

    How old it is follows from the shadow's own stamps, both of the cloud's clock: neither the
    hub's clock nor how long a message was kept somewhere makes it longer. Raises BadInputError.
    """
    if len(payload) > 4 * MAX_SHADOW_BYTES:
        raise BadInputError(f"a live shadow of {len(payload)} bytes")
    try:
        document = msgspec.json.decode(payload, type=_Document)
        # An answer has its sections, a delta is one.
        state = document.state.get("desired", document.state)
        metadata = document.metadata.get("desired", document.metadata)
        if not isinstance(state, dict) or "revision" not in state:
            return None
        demand = msgspec.convert(state, LiveDemand)
        stamps = msgspec.convert(metadata, dict[str, _Stamp])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadInputError(f"live shadow: {error}") from error
    written_s = stamps.get("revision", _Stamp(document.timestamp)).timestamp
    left_s = demand.for_s - max(document.timestamp - written_s, 0)
    return Demanded(demand, max(left_s, 0))
