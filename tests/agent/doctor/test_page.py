"""Who has the display page's port."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent.demo.ports import free_port
from agent.doctor.check import Result
from agent.doctor.page import (
    LATE_FIX,
    Found,
    Listener,
    ask_left_ms,
    judge_page,
    judge_parts,
    probe_page,
)
from agent.liveness import Parts

HEALTH = b'HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{"status":"ok","viewers":0}'
JOIN_S = 5.0


@contextmanager
def answering(answer: bytes | None) -> Iterator[int]:
    """A server that gives one connection this answer; None leaves it waiting."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(JOIN_S)
        asked = threading.Event()

        def serve() -> None:
            stream, _ = server.accept()
            with stream:
                stream.recv(4_096)
                if answer is None:
                    asked.wait(JOIN_S)
                else:
                    stream.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        asked.set()
        thread.join(JOIN_S)


@pytest.mark.parametrize(
    ("answer", "listener"),
    [
        (HEALTH, Listener.HUB),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Listener.OTHER),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Listener.OTHER),
        (b"", Listener.OTHER),
    ],
)
def test_who_answers_is_told_by_the_answer(answer: bytes, listener: Listener) -> None:
    """A hub, another web server, something that is no web server, one that hangs up."""
    with answering(answer) as port:
        found = probe_page("127.0.0.1", port)

    assert found.listener is listener


def test_a_hub_on_every_address_is_asked_on_loopback() -> None:
    """0.0.0.0 is where to listen, not whom to ask."""
    with answering(HEALTH) as port:
        assert probe_page("0.0.0.0", port).listener is Listener.HUB


def test_a_page_that_hangs_is_waited_for_only_so_long() -> None:
    """The check is bounded."""
    with answering(None) as port:
        found = probe_page("127.0.0.1", port, patience_s=0.1)

    assert found.listener is Listener.SILENT


def test_a_free_port_means_that_the_hub_rests() -> None:
    """Nobody listens."""
    assert probe_page("127.0.0.1", free_port()).listener is Listener.NOBODY


@pytest.mark.parametrize(
    ("body", "left_ms"),
    [
        (b'{"backlog":{"samples":9,"behind_ms":8,"left_ms":540000},"power":{}}', 540_000),
        (b'{"backlog":{"samples":9,"behind_ms":8,"left_ms":null}}', None),
        (b"{}", None),
        (b"hello", None),
    ],
)
def test_a_running_hub_is_asked_how_long_its_backlog_takes(
    body: bytes, left_ms: int | None
) -> None:
    """It knows its own pace; whatever else answers knows nothing."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with answering(answer) as port:
        assert ask_left_ms("127.0.0.1", port) == left_ms


def test_a_hub_at_rest_tells_no_pace() -> None:
    """Nobody listens: nothing is known."""
    assert ask_left_ms("127.0.0.1", free_port()) is None


@pytest.mark.parametrize(
    ("listener", "result", "fix"),
    [
        (Listener.HUB, Result.OK, ""),
        (Listener.NOBODY, Result.WARNING, "hearthlink run"),
        (Listener.SILENT, Result.FAULT, "HEARTHLINK_PAGE_PORT"),
        (Listener.OTHER, Result.FAULT, "HEARTHLINK_PAGE_PORT"),
    ],
)
def test_each_listener_has_its_result_and_fix(listener: Listener, result: Result, fix: str) -> None:
    """A hub at rest is no fault, a taken port is."""
    check = judge_page(Found(listener), "127.0.0.1", 8080, "hearthlink run")

    assert check.result is result
    assert fix in check.fix
    assert bool(check.fix) is bool(fix)


def test_a_hub_says_which_of_its_parts_are_late() -> None:
    """What /healthz says of them is heard."""
    body = b'{"status":"ok","viewers":0,"is_watched":true,"late":{"commit":95.2}}'
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)

    with answering(head + body) as port:
        found = probe_page("127.0.0.1", port)

    assert found.parts == Parts(is_watched=True, late={"commit": 95.2})


@pytest.mark.parametrize(
    ("found", "result", "words"),
    [
        (Found(Listener.NOBODY), Result.ABSENT, "does not run"),
        (Found(Listener.HUB), Result.ABSENT, "nobody would start"),
        (Found(Listener.HUB, parts=Parts(is_watched=True)), Result.OK, "systemd watches"),
        (
            Found(Listener.HUB, parts=Parts(is_watched=True, late={"commit": 95.2})),
            Result.FAULT,
            "commit for 95 s; systemd starts",
        ),
        (
            Found(Listener.HUB, parts=Parts(late={"meter a": 200.0, "commit": 95.0})),
            Result.FAULT,
            "meter a for 200 s, commit for 95 s",
        ),
    ],
)
def test_the_parts_are_judged_through_the_page(found: Found, result: Result, words: str) -> None:
    """Late is a fault; unwatched is merely not set up."""
    check = judge_parts(found)

    assert check.result is result
    assert words in check.finding
    assert check.fix == (LATE_FIX if result is Result.FAULT else "")
