"""Reads the hub's one TOML file with its environment overrides, and checks all of it at once."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from agent.consent import Granularity
from agent.settings import SETTINGS
from shared.errors import ConfigError

ENVIRONMENT_PREFIX = "HEARTHLINK_"
MIN_PIN_CHARS = 4
SECRET_KEYS = frozenset({"meter.authentication_key", "meter.key", "page.pin"})
"""Settings whose value no message may show."""

__all__ = ["SETTINGS", "Config", "environment_name", "load_config", "read_config"]


@dataclass(frozen=True, slots=True)
class Config:
    """The hub's settings, checked; names follow the keys, `meter.link` is `meter_link`."""

    hub_thing: str
    hub_state_dir: Path
    hub_zone: ZoneInfo
    hub_clock: str
    meter_protocol: str
    meter_link: str
    meter_baud: int
    meter_framing: str
    meter_key: bytes | None
    meter_authentication_key: bytes | None
    meter_silence_s: float
    meter_fuse_a: int
    log_commit_window_s: float
    log_retention_days: int
    uplink_host: str
    uplink_port: int
    uplink_ca_file: Path | None
    uplink_certificate_file: Path | None
    uplink_key_file: Path | None
    uplink_frames_prefix: str
    uplink_frame_interval_s: float
    uplink_backlog_frames_per_s: float
    uplink_start_delay_s: float
    uplink_live: bool
    page_host: str
    page_port: int
    page_allowed_hosts: frozenset[str]
    page_pin: str
    consent_granularity: Granularity
    tariff_electricity_file: Path | None
    tariff_gas_file: Path | None

    @property
    def database_path(self) -> Path:
        """Where the hub's database is."""
        return self.hub_state_dir / "hub.sqlite"


def environment_name(key: str) -> str:
    """Name the environment variable that overrides a key: `page.port` is HEARTHLINK_PAGE_PORT."""
    return ENVIRONMENT_PREFIX + key.upper().replace(".", "_")


def load_config(path: Path | None) -> Config:
    """Read the file (none: defaults) and the environment; raises ConfigError naming every fault."""
    written: dict[str, Any] = {}
    source = str(path) if path else "environment"
    if path is not None:
        try:
            written = tomllib.loads(path.read_text())
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(source, [f"the file cannot be read: {error}"]) from error
    return read_config(written, os.environ, source)


def read_config(written: Mapping[str, Any], environment: Mapping[str, str], source: str) -> Config:
    """Check a parsed file and an environment; raises ConfigError naming every fault at once."""
    values, faults = _flatten(written)
    known = {setting.key for setting in SETTINGS}
    faults += [
        f"{key}: no such setting; see docs/reference/settings.md" for key in values.keys() - known
    ]
    chosen: dict[str, Any] = {}
    for setting in SETTINGS:
        value = environment.get(
            environment_name(setting.key), values.get(setting.key, setting.default)
        )
        try:
            chosen[setting.key.replace(".", "_")] = setting.read(value)
        except ValueError as error:
            shown = "…" if setting.key in SECRET_KEYS else repr(value)
            faults.append(f"{setting.key} = {shown}: {error}")
    faults += _contradictions(chosen)
    if faults:
        raise ConfigError(source, sorted(faults))
    chosen["hub_zone"] = ZoneInfo(chosen["hub_zone"])
    chosen["consent_granularity"] = Granularity(chosen["consent_granularity"])
    return Config(**chosen)


def _flatten(written: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    faults: list[str] = []
    for section, body in written.items():
        if isinstance(body, dict):
            values.update({f"{section}.{name}": value for name, value in body.items()})
        else:
            faults.append(f"{section} = {body!r}: put it into a section such as [hub]")
    return values, faults


def _contradictions(chosen: Mapping[str, Any]) -> list[str]:
    """Name what is wrong between settings; one that could not be read is absent, and not judged."""
    faults = []
    if chosen.get("meter_link", ".") == "":
        faults.append("meter.link = '': name the meter's port, tcp://HOST:PORT or replay:FILE")
    if "hub_state_dir" in chosen and chosen["hub_state_dir"] is None:
        faults.append("hub.state_dir = '': name a folder")
    if chosen.get("uplink_host"):
        faults += [
            f"uplink.{name} = '': name the file, or leave uplink.host empty"
            for name in ("ca_file", "certificate_file", "key_file")
            if chosen.get(f"uplink_{name}", Path()) is None
        ]
    if chosen.get("page_pin") and len(chosen["page_pin"]) < MIN_PIN_CHARS:
        faults.append(f"page.pin: give at least {MIN_PIN_CHARS} characters, or none")
    return faults
