"""What the service manager is told, over a real AF_UNIX socket."""

import logging
import os
from pathlib import Path

import pytest

from agent.config import service_manager
from agent.notify import ALIVE, MAX_STATUS_CHARS, READY, Notifier, ServiceManager
from tests.support.service_manager import FakeManager


@pytest.mark.parametrize("is_abstract", [False, True], ids=["path", "abstract"])
def test_assignments_arrive_in_one_datagram(is_abstract: bool) -> None:
    """Both kinds of address that systemd uses are understood."""
    with FakeManager(is_abstract=is_abstract) as systemd:
        was_heard = Notifier(systemd.manager()).say(READY, ALIVE)

        assert was_heard
        assert systemd.lines() == [READY, ALIVE]


def test_a_status_is_one_line_of_bounded_length() -> None:
    """Neither a line break nor a long text of an error can forge another assignment."""
    with FakeManager() as systemd:
        Notifier(systemd.manager()).status("disk\nWATCHDOG=1 " + "x" * 1_000)

        (line,) = systemd.lines()
        assert line.startswith("STATUS=disk WATCHDOG=1 x")
        assert len(line) == len("STATUS=") + MAX_STATUS_CHARS


def test_without_a_manager_nothing_is_said() -> None:
    """A hub started by hand has nobody to tell."""
    assert not Notifier(ServiceManager()).say(READY)


def test_a_manager_that_is_gone_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A hub never stops over it, nor fills its journal."""
    notifier = Notifier(ServiceManager(str(tmp_path / "gone"), 1.0))

    with caplog.at_level(logging.WARNING):
        answers = [notifier.say(ALIVE) for _ in range(3)]

    assert answers == [False] * 3
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ServiceManager()),
        ({"NOTIFY_SOCKET": ""}, ServiceManager()),
        ({"NOTIFY_SOCKET": "vsock:2:1234"}, ServiceManager()),
        ({"NOTIFY_SOCKET": "/run/n"}, ServiceManager("/run/n")),
        (
            {"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "60000000"},
            ServiceManager("@n", 60.0),
        ),
        (
            {"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "500000", "WATCHDOG_PID": str(os.getpid())},
            ServiceManager("@n", 0.5),
        ),
        (
            {"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "500000", "WATCHDOG_PID": "1"},
            ServiceManager("@n"),
        ),
        ({"NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "soon"}, ServiceManager("@n")),
    ],
)
def test_the_environment_says_who_the_manager_is(
    environment: dict[str, str], expected: ServiceManager
) -> None:
    """Paths and abstract names are ours; a watchdog of another process is not."""
    assert service_manager(environment) == expected
