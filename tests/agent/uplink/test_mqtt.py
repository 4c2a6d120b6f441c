"""paho's network thread goes on after an error that paho does not catch."""

import threading
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode

from agent.uplink import mqtt

GOES_ON_S_MAX = 10.0


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Let paho's loop fail when it is first run, and end in order after that."""
    ran: list[bool] = []

    def loop_forever(*_words: Any) -> MQTTErrorCode:
        ran.append(True)
        if len(ran) == 1:
            raise OSError(22, "Invalid argument")
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    monkeypatch.setattr(Client, "loop_forever", loop_forever)
    monkeypatch.setattr(Client, "reconnect", lambda _self: MQTTErrorCode.MQTT_ERR_SUCCESS)
    return ran


def test_the_network_thread_outlives_an_error(
    runs: list[bool], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the loop run again; an end in order is one."""
    monkeypatch.setattr(mqtt, "RECONNECT_S_MIN", 0)

    ended = mqtt._LastingClient("hub-1").loop_forever()

    assert ended is MQTTErrorCode.MQTT_ERR_SUCCESS
    assert len(runs) == 2
    assert "is made anew" in caplog.text


def test_a_client_that_is_stopped_does_not_wait_for_another_try(
    runs: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hub that ends while its connection has failed ends at once."""
    monkeypatch.setattr(mqtt, "RECONNECT_S_MIN", 3_600)
    client = mqtt._LastingClient("hub-1")
    thread = threading.Thread(target=client.loop_forever, daemon=True)
    thread.start()

    client.loop_stop()

    thread.join(GOES_ON_S_MAX)
    assert not thread.is_alive()
    assert len(runs) <= 1
