"""Hostile and honest requests to every path of the API: `python -m tests.soak.api --count 20000`.

Schemathesis makes them from the OpenAPI document: what fits it, also with the names of things that
exist, and what does not. No answer may be a 500; each refusal must be a problem with a known code.
A run is its seed's alone.
"""

import argparse
import contextlib
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from unittest import SkipTest

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.result import Ok

from cloud.fleet.refusals import REFUSALS
from cloud.problems import KINDS, PROBLEM_MEDIA_TYPE
from shared.progress import Progress
from tests.support.api_stage import KNOWN, ApiStage

ENDLESS = {"/v1/meters/{meter}/live"}
"""Streams do not end; their own tests see to them."""

SHOWN_CHARS = 400
"""Of a request that was answered as it must not be."""

UNSENT = 0
"""Counted in place of a status."""

TIMES = (
    "2026-02-28",
    "2026-03-01",
    "2026-03-01T00:00:00Z",
    "2026-03-01T12:30:00+01:00",
    "2026-03-02",
    "2026-03-04",
    "2026-03-29T01:30:00+01:00",
    "2026-10-25",
    "2027-02-28",
)
"""Instants about the household's readings: a text made at random is hardly ever one."""

MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)


def explore(stage: ApiStage, count: int, first_seed: int) -> tuple[Counter[int], list[str]]:
    """Send about `count` requests; count the answers by status, and list what must not be."""
    schema = schemathesis.openapi.from_dict(stage.app.openapi())
    found: list[Any] = [one.ok() for one in schema.get_all_operations() if isinstance(one, Ok)]
    operations = [one for one in found if one.path not in ENDLESS]
    each = max(count // (len(operations) * len(MODES)), 1)
    progress = Progress("requests", count)
    answers: Counter[int] = Counter()
    faults: list[str] = []
    for number, operation in enumerate(operations):
        for mode in MODES:
            for case in _cases(operation, mode, each, first_seed):
                _send(stage, case, answers, faults)
        progress.show((number + 1) * each * len(MODES))
    progress.close()
    return answers, faults


def _cases(operation: Any, mode: Any, count: int, first_seed: int) -> list[Any]:
    """Make the cases of one operation, half of the honest ones about things that exist."""
    names = {one.name for one in operation.path_parameters}
    known = {name: value for name, value in KNOWN.items() if name in names}
    is_honest = mode is schemathesis.GenerationMode.POSITIVE
    strategy = operation.as_strategy(
        generation_mode=mode, path_parameters=known if is_honest and known else None
    )
    cases: list[Any] = []

    @seed(first_seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(case: Any) -> None:
        cases.append(case)

    # An operation that takes nothing cannot be asked wrongly.
    with contextlib.suppress(Unsatisfiable, SkipTest):
        collect()
    if is_honest:
        _date(cases, random.Random(first_seed))
    return cases


def _date(cases: list[Any], chance: random.Random) -> None:
    """Give most cases instants where they ask for some."""
    for case in cases[1:]:
        for name in sorted({"from", "to", "at"} & set(case.query or ())):
            case.query[name] = chance.choice(TIMES)


def _send(stage: ApiStage, case: Any, answers: Counter[int], faults: list[str]) -> None:
    asked = case.as_transport_kwargs(base_url="http://testserver")
    said = f"{asked['method']} {asked['url']} {asked.get('params')} {str(asked)[:SHOWN_CHARS]}"
    body = {"json": asked["json"]} if "json" in asked else {"content": asked.get("data")}
    try:
        answer = stage.client.request(
            asked["method"],
            asked["url"],
            params=asked.get("params"),
            headers=_headers(stage, asked),
            **body,
        )
    except (UnicodeError, ValueError, TypeError):
        # The server's errors are answers here: this is the client's, which cannot write such a one.
        answers[UNSENT] += 1
        return
    answers[answer.status_code] += 1
    if answer.status_code < 400:
        return
    is_problem = answer.headers.get("content-type") == PROBLEM_MEDIA_TYPE
    code = answer.json().get("code") if is_problem else None
    if answer.status_code == 500 or (code not in KINDS and code not in REFUSALS):
        faults.append(f"{answer.status_code} {code}: {said}")


def _headers(stage: ApiStage, asked: dict[str, Any]) -> dict[str, str]:
    given_ = {
        name: value
        for name, value in dict(asked.get("headers") or {}).items()
        if isinstance(value, str) and name.lower() not in ("authorization", "user-agent")
    }
    return {**given_, "Authorization": stage.client.headers["Authorization"]}


def main(arguments: list[str] | None = None) -> int:
    """Explore as long as asked; return 1 where anything answered as it must not."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.api", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="requests, about")
    parser.add_argument("--seed", type=int, default=0, help="of the first run")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        stage = ApiStage(Path(folder))
        stage.furnish()
        answers, faults = explore(stage, options.count, options.seed)
        stage.close()
    for fault in faults:
        print(fault)
    told = ", ".join(f"{count:,} x {status}" for status, count in sorted(answers.items()))
    print(f"{sum(answers.values()):,} requests ({told}), {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
