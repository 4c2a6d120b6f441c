"""The bundle: redacted by schema, so that nothing of the home fits into it."""

from pathlib import Path

import msgspec
import pytest

from agent.diagnosis import (
    Diagnosis,
    HubFacts,
    LinkKind,
    as_code,
    as_details,
    encode,
    kind_of,
    seal,
)
from agent.heard import Moment
from agent.jobs.examining import read_diagnosis
from tests.support.hubs import START_MS, hub_in, take, telegram

SECRETS = ("M1", "s3cr3t-pin", "00112233445566778899AABBCCDDEEFF", "kitchen", "my-broker", "alice")


def test_nothing_of_the_home_is_in_it(tmp_path: Path) -> None:
    """Serials, keys, addresses, names, readings and free words of a full hub stay at home."""
    hub = hub_in(
        tmp_path,
        meter=[
            {
                "link": "mqtt://my-broker/kitchen",
                "protocol": "glow",
                "username": "alice",
                "password": "s3cr3t-pin",
            },
            {"link": "replay:none", "key": SECRETS[2]},
        ],
        page_pin="s3cr3t-pin",
        hub_thing="alice-hub",
    )
    take(hub, [telegram(123_456_789, START_MS, power_import_w=4_321)])
    hub.intake.set_aside(Moment(1, 0, START_MS), "kitchen", "bad M1 alice", "s3cr3t-pin", b"M1")

    written = encode(read_diagnosis(hub, 5)).decode()

    assert not [secret for secret in SECRETS if secret in written]
    assert "123456" not in written
    assert "4321" not in written
    decoded = msgspec.json.decode(written, type=Diagnosis)
    assert [link.kind for link in decoded.links] == [LinkKind.MQTT, LinkKind.REPLAY]
    assert decoded.log is not None
    assert decoded.log.telegrams == 1


def test_what_does_not_fit_is_not_let_out() -> None:
    """A field that somebody filled with more than it is for stops the whole bundle."""
    fitting = Diagnosis(1, HubFacts("1.2.3", "3.11", "x86_64"))
    for spoilt in (
        msgspec.structs.replace(fitting, hub=HubFacts("1.2.3 of alice", "3.11", "x86_64")),
        msgspec.structs.replace(fitting, quarantined={"meter-4711": 1}),
        msgspec.structs.replace(fitting, made_at_ms="yesterday"),
    ):
        with pytest.raises(msgspec.ValidationError):
            seal(spoilt)


@pytest.mark.parametrize(
    ("reason", "code"),
    [("bad-crc", "bad-crc"), ("no time", "no-time"), ("4711", "other"), ("a" * 99, "other")],
)
def test_a_reason_is_a_code_or_other(reason: str, code: str) -> None:
    """Our own codes have no digit; a serial has."""
    assert as_code(reason) == code


@pytest.mark.parametrize(
    ("link", "kind"),
    [("/dev/ttyUSB0", "serial"), ("tcp://10.0.0.7:1", "tcp"), ("optical:/dev/x", "optical")],
)
def test_a_link_is_its_kind_alone(link: str, kind: str) -> None:
    """Where it leads stays at home."""
    assert kind_of(link).value == kind


def test_a_part_too_long_for_a_report_stays_on_the_hub() -> None:
    """The others are sent all the same."""
    many = Diagnosis(1, HubFacts("1.2.3", "3.11", "x86_64"), quarantined={"bad-" + "x" * 20: 1})

    details = as_details(many, 60)

    assert details["made_at_ms"] == "1"
    assert "hub's bundle" in details["hub"]
    assert details["quarantined"].startswith("{")
