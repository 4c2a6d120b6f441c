"""What `hearthlink fleet` prints of hubs and jobs for people: tables, words, few colours. Pure."""

from collections.abc import Sequence
from typing import Any

BOLD, RED, YELLOW, PLAIN = "\033[1m", "\033[31m", "\033[33m", "\033[0m"
GAP = "  "


class Painter:
    """Colours words where the output is a terminal, else leaves them as they are."""

    def __init__(self, *, is_on: bool) -> None:
        self._is_on = is_on

    def paint(self, text: str, colour: str) -> str:
        """Colour a text that is padded already."""
        return f"{colour}{text}{PLAIN}" if self._is_on and text.strip() else text


def table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], painter: Painter, colours: Sequence[str]
) -> str:
    """Lay rows out under their columns; `colours` has one a row, "" for none, for its last cell."""
    widths = [
        max(len(cell) for cell in (column, *(row[place] for row in rows)))
        for place, column in enumerate(columns)
    ]
    head = GAP.join(column.ljust(width) for column, width in zip(columns, widths, strict=True))
    lines = [painter.paint(head.rstrip(), BOLD)]
    for row, colour in zip(rows, colours, strict=True):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        last = cells[-1].rstrip()
        lines.append(GAP.join([*cells[:-1], painter.paint(last, colour) if colour else last]))
    return "\n".join(line.rstrip() for line in lines)


def hubs_text(report: dict[str, Any], painter: Painter) -> str:
    """Write the fleet as a table: one line a hub, what needs somebody last."""
    hubs = report["hubs"]
    rows = [
        (
            hub["thing"],
            "online" if hub["is_online"] else "offline",
            hub["last_seen"],
            hub["agent_version"] or "-",
            (hub["certificate_expires"] or "-")[:10],
            _or_dash(hub["backlog_samples"]),
            _clock(hub),
            "-" if hub["card_life_days"] is None else f"{hub['card_life_days']} d",
            ", ".join(hub["concerns"]) or "-",
        )
        for hub in hubs
    ]
    columns = ("HUB", "LINK", "LAST SEEN", "VERSION", "CERTIFICATE", "BACKLOG", "CLOCK", "CARD",
               "NEEDS ATTENTION")  # fmt: skip
    colours = [RED if hub["revoked_at"] else YELLOW if hub["concerns"] else "" for hub in hubs]
    return f"{table(columns, rows, painter, colours)}\n{len(hubs)} hubs"


def households_text(report: dict[str, Any], painter: Painter) -> str:
    """Write the households as a table: whose a hub can be."""
    homes = report["households"]
    rows = [(home["household_id"], home["name"], home["zone"]) for home in homes]
    return table(("HOUSEHOLD ID", "NAME", "TIME ZONE"), rows, painter, [""] * len(homes))


def hub_text(hub: dict[str, Any], painter: Painter) -> str:
    """Write one hub, a fact a line."""
    lines = []
    for name, value in hub.items():
        if name in ("meters", "problems", "concerns", "jobs", "tenancies"):
            continue
        lines.append(f"{name:<22} {_or_dash(value)}")
    for meter in hub["meters"]:
        signal = meter.get("signal_dbm")
        heard = f"heard {meter['last_heard'] or 'never'}"
        strength = "" if signal is None else f", {signal} dBm"
        lines.append(f"{'meter':<22} {meter['meter']} by {meter['protocol']}, {heard}{strength}")
    lines += [
        f"{'job':<22} {job['job_id']} {job['status']} {_details(job)}".rstrip()
        for job in hub["jobs"]
    ]
    for one in hub["tenancies"]:
        until = one["ended_at"] or "now"
        lines.append(f"{'household':<22} {one['household_id']} from {one['started_at']} to {until}")
    lines += [f"{'problem':<22} {problem}" for problem in hub["problems"]]
    attention = [painter.paint(one, YELLOW) for one in hub["concerns"]] or ["nothing"]
    return "\n".join([*lines, *(f"{'needs attention':<22} {one}" for one in attention)])


def jobs_text(report: dict[str, Any], painter: Painter) -> str:
    """Write jobs as a table."""
    jobs = report["jobs"]
    rows = [
        (
            job["job_id"],
            job["document"]["operation"],
            f"{job['stage'] + 1} of {len(job['stages'])}",
            f"{_ended(job['progress'])} of {job['progress']['total']}",
            str(_failed(job["progress"])),
            f"{job['state']}{': ' if job['reason'] else ''}{job['reason']}",
        )
        for job in jobs
    ]
    columns = ("JOB", "OPERATION", "STAGE", "ENDED", "FAILED", "STATE")
    colours = [RED if job["state"] == "HALTED" else "" for job in jobs]
    return table(columns, rows, painter, colours)


def job_text(job: dict[str, Any], painter: Painter) -> str:
    """Write one job with its progress."""
    facts = {
        "job": job["job_id"],
        "operation": job["document"]["operation"],
        "state": painter.paint(job["state"], RED if job["state"] == "HALTED" else ""),
        "reason": job["reason"] or "-",
        "stage": f"{job['stage'] + 1} of {len(job['stages'])} ({job['stages'][job['stage']]} %)",
        "expires": job["expires_at"],
        **job["progress"],
    }
    return "\n".join(f"{name:<14} {value}" for name, value in facts.items())


def settings_text(report: dict[str, Any], painter: Painter) -> str:
    """Write what hubs are asked to set as a table, and what was not taken below it."""
    rows = [
        (
            hub["thing"],
            _pairs(hub["desired"]),
            _pairs(hub["reported"]),
            f"refused: {hub['refused']}"
            if hub["refused"]
            else "applied"
            if hub["is_applied"]
            else "waits for the hub",
        )
        for hub in report["hubs"]
    ]
    colours = [RED if hub["refused"] else "" if hub["is_applied"] else YELLOW
               for hub in report["hubs"]]  # fmt: skip
    shown = table(("HUB", "ASKED", "HOLDS", "STANDS"), rows, painter, colours)
    return "\n".join([shown, *(painter.paint(one, RED) for one in report["faults"])])


def report_text(report: dict[str, Any], painter: Painter) -> str:
    """Write a commissioning report's results."""
    words = {True: "passed", False: "failed", None: "not known"}
    tests = report["tests"]
    rows = [(words[test["passed"]], test["name"], test["detail"]) for test in tests]
    colours = ["" if test["passed"] else RED if test["passed"] is False else YELLOW
               for test in tests]  # fmt: skip
    outcome = "all tests passed" if report["passed"] else "not all tests passed"
    head = f"{report['thing']} at {report['made_at']}: {outcome}"
    return f"{head}\n{table(('RESULT', 'TEST', 'DETAIL'), rows, painter, colours)}"


def _ended(progress: dict[str, int]) -> int:
    return progress["succeeded"] + _failed(progress) + progress["canceled"]


def _failed(progress: dict[str, int]) -> int:
    return progress["failed"] + progress["rejected"] + progress["timed_out"]


def _clock(hub: dict[str, Any]) -> str:
    off_ms = hub["clock_uncertainty_ms"]
    return "-" if off_ms is None else f"{off_ms} ms"


def _details(job: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in job["status_details"].items())


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items()) or "-"


def _or_dash(value: object) -> str:
    return "-" if value is None or value == "" else str(value)
