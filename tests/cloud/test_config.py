"""The cloud's configuration: defaults, file, environment, and every fault at once."""

from pathlib import Path

import pytest

from cloud.config import load
from cloud.settings import SETTINGS
from shared.errors import ConfigError


def test_defaults_are_good() -> None:
    """Without file or environment there is a valid configuration on SQLite."""
    config = load(None, environment={})

    assert config.url.startswith("sqlite:////")
    assert (config.api_port, config.window_frames, config.receipt_interval_s) == (8000, 16, 0)


def test_environment_overrides_the_file(tmp_path: Path) -> None:
    """A variable wins over the file's key."""
    path = tmp_path / "cloud.toml"
    path.write_text('api_port = 9000\nzone = "Europe/Paris"\n')

    config = load(path, environment={"HEARTHLINK_CLOUD_API_PORT": "9001"})

    assert (config.api_port, config.zone) == (9001, "Europe/Paris")


def test_every_fault_is_listed(tmp_path: Path) -> None:
    """One error names each key, its value and the fix, and never shows the token."""
    path = tmp_path / "cloud.toml"
    path.write_text(
        'api_port = 0\nzone = "Mars/North"\nwindow_frames = "many"\nnoise = 1\n'
        'api_token = "short"\ndatabase_url = "mysql://x"\nshare_group = "a/b"\n'
        'broker_ca = "ca.pem"\nhousehold_name = 3\nstate_dir = ""\nreceipt_interval_s = true\n'
    )

    with pytest.raises(ConfigError) as caught:
        load(path, required=("broker_host",), environment={})

    keys = {fault.split(" = ")[0] for fault in caught.value.faults}
    assert keys == {
        "api_port",
        "zone",
        "window_frames",
        "noise",
        "api_token",
        "database_url",
        "share_group",
        "broker_cert",
        "broker_key",
        "broker_host",
        "household_name",
        "state_dir",
        "receipt_interval_s",
    }
    assert "short" not in str(caught.value)


@pytest.mark.parametrize("content", [b"not toml", b"\xff\xfe"])
def test_file_that_is_not_toml_is_one_fault(tmp_path: Path, content: bytes) -> None:
    """A file that cannot be parsed is named with the reason."""
    path = tmp_path / "cloud.toml"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match="not TOML"):
        load(path, environment={})


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is named."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.toml", environment={})


def test_certificates_must_exist(tmp_path: Path) -> None:
    """Each certificate file that is not there is named."""
    environment = {
        f"HEARTHLINK_CLOUD_BROKER_{key}": str(tmp_path / key) for key in ("CA", "CERT", "KEY")
    }

    with pytest.raises(ConfigError) as caught:
        load(None, environment=environment)

    assert len(caught.value.faults) == 3


def test_every_setting_says_what_it_is_for() -> None:
    """Each key has help of at least a few words."""
    assert all(len(setting.help) > 10 for setting in SETTINGS)


def test_public_url_is_written_as_browsers_write_it() -> None:
    """They leave the scheme's own port out, and know no capitals."""
    for written in ("https://Home.Example:443/", "HTTPS://home.example", "https://home.example"):
        config = load(None, environment={"HEARTHLINK_CLOUD_PUBLIC_URL": written})
        assert config.public_url == "https://home.example"
    for wrong in ("https://home.example:x", "https://[home", "https://me@home", "https://h/app"):
        with pytest.raises(ConfigError, match="public_url"):
            load(None, environment={"HEARTHLINK_CLOUD_PUBLIC_URL": wrong})
