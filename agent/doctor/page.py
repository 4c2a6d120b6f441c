"""Checks the display page: whether the hub serves it, or its port is free, or another's.

Through it the hub is asked whether its other parts answer.
"""

import enum
import http.client
from typing import NamedTuple

import msgspec

from agent.doctor.check import Check, Result
from agent.liveness import Parts

NAME = "page"
PARTS = "watchdog"

ANSWER_S = 5.0
"""The page answers in milliseconds; a Pi at its busiest within this."""

MAX_ANSWER_BYTES = 4_096
MAX_VIEW_BYTES = 1024 * 1024
"""A view with every half hour of a day, and reasons and notices in words, has 10 KB."""

LATE_FIX = (
    "commit: the disk hangs, see dmesg; a meter's link: unplug its adapter and plug it in again; "
    "then start the hub anew"
)
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
    is_watched: bool = False
    late: dict[str, float] = {}


class _Backlog(msgspec.Struct):
    left_ms: int | None


class _View(msgspec.Struct):
    backlog: _Backlog


class Found(NamedTuple):
    """Who answers, and what told it."""

    listener: Listener
    detail: str = ""
    parts: Parts = Parts()


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
        health = msgspec.json.decode(answer, type=_Health)
    except msgspec.MsgspecError:
        return Found(Listener.OTHER, "it answers, but not as a hub does")
    return Found(Listener.HUB, parts=Parts(health.is_watched, health.late))


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


def judge_parts(found: Found) -> Check:
    """Say whether the hub's parts answer it, and whether anybody would start it anew."""
    if found.listener is not Listener.HUB:
        return Check(PARTS, Result.ABSENT, "the hub does not run, so it cannot be asked")
    if found.parts.late:
        late = ", ".join(f"{part} for {since:.0f} s" for part, since in found.parts.late.items())
        finding = f"no answer from {late}"
        if found.parts.is_watched:
            finding += "; systemd starts the hub anew"
        return Check(PARTS, Result.FAULT, finding, LATE_FIX)
    if not found.parts.is_watched:
        finding = "all parts answer; nobody would start the hub anew if one did not"
        return Check(PARTS, Result.ABSENT, finding)
    return Check(PARTS, Result.OK, "all parts answer, and systemd watches over them")
