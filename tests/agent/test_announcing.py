"""The page's name on the home network, asked for as a neighbour would."""

import asyncio
import socket
import sys
from pathlib import Path

import pytest
from zeroconf import InterfaceChoice, ServiceInfo, Zeroconf

from agent.announcing import NAME, SERVICE, announced
from agent.app import MDNS_HOST, _announced, page_hosts
from shared.errors import OperatorError
from tests.support.hubs import config_in


def test_a_neighbour_finds_the_page_by_its_name() -> None:
    """Over multicast on loopback: hearthlink.local, the port, and nothing of the household."""

    async def scenario() -> ServiceInfo | None:
        async with announced("127.0.0.1", 8080, ["127.0.0.1"]) as is_announced:
            assert is_announced
            return await asyncio.to_thread(ask)

    def ask() -> ServiceInfo | None:
        asking = Zeroconf(interfaces=["127.0.0.1"])
        try:
            return asking.get_service_info(SERVICE, NAME, 5_000)
        finally:
            asking.close()

    found = asyncio.run(scenario())

    assert found is not None
    assert (found.server, found.port) == (f"{MDNS_HOST}.", 8080)
    assert found.addresses == [socket.inet_aton("127.0.0.1")]
    assert found.properties == {b"path": b"/"}


def test_a_page_that_nobody_else_can_read_is_not_announced() -> None:
    """A page on loopback."""

    async def scenario() -> bool:
        async with announced("127.0.0.1", 8080, InterfaceChoice.Default) as is_announced:
            return is_announced

    assert not asyncio.run(scenario())


def test_a_network_without_multicast_keeps_nothing_from_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is said in the journal, and the page runs."""

    def refuse(**_: object) -> None:
        raise OSError("no multicast here")

    monkeypatch.setattr("agent.announcing.AsyncZeroconf", refuse)

    async def scenario() -> bool:
        async with announced("192.0.2.7", 8080) as is_announced:
            return is_announced

    assert not asyncio.run(scenario())


def test_the_page_answers_to_the_name_it_announces(tmp_path: Path) -> None:
    """Only where it is announced: the Host check guards against DNS rebinding."""
    assert MDNS_HOST in page_hosts(config_in(tmp_path, page_mdns=True))
    assert MDNS_HOST not in page_hosts(config_in(tmp_path))


def test_a_hub_without_the_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An extra that is not there is named with the way to get it."""
    monkeypatch.setitem(sys.modules, "agent.announcing", None)
    with socket.socket() as listener, pytest.raises(OperatorError) as caught:
        _announced(config_in(tmp_path, page_mdns=True), listener)

    assert "page.mdns" in caught.value.hint
