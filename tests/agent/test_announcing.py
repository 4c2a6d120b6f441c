"""The page's name on the home network, asked for as a neighbour would."""

import asyncio
import socket
import sys
from pathlib import Path

import pytest
from zeroconf import InterfaceChoice, ServiceInfo, Zeroconf

from agent.announcing import SERVICE, announced
from agent.app import MDNS_HOSTS, _announced, page_hosts
from shared.errors import OperatorError
from tests.support.hubs import config_in


def ask(name: str) -> ServiceInfo | None:
    """Ask on loopback for the page of this name."""
    asking = Zeroconf(interfaces=["127.0.0.1"])
    try:
        return asking.get_service_info(SERVICE, f"{name}.{SERVICE}", 5_000)
    finally:
        asking.close()


def test_a_neighbour_finds_the_page_by_its_name_and_a_second_hubs_by_another() -> None:
    """Over multicast on loopback: name and port, and nothing of the household.

    The second takes the next name: under the first, neighbours would reach either.
    """

    async def scenario() -> tuple[str, str, ServiceInfo | None, ServiceInfo | None]:
        only = ["127.0.0.1"]
        async with (
            announced("127.0.0.1", 8080, MDNS_HOSTS, only) as first,
            announced("127.0.0.1", 8081, MDNS_HOSTS, only) as second,
        ):
            one = await asyncio.to_thread(ask, "Hearthlink")
            return first, second, one, await asyncio.to_thread(ask, "Hearthlink-2")

    first, second, one, other = asyncio.run(scenario())

    assert (first, second) == ("hearthlink.local", "hearthlink-2.local")
    assert one is not None
    assert (one.server, one.port) == ("hearthlink.local.", 8080)
    assert one.addresses == [socket.inet_aton("127.0.0.1")]
    assert one.properties == {b"path": b"/"}
    assert other is not None
    assert (other.server, other.port) == ("hearthlink-2.local.", 8081)


def test_where_every_name_is_taken_the_hub_runs_without_one() -> None:
    """It is said in the journal; the page has its address."""

    async def scenario() -> str:
        only = ["127.0.0.1"]
        async with (
            announced("127.0.0.1", 8080, MDNS_HOSTS[:1], only),
            announced("127.0.0.1", 8081, MDNS_HOSTS[:1], only) as second,
        ):
            return second

    assert asyncio.run(scenario()) == ""


def test_a_page_that_nobody_else_can_read_is_not_announced() -> None:
    """A page on loopback."""

    async def scenario() -> str:
        async with announced("127.0.0.1", 8080, MDNS_HOSTS, InterfaceChoice.Default) as name:
            return name

    assert asyncio.run(scenario()) == ""


def test_a_network_without_multicast_keeps_nothing_from_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is said in the journal, and the page runs."""

    def refuse(**_: object) -> None:
        raise OSError("no multicast here")

    monkeypatch.setattr("agent.announcing.AsyncZeroconf", refuse)

    async def scenario() -> str:
        async with announced("192.0.2.7", 8080, MDNS_HOSTS) as name:
            return name

    assert asyncio.run(scenario()) == ""


def test_the_page_answers_to_the_name_it_announces(tmp_path: Path) -> None:
    """To each it may get, and only where it is announced: the Host check is for DNS rebinding."""
    assert page_hosts(config_in(tmp_path, page_mdns=True)) >= {*MDNS_HOSTS}
    assert not page_hosts(config_in(tmp_path)) & {*MDNS_HOSTS}


def test_a_hub_without_the_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An extra that is not there is named with the way to get it."""
    monkeypatch.setitem(sys.modules, "agent.announcing", None)
    with socket.socket() as listener, pytest.raises(OperatorError) as caught:
        _announced(config_in(tmp_path, page_mdns=True), listener)

    assert "page.mdns" in caught.value.hint
