"""The cloud's settings: one TOML file, environment overrides, validated all at once.

Owns the environment of the cloud's processes; nothing else reads it. It opens no connection and
makes no folder: it only says what the owner asked for.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from cloud.origins import origin_of
from cloud.settings import SETTINGS, Setting, Value
from shared.errors import ConfigError


@dataclass(frozen=True)
class Config:
    """Every setting of the cloud, checked; see `SETTINGS` for what each one means."""

    state_dir: str
    database_url: str
    api_host: str
    api_port: int
    api_token: str
    installer_token: str
    api_cert: str
    api_key: str
    public_url: str
    requests_per_s_max: int
    breached_passwords_file: str
    oidc_issuer: str
    oidc_client_ids: str
    oidc_audience: str
    oidc_jwks_url: str
    cors_origins: str
    hub_ca: str
    report_cert: str
    report_key: str
    fleet_region: str
    fleet_rule: str
    fleet_role: str
    fleet_hook: str
    fleet_dir: str
    claim_host: str
    hub_broker_host: str
    hub_broker_port: int
    broker_reload: str
    devices_metrics_port: int
    broker_host: str
    broker_port: int
    broker_ca: str
    broker_cert: str
    broker_key: str
    zone: str
    household_name: str
    receipt_interval_s: int
    window_frames: int
    share_group: str
    lake_url: str
    lake_endpoint: str
    lake_interval_h: int

    @property
    def origins(self) -> list[str]:
        """The origins of `cors_origins`."""
        return self.cors_origins.split()

    @property
    def url(self) -> str:
        """The database: `database_url`, or an SQLite file in the state folder."""
        if self.database_url:
            return self.database_url
        return f"sqlite:///{Path(self.state_dir).expanduser().absolute() / 'cloud.db'}"


def load(
    path: Path | None,
    *,
    required: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
) -> Config:
    """Read the file (None is no file) and the environment into a Config.

    `required` names keys that must not be empty for the command at hand. Raises ConfigError that
    lists every fault as "key = value: fix".
    """
    source = str(path) if path is not None else "environment"
    written = _read(path)
    surroundings = os.environ if environment is None else environment
    faults = [
        f"{key} = {value!r}: no such key; known are {', '.join(s.key for s in SETTINGS)}"
        for key, value in written.items()
        if key not in {setting.key for setting in SETTINGS}
    ]
    values: dict[str, Value] = {}
    for setting in SETTINGS:
        raw = surroundings.get(setting.variable, written.get(setting.key, setting.default))
        value, fault = _accept(setting, raw)
        if fault is None and setting.key in required and value == "":
            fault = f"set it here or in {setting.variable}"
        if fault is not None:
            shown = "…" if setting.key.endswith("_token") and raw else repr(raw)
            faults.append(f"{setting.key} = {shown}: {fault}")
        values[setting.key] = value
    faults += _pair_faults(values)
    if values["oidc_issuer"] and not (values["oidc_client_ids"] or values["oidc_audience"]):
        faults.append(
            "oidc_client_ids = '': name your app's client, or set oidc_audience: else any app of "
            "the provider's would be let in"
        )
    if faults:
        raise ConfigError(source, faults)
    # Links are made from it and browsers' words held against it: in the form in which they write.
    values["public_url"] = origin_of(str(values["public_url"]))
    return Config(**{field.name: values[field.name] for field in fields(Config)})  # type: ignore[arg-type]  # each value was checked against its setting's own type


def _read(path: Path | None) -> dict[str, object]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(str(path), [f"file: cannot be read ({error.strerror})"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [f"file: not TOML ({error})"]) from error


def _accept(setting: Setting, raw: object) -> tuple[Value, str | None]:
    """Bring a value to its setting's type and check it; the default stands in for a bad one."""
    value: Value
    if isinstance(setting.default, int):
        if isinstance(raw, bool) or not isinstance(raw, int | str):
            return setting.default, "give a whole number"
        try:
            value = int(raw)
        except ValueError:
            return setting.default, "give a whole number"
    elif isinstance(raw, str):
        value = raw
    else:
        return setting.default, "give text in quotes"
    return value, setting.check(value)


def _pair_faults(values: Mapping[str, Value]) -> list[str]:
    """Files that go together: one or two of them connect to nothing."""
    faults = []
    for keys in (
        ("broker_ca", "broker_cert", "broker_key"),
        ("api_cert", "api_key"),
        ("report_cert", "report_key"),
    ):
        given = [key for key in keys if values[key]]
        if given and len(given) < len(keys):
            faults += [
                f"{key} = '': give it too, TLS needs {', '.join(keys)}"
                for key in keys
                if key not in given
            ]
            continue
        faults += [
            f"{key} = {values[key]!r}: no such file"
            for key in given
            if not Path(str(values[key])).is_file()
        ]
    return faults
