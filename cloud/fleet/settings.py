"""Remote settings: whether they may be asked of a hub, and how the asking stands. Pure."""

from typing import Any

import msgspec

from cloud.registry.port import ShadowView
from shared.errors import BadInputError
from shared.shadows import RemoteSettings, SettingsReport, decode_settings

LIMITS = (
    "frame_interval_s is 1 to 3600, backlog_frames_per_s 0.1 to 100, commit_window_s 0 to 300; "
    "leave out what the hub's own file is to decide"
)


def check_settings(payload: bytes) -> dict[str, Any]:
    """Read the settings that are wanted; raises BadInputError with the field and the fix."""
    try:
        settings = decode_settings(payload)
    except BadInputError as error:
        raise BadInputError(error.message, hint=LIMITS) from error
    return _present(settings)


def settings_entry(thing: str, shadow: ShadowView | None) -> dict[str, Any]:
    """Say what is wanted, what holds, and whether that is the same."""
    desired = shadow.desired if shadow else {}
    report = _read_report(shadow.reported if shadow else {})
    reported = _present(report.settings)
    return {
        "thing": thing,
        "version": shadow.version if shadow else 0,
        "desired": desired,
        "reported": reported,
        "refused": report.refused,
        "is_applied": all(reported.get(name) == value for name, value in desired.items()),
    }


def _read_report(reported: dict[str, Any]) -> SettingsReport:
    """Read what a hub reports; one of another version may say what we do not know."""
    try:
        return msgspec.convert(reported, SettingsReport)
    except msgspec.ValidationError:
        return SettingsReport()


def _present(settings: RemoteSettings) -> dict[str, Any]:
    fields = msgspec.structs.asdict(settings)
    return {name: value for name, value in fields.items() if value is not None}
