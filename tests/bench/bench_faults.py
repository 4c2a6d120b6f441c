"""What the long runs of faults said: `make soak` and `make prove` keep it, this shows it."""

import json

from tests.faults.soak import RECORD
from tests.soak.record import KILLS
from tests.soak.record import RECORD as TOTALS

LEAST_CUTS = 10_000
LEAST_KILLS = 1_000
LEAST_HUB_KILLS = 200
LEAST_SCHEDULES = 200_000
LEAST_FAULTS = 500
HARM = ("lost", "duplicated", "altered", "finer", "wrong_boundaries")


def measure() -> list[dict[str, object]]:
    """Show the record; nothing counts where anything acknowledged was lost, altered or doubled."""
    if not RECORD.exists():
        return [{"name": "power cuts and kills", "note": "no long run is recorded: make soak"}]
    told = json.loads(RECORD.read_text())
    cuts, kills = dict(told["power_cuts"]), told["kills"]
    count = cuts.pop("cuts")
    harm = sum(cost for name, cost in cuts.items() if name != "faults")
    run = f"the last long run, {told['date']}: {told['seconds'] / 60:.0f} minutes"
    return [
        _row(
            "power cuts, each after another write of the log",
            count,
            LEAST_CUTS,
            harm,
            f"{run}; {cuts['lost']} acknowledged rows lost, {cuts['altered']} altered, "
            f"{cuts['corrupt']} files corrupt",
        ),
        _row(
            "kill -9 of a process that appends and seals",
            kills["kills"],
            LEAST_KILLS,
            kills["lost"] + kills["doubled"],
            f"{run}; of {kills['acknowledged']:,} acknowledged rows {kills['lost']} lost, "
            f"{kills['doubled']} doubled",
        ),
        *_schedules(),
        *_kills_of_hubs(),
    ]


def _schedules() -> list[dict[str, object]]:
    """Show the fault schedules played on virtual time and on real processes, over all runs."""
    totals = json.loads(TOTALS.read_text())
    rows: list[dict[str, object]] = []
    if (played := totals.get("simulation")) is not None:
        note = (
            f"all runs; {played['faults']:,} faults, {played['samples']:,} samples, "
            f"{played['violations']} violations"
        )
        violations = played["violations"]
        name = "fault schedules simulated"
        rows.append(_row(name, played["schedules"], LEAST_SCHEDULES, violations, note))
    if (struck := totals.get("torture")) is not None:
        harm = sum(struck[what] for what in HARM)
        note = (
            f"all runs; of {struck['committed']:,} rows {struck['lost']} lost, "
            f"{struck['duplicated']} doubled, {struck['altered']} altered; longest recovery "
            f"{struck['longest_recovery_s']} s"
        )
        rows.append(_row("faults of real processes", struck["faults"], LEAST_FAULTS, harm, note))
    return rows


def _kills_of_hubs() -> list[dict[str, object]]:
    """Show the kills of hubs that joined, renewed or updated, over all runs that are recorded."""
    told = json.loads(TOTALS.read_text()).get(KILLS)
    if told is None:
        return []
    harm = told["hubs_lost"] + told["unfinished"]
    note = f"all runs; {told['hubs_lost']} hubs lost, {told['unfinished']} not at their end"
    return [
        _row(
            f"kill -9 of a hub in its {what}", told[f"{what}s_killed"], LEAST_HUB_KILLS, harm, note
        )
        for what in ("joining", "renewal", "update")
    ]


def _row(name: str, count: int, least: int, harm: int, note: str) -> dict[str, object]:
    return {
        "name": name,
        "ours": count,
        "unit": "times",
        "peer": "limit",
        "theirs": least,
        "ratio": 0 if harm else round(count / least, 2),
        "target": 1,
        "note": note,
    }
