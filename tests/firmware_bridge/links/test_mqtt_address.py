"""Addresses of brokers: defaults, percent signs, wildcards, and what is refused."""

import pytest

from firmware_bridge.links.addresses import check_address
from firmware_bridge.links.mqtt_address import BrokerAddress, is_filter, parse_subscription
from shared.errors import OperatorError


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("mqtt://hub", BrokerAddress("hub", 1883, False, "glow/#")),
        ("mqtt://hub:1884", BrokerAddress("hub", 1884, False, "glow/#")),
        ("mqtts://hub.example/a/+/b", BrokerAddress("hub.example", 8883, True, "a/+/b")),
        ("mqtt://192.0.2.1/home/glow/#", BrokerAddress("192.0.2.1", 1883, False, "home/glow/#")),
        ("mqtt://[::1]:1883/glow/%23", BrokerAddress("::1", 1883, False, "glow/#")),
        ("mqtt://hub/my%20glow/what?/+", BrokerAddress("hub", 1883, False, "my glow/what?/+")),
    ],
)
def test_address_is_split(address: str, expected: BrokerAddress) -> None:
    """'#' and '?' stand for themselves; what is escaped is read."""
    check_address(address)

    assert parse_subscription(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        "mqtt://",
        "mqtt:///glow/#",
        "mqtt://hub:port/glow",
        "mqtt://hub:0",
        "mqtt://hub#",
        "mqtts://",
    ],
)
def test_address_without_a_broker_is_refused(address: str) -> None:
    """With the forms there are."""
    with pytest.raises(OperatorError, match=r"names no broker.*mqtt://HOST"):
        check_address(address)


@pytest.mark.parametrize("topics", ["", "glow/#/x", "glow#", "a+/b", "+a", "a%00b", "x" * 70_000])
def test_filter_that_is_none_is_refused(topics: str) -> None:
    """An empty one too: it would be nothing to listen to."""
    with pytest.raises(OperatorError, match="topic filter"):
        check_address(f"mqtt://hub/{topics}")


@pytest.mark.parametrize("topics", ["#", "+", "glow/#", "+/+/SENSOR/#", "/", "$SYS/#"])
def test_wildcards_stand_for_whole_levels(topics: str) -> None:
    """As MQTT has it."""
    assert is_filter(topics)


def test_password_in_an_address_is_refused_and_not_repeated() -> None:
    """Addresses are printed and logged."""
    with pytest.raises(OperatorError) as refused:
        check_address("mqtt://me:secret@hub/glow/#")

    assert "secret" not in str(refused.value)
    assert "'mqtt://hub/glow/#'" in str(refused.value)


def test_broker_is_named_without_its_filter() -> None:
    """As messages to the operator show it."""
    assert str(parse_subscription("mqtts://hub")) == "mqtts://hub:8883"
