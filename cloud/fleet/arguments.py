"""Arguments of `hearthlink fleet`'s actions that govern hubs; governing.py carries them out."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloud.fleet.console import (
    Painter,
    hub_text,
    hubs_text,
    job_text,
    jobs_text,
    report_text,
    settings_text,
)
from cloud.jobs.rollout import STAGES
from shared.jobs import Operation
from shared.shadows import RemoteSettings

Report = dict[str, Any]
Actions = Any
"""argparse's own type of an action's parent, which it does not name in public."""

Add = Callable[[Actions, str, str], argparse.ArgumentParser]
"""Takes the actions, a name and a summary; returns the action's parser."""


def add_actions(actions: Actions, add: Add) -> None:
    """Add list, show, jobs, rollout, report and handover; `add` makes one that has a database."""
    listed = add(actions, "list", "list every hub: link, version, certificate, clock, card")
    listed.add_argument(
        "--attention", action="store_true", help="only hubs that need somebody's attention"
    )
    listed.set_defaults(action=_list, text=hubs_text)
    show = add(actions, "show", "show one hub, its jobs and whose it was")
    show.add_argument("thing", metavar="THING", help="the hub's name")
    show.set_defaults(action=_show, text=hub_text)
    jobs = add(actions, "jobs", "list jobs; with JOB show one, cancel it or resume it")
    jobs.add_argument("job", nargs="?", default="", metavar="JOB", help="the job's name")
    jobs.add_argument("--cancel", action="store_true", help="take back what was not begun")
    jobs.add_argument("--resume", action="store_true", help="let a halted job go on")
    jobs.add_argument("--retry", action="store_true", help="with --resume: try what failed again")
    jobs.set_defaults(action=_jobs, text=_jobs_text)
    _add_settings(actions, add)
    _add_rollout(actions, add)
    _add_report(actions, add)
    handover = add(actions, "handover", "give a hub to another household, from now on or --at")
    handover.add_argument("thing", metavar="THING", help="the hub's name")
    handover.add_argument(
        "--household", default="", metavar="NAME", help="what a new household is called"
    )
    handover.add_argument(
        "--household-id", default="", metavar="ID", help="or one that is there already, by its id"
    )
    handover.add_argument(
        "--zone",
        default="Europe/London",
        metavar="ZONE",
        help="time zone of its days",
    )
    handover.add_argument(
        "--at",
        default="",
        metavar="TIME",
        help="when they moved: 2026-03-01 (midnight of who leaves) or 2026-03-01T12:00Z; now",
    )
    handover.set_defaults(action=_handover)


def _add_settings(actions: Actions, add: Add) -> None:
    settings = add(actions, "settings", "show, set or clear what hubs are asked to set")
    settings.add_argument("thing", nargs="*", metavar="THING", help="a hub's name, or several")
    settings.add_argument("--all", action="store_true", help="every hub that is not revoked")
    settings.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help="ask for this setting; repeatable",
    )
    settings.add_argument(
        "--unset",
        action="append",
        default=[],
        choices=RemoteSettings.__struct_fields__,
        metavar="NAME",
        help="ask for it no longer: the hub's own file decides; repeatable",
    )
    settings.add_argument("--clear", action="store_true", help="ask for none any more")
    settings.set_defaults(action=_settings, text=settings_text)


def _add_rollout(actions: Actions, add: Add) -> None:
    rollout = add(actions, "rollout", "begin a job for hubs, stage by stage")
    rollout.add_argument("job", metavar="JOB", help="a name for the job, never used before")
    rollout.add_argument(
        "--operation",
        required=True,
        choices=[operation.value for operation in Operation],
        help="what the hubs are to do",
    )
    rollout.add_argument(
        "--artefact", type=Path, metavar="FILE", help="JSON of the signed artefact of an update"
    )
    rollout.add_argument(
        "--thing", action="append", default=[], metavar="THING", help="a hub's name; repeatable"
    )
    rollout.add_argument("--all", action="store_true", help="every hub there is")
    rollout.add_argument(
        "--stages",
        type=_stages,
        default=",".join(str(stage) for stage in STAGES),
        metavar="LIST",
        help="rising percentages of the hubs that end with 100",
    )
    rollout.add_argument(
        "--failure-percent",
        type=int,
        default=20,
        metavar="N",
        help="halt where so many of those that have ended failed",
    )
    rollout.add_argument(
        "--executed-min",
        type=int,
        default=1,
        metavar="N",
        help="halt once so many have ended, not before",
    )
    rollout.add_argument(
        "--days",
        type=int,
        default=30,
        metavar="N",
        help="how long a hub may still begin it",
    )
    rollout.set_defaults(action=_rollout, text=job_text)


def _add_report(actions: Actions, add: Add) -> None:
    report = add(actions, "report", "make a hub's commissioning report, or verify one")
    report.add_argument("thing", nargs="?", default="", metavar="THING", help="the hub's name")
    report.add_argument("--installer", default="", metavar="NAME", help="who installed it")
    report.add_argument("--html", type=Path, metavar="FILE", help="write it as a page, too")
    report.add_argument("--out", type=Path, metavar="FILE", help="write it as signed JSON, too")
    report.add_argument("--verify", type=Path, metavar="FILE", help="check a signed JSON instead")
    report.add_argument(
        "--authority", type=Path, metavar="FILE", help="root to check by (default: hub_ca)"
    )
    report.set_defaults(action=_report, text=report_text)


def _list(options: argparse.Namespace) -> Report:
    from cloud.fleet import governing  # noqa: PLC0415  # only these actions load the database

    return governing.list_hubs(options)


def _show(options: argparse.Namespace) -> Report:
    from cloud.fleet import governing  # noqa: PLC0415  # as above

    return governing.show(options)


def _jobs(options: argparse.Namespace) -> Report:
    from cloud.fleet import governing  # noqa: PLC0415  # as above

    return governing.jobs(options)


def _settings(options: argparse.Namespace) -> Report:
    from cloud.fleet import asking  # noqa: PLC0415  # as above

    return asking.settings(options)


def _rollout(options: argparse.Namespace) -> Report:
    from cloud.fleet import governing  # noqa: PLC0415  # as above

    return governing.rollout(options)


def _report(options: argparse.Namespace) -> Report:
    from cloud.fleet import governing  # noqa: PLC0415  # as above

    return governing.report(options)


def _handover(options: argparse.Namespace) -> Report:
    from cloud.fleet import governing  # noqa: PLC0415  # as above

    return governing.handover(options)


def _jobs_text(report: Report, painter: Painter) -> str:
    return (jobs_text if "jobs" in report else job_text)(report, painter)


def _stages(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))
