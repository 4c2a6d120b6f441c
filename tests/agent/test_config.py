"""Configuration: defaults, environment over file, and every fault named at once."""

from pathlib import Path
from typing import Any

import pytest

from agent.config import SETTINGS, environment_name, load_config, read_config
from agent.meters import MAX_METERS
from agent.roles import Role
from shared.consent import Granularity
from shared.errors import ConfigError

LINK = {"meter": {"link": "/dev/ttyUSB0"}}


def faults_of(written: dict[str, Any], environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_config(written, environment or {}, "hub.toml")
    assert caught.value.message.startswith("hub.toml: ")
    return caught.value.faults


def test_a_link_alone_is_a_configuration() -> None:
    """Everything else has a default, and the defaults keep to themselves: loopback, half-hourly."""
    config = read_config(LINK, {}, "test")

    assert config.page_host == "127.0.0.1"
    assert config.consent_granularity is Granularity.HALF_HOURLY
    assert config.hub_zone.key == "Europe/London"
    assert config.uplink_host == ""
    assert config.database_path == Path("state/hub.sqlite")


def test_every_default_but_the_link_is_valid() -> None:
    """No setting ships with a value that its own check refuses."""
    for setting in SETTINGS:
        setting.read(setting.default)


def test_the_environment_overrides_the_file() -> None:
    """HEARTHLINK_PAGE_PORT wins over page.port; texts become numbers, truths and lists."""
    environment = {
        "HEARTHLINK_PAGE_PORT": "9000",
        "HEARTHLINK_UPLINK_LIVE": "true",
        "HEARTHLINK_LOG_COMMIT_WINDOW_S": "2.5",
        "HEARTHLINK_PAGE_ALLOWED_HOSTS": "Hub.local, kitchen",
        "PATH": "/bin",
    }

    config = read_config({**LINK, "page": {"port": 8081}}, environment, "test")

    assert (config.page_port, config.uplink_live, config.log_commit_window_s) == (9000, True, 2.5)
    assert config.page_allowed_hosts == {"hub.local", "kitchen"}


def test_every_fault_is_listed_at_once() -> None:
    """One run tells all that is wrong: key, value and fix of each."""
    faults = faults_of(
        {
            "hub": {"thing": "no spaces allowed", "zone": "Mars/Olympus"},
            "meter": {"link": 5, "baud": "fast", "fuse": 100},
            "page": {"port": 70_000},
            "log": {"commit_window_s": "soon", "retention_days": True},
            "uplink": {"live": [1], "host": 7},
            "consent": {"granularity": "hourly"},
            "loose": 1,
        }
    )

    assert len(faults) == 12
    text = "\n".join(faults)
    for key in (
        "hub.thing = 'no spaces allowed': ",
        "hub.zone = 'Mars/Olympus': ",
        "meter.link = 5: give a text",
        "meter.baud = 'fast': give a whole number from 300",
        "meter.fuse: no such setting",
        "page.port = 70000: give a whole number from 0 to 65535",
        "log.commit_window_s = 'soon': give a number of seconds",
        "log.retention_days = True: ",
        "uplink.live = [1]: give true or false",
        "uplink.host = 7: ",
        "consent.granularity = 'hourly': give one of live",
        "loose = 1: put it into a section",
    ):
        assert key in text


@pytest.mark.parametrize("value", [1, 0, "yes", "1", None, {}, 1.0])
def test_a_truth_is_true_or_false_and_nothing_else(value: object) -> None:
    """A setting that lets data leave the home is not switched on by accident."""
    assert "uplink.live" in faults_of({**LINK, "uplink": {"live": value}})[0]


@pytest.mark.parametrize("value", ["nan", "inf", -1, True, None])
def test_a_duration_is_a_number_within_bounds(value: object) -> None:
    """Not-a-number is no duration."""
    assert "seconds" in faults_of({**LINK, "log": {"commit_window_s": value}})[0]


@pytest.mark.parametrize("value", [5, [1], {"a": 1}])
def test_hosts_are_a_list_of_names(value: object) -> None:
    """Anything else is a fault, not a crash."""
    assert "allowed_hosts" in faults_of({**LINK, "page": {"allowed_hosts": value}})[0]


@pytest.mark.parametrize(
    "origin",
    [
        "homeassistant.local",
        "http://a/b",
        "https://*",
        "http://a b",
        "http://a; x",
        "http://a:0",
        "http://a:99999",
        "http://user@a",
        "null",
        "javascript:x",
        "http://a\r\nX: y",
        "'self'",
    ],
)
def test_what_is_no_origin_may_frame_nothing(origin: str) -> None:
    """It would go into a header of every answer; one wrong one refuses the whole setting."""
    written = {**LINK, "page": {"framed_by": ["http://good.home", origin]}}

    assert "page.framed_by" in faults_of(written)[0]
    assert "is no origin" in faults_of(written)[0]


@pytest.mark.parametrize("value", [5, [1], {"a": 1}, None, [f"http://a{n}" for n in range(9)]])
def test_origins_are_a_short_list_of_texts(value: object) -> None:
    """Anything else is a fault, not a crash."""
    assert "framed_by" in faults_of({**LINK, "page": {"framed_by": value}})[0]


def test_origins_come_from_the_environment_too() -> None:
    """Parted by commas, in lower case, in their order; without any, none."""
    given = "http://HomeAssistant.local:8123, https://[fd00::1]:8443"

    config = read_config(LINK, {"HEARTHLINK_PAGE_FRAMED_BY": given}, "test")

    assert config.page_framed_by == ("http://homeassistant.local:8123", "https://[fd00::1]:8443")
    assert read_config(LINK, {}, "test").page_framed_by == ()


def test_what_contradicts_itself_is_named() -> None:
    """An uplink needs its certificates, a PIN its length, and a hub its meter."""
    faults = faults_of({"uplink": {"host": "broker"}, "page": {"pin": "123"}})

    assert [fault.split(" = ")[0].split(":")[0] for fault in faults] == [
        "meter.link",
        "page.pin",
        "uplink.ca_file",
        "uplink.certificate_file",
        "uplink.key_file",
    ]
    assert "123" not in faults[1]


@pytest.mark.parametrize(("kind", "count"), [("mqtt", 3), ("aws", 3), ("https", 2)])
def test_https_may_leave_the_authority_to_the_system(kind: str, count: int) -> None:
    """A broker's authority must be named; a public web server's the system knows."""
    faults = faults_of({**LINK, "uplink": {"host": "cloud", "kind": kind}})

    assert len(faults) == count
    assert any("ca_file" in fault for fault in faults) is not (kind == "https")


def test_an_unknown_kind_of_uplink_is_a_fault() -> None:
    """What there is to choose from is told."""
    assert faults_of({**LINK, "uplink": {"kind": "pigeon"}}) == [
        "uplink.kind = 'pigeon': give one of mqtt, aws, https"
    ]


def test_an_empty_state_folder_is_a_fault() -> None:
    """The hub must write somewhere."""
    assert faults_of({**LINK, "hub": {"state_dir": ""}}) == ["hub.state_dir = '': name a folder"]


def test_environment_names_follow_the_keys() -> None:
    """Every setting has its variable, and no two share one."""
    names = {environment_name(setting.key) for setting in SETTINGS}

    assert environment_name("page.port") == "HEARTHLINK_PAGE_PORT"
    assert len(names) == len(SETTINGS)


def test_a_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TOML in, settings out; the process's environment counts."""
    path = tmp_path / "hub.toml"
    path.write_text('[meter]\nlink = "tcp://meter:2001"\n[page]\nport = 8090\n')
    monkeypatch.setenv("HEARTHLINK_HUB_FUSE_A", "60")

    config = load_config(path)

    assert (config.meters[0].link, config.page_port, config.hub_fuse_a) == (
        "tcp://meter:2001",
        8090,
        60,
    )


def test_the_environment_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container needs no file."""
    monkeypatch.setenv("HEARTHLINK_METER_LINK", "replay:capture.p1")

    assert load_config(None).meters[0].link == "replay:capture.p1"


@pytest.mark.parametrize("content", [b"[meter", b"\xff\xfe", None])
def test_a_file_that_cannot_be_read_is_one_fault(content: bytes | None, tmp_path: Path) -> None:
    """No TOML, no text, or no file: named, with the reason."""
    path = tmp_path / "hub.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(path)


def test_faults_of_all_kinds_come_together() -> None:
    """A bad value does not hide what contradicts itself elsewhere."""
    faults = faults_of(
        {**LINK, "hub": {"zone": "Mars"}, "uplink": {"host": "broker"}, "page": {"pin": "1"}}
    )

    assert [fault.split(" ")[0] for fault in faults] == [
        "hub.zone",
        "page.pin:",
        "uplink.ca_file",
        "uplink.certificate_file",
        "uplink.key_file",
    ]


def test_a_protocol_or_link_that_nobody_knows_names_those_there_are() -> None:
    """What could never be opened or decoded is refused before the hub starts."""
    protocol, link = sorted(
        faults_of({"meter": {"protocol": "morse", "link": "junk"}}), reverse=True
    )

    assert protocol.startswith("meter.protocol = 'morse'")
    assert "p1" in protocol
    assert link.startswith("meter.link = 'junk'")
    assert "tcp://" in link


def test_a_pin_is_never_shown() -> None:
    """Not even one that was written wrongly."""
    faults = faults_of({**LINK, "page": {"pin": 987654}})

    assert faults == ["page.pin = …: give a text in quotes"]


def test_a_meters_key_is_read_and_never_shown() -> None:
    """Sixteen bytes in hexadecimal; one that is none is named without its digits."""
    config = read_config({"meter": {**LINK["meter"], "key": "00" * 16}}, {}, "test")
    faults = faults_of({"meter": {**LINK["meter"], "key": "c0ffee"}})

    assert config.meters[0].key == bytes(16)
    assert len(faults) == 1
    assert faults[0].startswith("meter.key = …")
    assert "c0ffee" not in faults[0]


def test_a_framing_is_bits_parity_and_stop_bits() -> None:
    """7E1 is one; anything else is a fault with an example."""
    config = read_config({"meter": {**LINK["meter"], "framing": "7E1"}}, {}, "test")
    faults = faults_of({"meter": {**LINK["meter"], "framing": "9X3"}})

    assert config.meters[0].framing == "7E1"
    assert "such as 8N1 or 7E1" in faults[0]


def test_every_table_is_a_meter() -> None:
    """A home with several meters has a table for each; what one lacks has its default."""
    config = read_config(
        {
            "meter": [
                {"protocol": "sml", "link": "/dev/ttyUSB0", "baud": 9600},
                {"link": "/dev/ttyUSB1", "role": "generation"},
            ]
        },
        {},
        "test",
    )

    assert [(meter.protocol, meter.link, meter.role) for meter in config.meters] == [
        ("sml", "/dev/ttyUSB0", Role.SUPPLY),
        ("p1", "/dev/ttyUSB1", Role.GENERATION),
    ]


def test_the_environment_overrides_and_adds_meters() -> None:
    """METER is the first, METER_2 the second; a link alone makes another."""
    environment = {
        "HEARTHLINK_METER_BAUD": "9600",
        "HEARTHLINK_METER_2_LINK": "/dev/ttyUSB7",
        "HEARTHLINK_METER_3_LINK": "tcp://host:2001",
        "HEARTHLINK_METER_3_PROTOCOL": "raven",
    }

    config = read_config(
        {"meter": [{"link": "/dev/ttyUSB0"}, {"link": "/dev/ttyUSB1"}]}, environment, "test"
    )

    assert [(meter.link, meter.baud, meter.protocol) for meter in config.meters] == [
        ("/dev/ttyUSB0", 9_600, "p1"),
        ("/dev/ttyUSB7", 115_200, "p1"),
        ("tcp://host:2001", 115_200, "raven"),
    ]


def test_faults_say_which_meter_they_are_of() -> None:
    """The second table's fault is not the first's; a port cannot be read twice."""
    faults = faults_of(
        {"meter": [{"link": "/dev/ttyUSB0"}, {"link": "/dev/ttyUSB0"}, {"role": "sun", "x": 1}]}
    )

    assert [fault.split(" = ")[0].split(": ")[0] for fault in faults] == [
        "meter 3.link",
        "meter 3.role",
        "meter 3.x",
        "meter.link",
    ]
    assert "two meters have it" in faults[-1]


@pytest.mark.parametrize("written", [5, [5], [{}] * (MAX_METERS + 1)])
def test_meters_are_tables_and_few(written: object) -> None:
    """Anything else is a fault, not a crash."""
    assert faults_of({"meter": written})[0].startswith("meter")


def test_a_brokers_password_is_never_shown() -> None:
    """Neither by a fault nor by printing the settings."""
    config = read_config({"meter": {**LINK["meter"], "password": "hush"}}, {}, "test")
    faults = faults_of({"meter": {**LINK["meter"], "password": 7351}})

    assert "hush" not in repr(config)
    assert faults == ["meter.password = …: give a text in quotes"]
