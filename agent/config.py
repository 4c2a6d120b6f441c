"""Reads the hub's one TOML file with its environment overrides, and checks all of it at once."""

import json
import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from agent.meters import (
    SECTION,
    MeterConfig,
    shown_section,
    with_environment,
    written_tables,
)
from agent.notify import ServiceManager
from agent.roles import Role
from agent.screensettings import SCREEN_SETTINGS, screen_contradictions
from agent.settings import SETTINGS as PLAIN_SETTINGS
from agent.settings import Setting
from agent.timekeeping import ANY_CLOCK_MS, METER_CLOCK_TOLERANCE_MS
from agent.uplink.kinds import UplinkKind
from firmware_bridge.links.addresses import device_of
from shared.consent import Granularity
from shared.errors import ConfigError

ENVIRONMENT_PREFIX = "HEARTHLINK_"
STARTED_BY = "HEARTHLINK_STARTED_BY"
"""Set by the slots' starter: the command that chooses a slot again."""

MIN_PIN_CHARS = 4
SECRET_KEYS = frozenset(
    {
        "homeassistant.password",
        "identity.pkcs11_pin",
        "meter.authentication_key",
        "meter.key",
        "meter.password",
        "page.pin",
    }
)
"""Settings whose value no message may show."""

UNKNOWN = "no such setting; see docs/reference/settings.md"

SETTINGS = (*PLAIN_SETTINGS, *SCREEN_SETTINGS)
OF_A_METER = [setting for setting in SETTINGS if setting.key.startswith(f"{SECTION}.")]
OF_THE_HUB = [setting for setting in SETTINGS if setting not in OF_A_METER]

US_PER_S = 1_000_000

__all__ = [
    "SETTINGS",
    "Config",
    "environment_name",
    "load_config",
    "read_config",
    "service_manager",
]


@dataclass(frozen=True, slots=True)
class Config:
    """The hub's settings, checked; names follow the keys, `page.port` is `page_port`."""

    hub_thing: str
    hub_state_dir: Path
    hub_zone: ZoneInfo
    hub_clock: str
    hub_fuse_a: int
    meters: tuple[MeterConfig, ...]
    log_commit_window_s: float
    log_retention_days: int
    log_max_mb: int
    storage_endurance_tb: int
    uplink_kind: UplinkKind
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
    identity_key_store: str
    identity_pkcs11_module: Path | None
    identity_pkcs11_token: str
    identity_pkcs11_pin: str
    provision_claim_file: Path | None
    provision_host: str
    page_host: str
    page_port: int
    page_allowed_hosts: frozenset[str]
    page_framed_by: tuple[str, ...]
    page_metrics: bool
    page_mdns: bool
    page_pin: str
    screen_driver: str
    screen_interface: str
    screen_width: int
    screen_height: int
    screen_rotate: int
    screen_theme: str
    screen_every_s: float
    screen_dim: str
    screen_dc_pin: int
    screen_reset_pin: int
    screen_light_pin: int
    panel_port: str
    panel_baud: int
    homeassistant_host: str
    homeassistant_port: int
    homeassistant_tls: bool
    homeassistant_ca_file: Path | None
    homeassistant_username: str
    homeassistant_password: str
    homeassistant_prefix: str
    homeassistant_discovery: str
    consent_granularity: Granularity
    update_slots_dir: Path | None
    update_keys_file: Path | None
    update_panel_keys_file: Path | None
    update_radio_port: str
    tariff_electricity_file: Path | None
    tariff_gas_file: Path | None

    @property
    def database_path(self) -> Path:
        """Where the hub's database is."""
        return self.hub_state_dir / "hub.sqlite"

    @property
    def identity_folder(self) -> Path:
        """Where a provisioned hub's key and certificates are."""
        return self.hub_state_dir / "identity"

    @property
    def meter_clock_tolerance_ms(self) -> int:
        """How far off the hub's time a meter's clock may be to be believed."""
        return ANY_CLOCK_MS if self.hub_clock == "meter" else METER_CLOCK_TOLERANCE_MS


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
    values, faults = _flatten({k: v for k, v in written.items() if k != SECTION})
    known = {setting.key for setting in OF_THE_HUB}
    faults += [f"{key}: {UNKNOWN}" for key in values.keys() - known]
    chosen: dict[str, Any] = {}
    for setting in OF_THE_HUB:
        value = environment.get(
            environment_name(setting.key), values.get(setting.key, setting.default)
        )
        try:
            chosen[setting.key.replace(".", "_")] = setting.read(value)
        except ValueError as error:
            faults.append(_fault(setting, setting.key, value, error))
    meters, meter_faults = _read_meters(written, environment)
    faults += meter_faults + _contradictions(chosen, {device_of(one.link) for one in meters})
    if faults:
        raise ConfigError(source, sorted(faults))
    chosen["hub_zone"] = ZoneInfo(chosen["hub_zone"])
    chosen["consent_granularity"] = Granularity(chosen["consent_granularity"])
    chosen["uplink_kind"] = UplinkKind(chosen["uplink_kind"])
    return Config(meters=tuple(meters), **chosen)


