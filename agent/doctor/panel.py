"""Checks the panel on the wall: what the running hub says of it, else whether its port is there."""

import http.client
from pathlib import Path

import msgspec

from agent.config import Config
from agent.doctor.check import Check, Result
from agent.doctor.meter import judge_device
from agent.doctor.page import ANSWER_S, EVERY_ADDRESS, MAX_VIEW_BYTES
from agent.home.panelview import PanelView, advise, describe, find_fault
from firmware_bridge.links.devices import list_devices, probe_device

NAME = "panel"
SETTING = "panel.port"


class _View(msgspec.Struct):
    panel: PanelView | None = None


def check_panel(config: Config, *, hub_runs: bool) -> Check:
    """Check the panel; one that the hub speaks with is left in peace."""
    if not config.panel_port:
        return Check(NAME, Result.ABSENT, "no panel is set up")
    if hub_runs:
        told = ask_panel(config.page_host, config.page_port)
        if told is not None:
            return judge_panel(told)
    path = Path(config.panel_port)
    looked = judge_device(
        path, probe_device(path), list_devices(), hub_runs=hub_runs, setting=SETTING
    )
    return msgspec.structs.replace(looked, name=NAME)


def ask_panel(host: str, port: int, patience_s: float = ANSWER_S) -> PanelView | None:
    """Ask a running hub how its panel is; None where it does not say."""
    connection = http.client.HTTPConnection(EVERY_ADDRESS.get(host, host), port, timeout=patience_s)
    try:
        connection.request("GET", "/view.json", headers={"Host": "localhost"})
        answer = connection.getresponse().read(MAX_VIEW_BYTES)
        return msgspec.json.decode(answer, type=_View).panel
    except (http.client.HTTPException, OSError, msgspec.MsgspecError):
        return None
    finally:
        connection.close()


def judge_panel(panel: PanelView) -> Check:
    """Say what is wrong with the panel, with what it and its line have counted."""
    finding = f"{describe(panel)}; {_counted(panel)}"
    if panel.state == "lent":
        return Check(NAME, Result.OK, finding)
    if panel.state != "connected":
        return Check(NAME, Result.FAULT, finding, advise(panel))
    fault, fix = find_fault(panel)
    if fault:
        return Check(NAME, Result.WARNING, f"{finding}; {fault}", fix)
    return Check(NAME, Result.OK, finding)


def _counted(panel: PanelView) -> str:
    refused = sum(panel.frames_refused.values())
    counts = (
        (panel.starts, "starts"),
        (panel.times_lost, "times lost"),
        (refused, "bad frames"),
        (panel.crc_errors or 0, "bad frames at its end"),
        (panel.resends, "sent again"),
    )
    return ", ".join(f"{count:,} {name}" for count, name in counts)
