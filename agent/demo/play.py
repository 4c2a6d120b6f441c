"""Plays the demo: history behind a progress bar, then a live status line until the end."""

import json
import os
import sys
import time
import urllib.error
from typing import Any

from agent.database import open_copy
from agent.demo.files import TARIFFS
from agent.demo.person import EMAIL, add_person
from agent.demo.stage import Stage
from agent.reader import LogReader
from firmware_bridge.tools.console import show_progress
from shared.errors import OperatorError
from shared.ranges import subtract

BAR_CELLS = 40
POLL_S = 0.2
STALL_S = 120.0
"""A way that has carried nothing for so long is stuck."""


def play_demo(stage: Stage, seconds: float | None) -> None:
    """Play until `seconds` after the start (but never before the history is stored), or Ctrl-C."""
    started = time.monotonic()
    _play_history(stage)
    _await_stored(stage)
    _give_tariffs(stage)
    _say_where_to_look(stage)
    try:
        while seconds is None or time.monotonic() - started < seconds:
            _show_status(stage)
            stage.hear_out()
            time.sleep(1.0)
            stage.check_running()
    except KeyboardInterrupt:
        pass
    show_progress("")


def _play_history(stage: Stage) -> None:
    """Follow each simulated source's own count of what it has emitted, until all have played."""
    told: dict[int, dict[str, Any]] = {}
    playing = [simulation.stdout for simulation in stage.simulations if simulation.stdout]
    for output in playing:
        os.set_blocking(output.fileno(), False)
    moved = time.monotonic()
    while playing:
        for output in list(playing):
            while line := output.readline():
                moved = time.monotonic()
                told[output.fileno()] = progress = json.loads(line)
                if progress["phase"] != "history":
                    playing.remove(output)
                    break
        _show_bar("history", _sum(told, "emitted"), _sum(told, "total"))
        stage.check_running()
        if time.monotonic() - moved > STALL_S:
            raise OperatorError("the history has stopped moving", hint=f"see {stage.state}")
        time.sleep(POLL_S)
    show_progress("")


def _sum(told: dict[int, dict[str, Any]], name: str) -> int:
    return sum(progress.get(name, 0) for progress in told.values())


def _await_stored(stage: Stage) -> None:
    """Wait until the cloud lists as stored what the hub held a moment ago."""
    target: dict[str, tuple[int, int]] = {}
    deadline = time.monotonic() + STALL_S
    while not target:
        target = held_ranges(stage)
        _check_patience(stage, deadline)
    while left := _missing(stage, target):
        show_progress(f"{left} samples on their way to the cloud")
        _check_patience(stage, deadline)
    show_progress("")


def _check_patience(stage: Stage, deadline: float) -> None:
    stage.check_running()
    if time.monotonic() > deadline:
        raise OperatorError("the cloud has not stored everything", hint=f"see {stage.state}")
    time.sleep(POLL_S)


def held_ranges(stage: Stage) -> dict[str, tuple[int, int]]:
    """Read from the hub's own database what its logs hold: first and last sequence by log id."""
    with open_copy(stage.hub_database) as connection:
        reader = LogReader(connection)
        return {
            one.log_id.hex(): held
            for one in reader.entries()
            if (held := reader.held_range(one.log)) is not None
        }


def _missing(stage: Stage, target: dict[str, tuple[int, int]]) -> int:
    stored: dict[str, list[list[int]]] = {}
    for gateway in stage.get(f"{stage.api_url}/v1/gateways")["gateways"]:
        for log in gateway["logs"]:
            stored[log["log_id"]] = log["stored"]
    return sum(
        last - first + 1
        for log_id, held in target.items()
        for first, last in subtract([held], stored.get(log_id, []))
    )


def _give_tariffs(stage: Stage) -> None:
    for meter in stage.get(f"{stage.api_url}/v1/meters")["meters"]:
        if meter["medium"] in TARIFFS:
            url = f"{stage.api_url}/v1/meters/{meter['meter']}/tariff"
            stage.send("PUT", url, TARIFFS[meter["medium"]])


def _say_where_to_look(stage: Stage) -> None:
    password = add_person(stage)
    _say(f"display   {stage.page_url}")
    _say(f"panel     {stage.panel.sentence()}")
    _say(f"app       {stage.api_url}/app/   (e-mail: {EMAIL}, password: {password})")
    _say(f"API docs  {stage.api_url}/docs   (token: {stage.token})")
    _say(f"files     {stage.state}")
    _say("Ctrl-C stops everything this has started.")


def _show_status(stage: Stage) -> None:
    try:
        view: Any = stage.get(f"{stage.page_url}/view.json")
    except (urllib.error.URLError, OSError, ValueError) as error:
        show_progress(f"the page does not answer: {error}")
        return
    power, cost = view["power"], view["cost"]
    health = ", ".join(f"{line['name'].lower()} {line['condition']}" for line in view["health"])
    show_progress(
        f"{view['clock_text']}  {power['number']} {power['unit']}  today {cost['text']}  {health}"
    )


def _show_bar(name: str, done: int, total: int) -> None:
    share = min(done / total, 1.0) if total else 1.0
    filled = int(share * BAR_CELLS)
    show_progress(
        f"{name} [{'#' * filled}{'.' * (BAR_CELLS - filled)}] {share:4.0%}  {done} telegrams"
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
