"""The files by which the command and the hub speak."""

from pathlib import Path

import pytest

from firmware_bridge.links.zigbee import door
from shared.errors import BadInputError


def test_a_request_is_taken_once(tmp_path: Path) -> None:
    """The second look finds none."""
    door.write_request(tmp_path, door.Request(permit_s=60))

    assert door.is_request_waiting(tmp_path)
    assert door.take_request(tmp_path) == door.Request(permit_s=60)
    assert door.take_request(tmp_path) is None
    assert not door.is_request_waiting(tmp_path)


def test_a_request_can_be_withdrawn(tmp_path: Path) -> None:
    """Where no hub has taken it; twice does no harm."""
    door.write_request(tmp_path, door.Request(remove="02484c4500000007"))

    door.withdraw_request(tmp_path)
    door.withdraw_request(tmp_path)

    assert door.take_request(tmp_path) is None


def test_a_network_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Nothing else is left beside it."""
    device = door.Device("02484c4500000007", "Maker", "Model", ("metering",), "reading", 5)
    network = door.Network(1, 15, 2, (device,))

    door.write_network(tmp_path, network)

    assert door.read_network(tmp_path) == network
    assert [entry.name for entry in tmp_path.iterdir()] == [door.DEVICES_NAME]


def test_files_that_are_none_of_ours_are_refused(tmp_path: Path) -> None:
    """And no file is no network."""
    assert door.read_network(tmp_path) is None
    (tmp_path / door.DEVICES_NAME).write_text("[]")
    (tmp_path / door.REQUEST_NAME).write_text('{"permit_s": "long"}')

    with pytest.raises(BadInputError, match=door.DEVICES_NAME):
        door.read_network(tmp_path)
    with pytest.raises(BadInputError, match=door.REQUEST_NAME):
        door.take_request(tmp_path)