def _read_meters(
    written: Mapping[str, Any], environment: Mapping[str, str]
) -> tuple[list[MeterConfig], list[str]]:
    """Check every meter's table; the meters are to be used only where there is no fault."""
    tables, faults = written_tables(written)
    names = [setting.key.partition(".")[2] for setting in OF_A_METER]
    merged = with_environment(tables, environment, environment_name, names) if tables else []
    meters = []
    for place, table in enumerate(merged):
        section = shown_section(place, len(merged))
        chosen, wrong = _read_meter(table, section)
        faults += wrong
        if not wrong:
            meters.append(MeterConfig(**{**chosen, "role": Role(chosen["role"])}))
    links = [meter.link for meter in meters]
    faults += [
        f"meter.link = {link!r}: two meters have it; one [[meter]] reads all that speak there"
        for link in sorted({link for link in links if links.count(link) > 1})
    ]
    return meters, faults


def _read_meter(table: Mapping[str, Any], section: str) -> tuple[dict[str, Any], list[str]]:
    names = {setting.key.partition(".")[2] for setting in OF_A_METER}
    faults = [f"{section}.{name}: {UNKNOWN}" for name in table.keys() - names]
    chosen: dict[str, Any] = {}
    for setting in OF_A_METER:
        name = setting.key.partition(".")[2]
        value = table.get(name, setting.default)
        try:
            chosen[name] = setting.read(value)
        except ValueError as error:
            faults.append(_fault(setting, f"{section}.{name}", value, error))
    if chosen.get("link", ".") == "":
        faults.append(f"{section}.link = '': name the meter's port, tcp://HOST:PORT or replay:FILE")
    return chosen, faults


def _fault(setting: Setting, shown_key: str, value: Any, error: ValueError) -> str:
    shown = "…" if setting.key in SECRET_KEYS else repr(value)
    return f"{shown_key} = {shown}: {error}"


def _flatten(written: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    faults: list[str] = []
    for section, body in written.items():
        if isinstance(body, dict):
            values.update({f"{section}.{name}": value for name, value in body.items()})
        else:
            faults.append(f"{section} = {body!r}: put it into a section such as [hub]")
    return values, faults


def _contradictions(chosen: Mapping[str, Any], meter_links: set[str]) -> list[str]:
    """Name what is wrong between settings; one that could not be read is absent, and not judged."""
    faults = []
    if "hub_state_dir" in chosen and chosen["hub_state_dir"] is None:
        faults.append("hub.state_dir = '': name a folder")
    if chosen.get("uplink_host"):
        faults += [
            f"uplink.{name} = '': name the file, or leave uplink.host empty"
            for name in ("ca_file", "certificate_file", "key_file")
            if chosen.get(f"uplink_{name}", Path()) is None
            and not (name == "ca_file" and chosen.get("uplink_kind") == UplinkKind.HTTPS)
        ]
    if chosen.get("panel_port") and chosen["panel_port"] in meter_links:
        faults.append(f"panel.port = {chosen['panel_port']!r}: a meter has this port")
    if chosen.get("page_pin") and len(chosen["page_pin"]) < MIN_PIN_CHARS:
        faults.append(f"page.pin: give at least {MIN_PIN_CHARS} characters, or none")
    return faults + screen_contradictions(chosen)


def restart_command(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return what starts this hub anew: the slots' starter where it did, else the same command."""
    try:
        words = json.loads(environment.get(STARTED_BY, ""))
    except ValueError:
        words = None
    if isinstance(words, list) and words and all(isinstance(word, str) for word in words):
        return words
    return [sys.executable, *sys.orig_argv[1:]]


def service_manager(environment: Mapping[str, str] = os.environ) -> ServiceManager:
    """Read what systemd put into the environment; a watchdog meant for another process is not ours.

    systemd gives its own words (sd_watchdog_enabled(3)); one that cannot be read watches nothing.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return ServiceManager()
    watched, interval_us = environment.get("WATCHDOG_PID", ""), environment.get("WATCHDOG_USEC", "")
    if not interval_us.isdecimal() or watched not in ("", str(os.getpid())):
        return ServiceManager(address)
    return ServiceManager(address, int(interval_us) / US_PER_S)
