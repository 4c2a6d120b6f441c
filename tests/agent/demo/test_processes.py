"""The demo's processes: waited for, watched and stopped, and what they said when they end."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.demo.ports import free_port
from agent.demo.processes import Processes, run_hearthlink
from shared.errors import OperatorError

LISTENS = "import socket; s = socket.create_server(('127.0.0.1', {port})); s.accept(); s.accept()"
SLEEPS = "import time; time.sleep(60)"


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Give processes that are stopped in the end."""
    made = Processes(tmp_path)
    yield made
    for name in ("one", "other"):
        made.stop(name)


def python(code: str) -> list[str]:
    """Return a command that runs a line of Python."""
    return [sys.executable, "-c", code]


def test_a_process_is_waited_for_and_stopped(processes: Processes) -> None:
    """It listens before anybody goes on; stopped it is nobody's any more."""
    port = free_port()

    processes.start("one", python(LISTENS.format(port=port)))
    processes.wait_for_port("one", "127.0.0.1", port)
    processes.check_running()
    (running,) = processes.those_of(["one", "never started"])
    processes.stop("one")
    processes.stop("one")

    assert running.returncode == -signal.SIGTERM
    assert processes.those_of(["one"]) == []


def test_a_process_that_ends_says_what_it_said(processes: Processes, tmp_path: Path) -> None:
    """Its last words and where the rest is; whoever waits for it learns it too."""
    processes.start("one", python("import sys; sys.exit('no such meter')"))

    with pytest.raises(OperatorError, match="one ended with status 1:\nno such meter") as caught:
        processes.wait_for("one", lambda: False)

    assert str(tmp_path / "one.log") in caught.value.hint


def test_what_a_process_prints_can_be_read(processes: Processes) -> None:
    """Where it is asked for; else it goes to the log."""
    processes.start("one", python("print('told')"), output=subprocess.PIPE)
    processes.start("other", python(SLEEPS), {"PYTHONUNBUFFERED": "1"})

    (told,) = processes.those_of(["one"])

    assert told.communicate()[0] == "told\n"


def test_a_command_of_ours_that_fails_is_told_with_its_words() -> None:
    """The words and what it said."""
    with pytest.raises(OperatorError, match="hearthlink simulate --link udp:x: "):
        run_hearthlink("simulate", "--link", "udp:x")
