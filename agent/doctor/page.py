"""Checks the display page: whether the hub serves it, or its port is free, or another's."""

import enum
import http.client
from typing import NamedTuple

import msgspec

from agent.doctor.check import Check, Result

NAME = "page"

ANSWER_S = 5.0
"""The page answers in milliseconds; a Pi at its busiest within this."""

MAX_ANSWER_BYTES = 4_096
MAX_VIEW_BYTES = 1024 * 1024
"""A view with every half hour of a day, and reasons and notices in words, has 10 KB."""

EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 (looked up)
"""What to ask where the page listens on every address."""


class Listener(enum.StrEnum):
    """Who answers on the page's port."""

    HUB = "hub"
    NOBODY = "nobody"
    OTHER = "other"
    SILENT = "silent"


class _Health(msgspec.Struct):
    status: str
    viewers: int


class _Backlog(msgspec.Struct):
    left_ms: int | None


class _View(msgspec.Struct):
    backlog: _Backlog


class Found(NamedTuple):
    """Who answers, and what told it."""

    listener: Listener
    detail: str = ""


def probe_page(host: str, port: int, patience_s: float = ANSWER_S) -> Found:
    """Ask the page for its health; raises OSError only where this machine's network fails."""
    connection = http.client.HTTPConnection(EVERY_ADDRESS.get(host, host), port, timeout=patience_s)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        answer = connection.getresponse().read(MAX_ANSWER_BYTES)
    except ConnectionRefusedError:
        return Found(Listener.NOBODY)
    except TimeoutError:
        return Found(Listener.SILENT)
    except (http.client.HTTPException, ConnectionError) as error:
        return Found(Listener.OTHER, f"its answer is no HTTP ({type(error).__name__})")
    finally:
        connection.close()
    try:
        msgspec.json.decode(answer, type=_Health)
    except msgspec.MsgspecError:
        return Found(Listener.OTHER, "it answers, but not as a hub does")
    return Found(Listener.HUB)


def ask_left_ms(host: str, port: int, patience_s: float = ANSWER_S) -> int | None:
    """Ask a running hub how long its backlog will take; None where it does not say."""
    connection = http.client.HTTPConnection(EVERY_ADDRESS.get(host, host), port, timeout=patience_s)
    try:
        connection.request("GET", "/view.json", headers={"Host": "localhost"})
        answer = connection.getresponse().read(MAX_VIEW_BYTES)
        return msgspec.json.decode(answer, type=_View).backlog.left_ms
    except (http.client.HTTPException, OSError, msgspec.MsgspecError):
        return None
    finally:
        connection.close()


def judge_page(found: Found, host: str, port: int, run_command: str) -> Check:
    """Say who has the page's port; `run_command` is how the hub is started."""
    address = f"http://{host}:{port}"
    choose = "choose another port with page.port or HEARTHLINK_PAGE_PORT"
    if found.listener is Listener.HUB:
        return Check(NAME, Result.OK, f"the hub runs; {address} answers")
    if found.listener is Listener.NOBODY:
        finding = f"the hub is not running: nothing listens on {address}, the port is free"
        return Check(NAME, Result.WARNING, finding, f"start it: {run_command}")
    if found.listener is Listener.SILENT:
        finding = f"{address} takes connections but did not answer in {ANSWER_S:g} s"
        fix = f"if that is the hub, it hangs: stop it and start it again; if not, {choose}"
        return Check(NAME, Result.FAULT, finding, fix)
    finding = f"{address} is another program's: {found.detail}"
    return Check(NAME, Result.FAULT, finding, f"stop it, or {choose}")
