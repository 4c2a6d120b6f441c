"""`/v1/imports`: history from other services, looked at first, kept apart, and undone at will."""

import threading
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from cloud.answers import JSON, reply
from cloud.auth import Caller
from cloud.bodies import read_body
from cloud.errors import RESPONSES, NotFoundError, Problem, ProblemError
from cloud.households.zones import zone_of
from cloud.imports.differences import noting_differences
from cloud.imports.rows import Asked
from cloud.imports.schemas import ImportList, ImportReport, Outcome
from cloud.imports.service import PARSERS, Format, Plan, plan_import, quantity_of, sniff_format
from cloud.imports.slots import lines_of
from cloud.parts import Parts, Shared
from cloud.problems import PROBLEM_MEDIA_TYPE
from cloud.readings.periods import Zone, medium_known
from cloud.readings.store import Import
from cloud.readings.tenancy import history_of
from cloud.scope import Scope
from cloud.transfer.guard import MAX_IMPORT_BYTES
from shared.errors import BadInputError, ConfigError
from shared.instants import format_utc
from shared.readings import MAX_METER_ID_CHARS
from shared.tariffs.model import Flow
from shared.units import SLOT_MS

MAX_IMPORTS = 500
"""Of one household: two meters by month for twenty years."""

MAX_FAULTS = 100
"""Listed of one file: who has more has another format."""

EXAMPLE_CSV = """Consumption (kwh), Start, End
0.153, 2025-01-01T00:00:00+00:00, 2025-01-01T00:30:00+00:00
"""

AT_ONCE = threading.BoundedSemaphore(2)
"""A file of the largest size takes some 200 MB while it is read; others are told to come again."""

_PROBLEM: dict[str, Any] = {"model": Problem, "content": {PROBLEM_MEDIA_TYPE: {}}}
UNREADABLE: dict[int | str, dict[str, Any]] = {
    413: {**_PROBLEM, "description": f"The file is larger than {MAX_IMPORT_BYTES} bytes"},
    429: {**_PROBLEM, "description": "Other files are being imported; send it again"},
    409: {**_PROBLEM, "description": f"The household has {MAX_IMPORTS} imports"},
}

router = APIRouter(prefix="/v1/imports", tags=["imports"], responses=RESPONSES | UNREADABLE)


class Question:
    """What an import is asked with."""

    def __init__(
        self,
        meter: Annotated[
            str,
            Query(
                max_length=MAX_METER_ID_CHARS,
                description="The meter whose history it is",
                examples=["E0012345678901234"],
            ),
        ],
        flow: Annotated[
            Flow, Query(description="What was bought, or fed into the grid")
        ] = Flow.IMPORT,
        written: Annotated[
            Format | None,
            Query(alias="format", description="The file's format; told by itself where left out"),
        ] = None,
        unit: Annotated[
            str,
            Query(
                pattern="^(kWh|m3|)$",
                description="kWh or m3, of gas whose file does not say (SMETS1 kWh, SMETS2 m3)",
            ),
        ] = "",
        dry_run: Annotated[bool, Query(description="Only report what it would do")] = False,
        accept_partial: Annotated[
            bool, Query(description="Leave out what cannot be read and import the rest")
        ] = False,
        zone: Zone = None,
    ) -> None:
        self.meter = meter
        self.flow = flow
        self.written = written
        self.unit = unit
        self.dry_run = dry_run
        self.accept_partial = accept_partial
        self.zone = zone


Asking = Annotated[Question, Depends()]


@router.post(
    "",
    response_model=ImportReport,
    status_code=HTTPStatus.CREATED,
    summary="Import history",
    responses={200: {"model": ImportReport, "description": "A dry run, or known already"}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The file as it was downloaded",
            "content": {
                "text/csv": {"schema": {"type": "string"}, "example": EXAMPLE_CSV},
                JSON: {"schema": {"type": "object"}},
                "application/xml": {"schema": {"type": "string"}},
            },
        }
    },
)
async def post(request: Request, parts: Shared, scope: Caller, question: Asking) -> Response:
    """Read a file of another service as the history of a meter.

    It is kept apart from what hubs measure, and shown where the meter itself has said nothing.
    With `dry_run` nothing is kept. A file with rows that cannot be read is refused, each named by
    its line, unless `accept_partial` has the rest imported. The same file again changes nothing.
    """
    body = await read_body(request, MAX_IMPORT_BYTES)
    return await run_in_threadpool(_import, parts, scope, question, body)


@router.get("", response_model=ImportList, summary="The imports that are kept")
def list_all(
    parts: Shared,
    scope: Caller,
    meter: Annotated[
        str | None,
        Query(max_length=MAX_METER_ID_CHARS, description="Only of this meter; all where left out"),
    ] = None,
) -> Response:
    """List the household's imports, the latest first."""
    with parts.database.reading(scope) as connection:
        if meter is not None:
            medium_known(connection, scope, meter)
        found = history_of(connection).imports(scope, meter)
    return reply({"imports": [_entry(one) for one in found]})


@router.delete(
    "/{import_id}",
    status_code=HTTPStatus.NO_CONTENT,
    summary="Undo an import",
    response_class=Response,
)
def delete(
    import_id: Annotated[
        str,
        Path(
            pattern="^[0-9a-f]{32}$",
            description="Of `GET /v1/imports`",
            examples=["0f3c9a1e5b7d4c2a8e6f1b3d5a7c9e0f"],
        ),
    ],
    parts: Shared,
    scope: Caller,
) -> Response:
    """Take an import away: what earlier ones said, or nothing, stands in its place at once."""
    with parts.database.writing(scope) as connection:
        history = history_of(connection)
        found = history.find(scope, import_id)
        if found is None:
            raise NotFoundError(f"no import {import_id}", hint="GET /v1/imports lists them")
        medium = medium_known(connection, scope, found.meter)
        slots = [(found.first_slot, found.last_slot)]
        now_ms = parts.clock.utc_ms()
        with noting_differences(connection, scope, found.meter, medium, slots, now_ms):
            history.undo(scope, import_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _import(parts: Parts, scope: Scope, question: Question, body: bytes) -> Response:
    """Import when it is this file's turn."""
    if not AT_ONCE.acquire(blocking=False):
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "other files are being imported",
            hint="send it again in a minute",
        )
    try:
        return _import_now(parts, scope, question, body)
    finally:
        AT_ONCE.release()


def _import_now(parts: Parts, scope: Scope, question: Question, body: bytes) -> Response:
    """Read the file outside of any transaction, then plan and keep in one."""
    with parts.database.reading(scope) as connection:
        zone = zone_of(connection, scope, question.zone, parts.zone)
        medium = medium_known(connection, scope, question.meter)
    quantity_of(medium, question.flow)
    asked = Asked(medium, question.flow, zone, question.unit)
    format_ = question.written or sniff_format(body)
    read = format_, PARSERS[format_](body, asked)
    now_ms = parts.clock.utc_ms()
    if question.dry_run:
        with parts.database.reading(scope) as connection:
            plan = plan_import(connection, scope, question.meter, asked, read, now_ms)
        return reply(_report(plan, Outcome.PLANNED, plan.known and plan.known.import_id))
    with parts.database.writing(scope) as connection:
        plan = plan_import(connection, scope, question.meter, asked, read, now_ms)
        _check(plan, question)
        history = history_of(connection)
        if plan.known is None and len(history.imports(scope)) >= MAX_IMPORTS:
            raise ProblemError(
                HTTPStatus.CONFLICT,
                f"the household has {MAX_IMPORTS} imports",
                hint="DELETE /v1/imports/{import_id} takes one away",
            )
        kept = plan.known
        if kept is None:
            slots = [(plan.made.first_slot, plan.made.last_slot)]
            with noting_differences(connection, scope, question.meter, medium, slots, now_ms):
                kept = history.keep(scope, plan.made, plan.by_slot)
    is_new = kept.import_id == plan.made.import_id
    outcome = Outcome.IMPORTED if is_new else Outcome.KNOWN
    answer = reply(_report(plan, outcome, kept.import_id))
    answer.status_code = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    return answer


def _check(plan: Plan, question: Question) -> None:
    if plan.faults and not question.accept_partial:
        listed = plan.faults[:MAX_FAULTS]
        left_off = len(plan.faults) - len(listed)
        more = [f"{left_off} more"] if left_off else []
        raise ConfigError("import", [*lines_of(listed), *more])
    if not plan.by_slot:
        raise BadInputError(
            "the file tells no half hour of this meter and flow",
            hint="dry_run=true says what was left aside, and why",
        )


def _entry(one: Import) -> dict[str, Any]:
    return {
        "import_id": one.import_id,
        "meter": one.meter,
        "quantity": one.quantity,
        "format": one.format,
        "start": format_utc(one.first_slot * SLOT_MS),
        "end": format_utc((one.last_slot + 1) * SLOT_MS),
        "slots": one.slot_count,
        "amount": one.amount,
        "rejected_rows": one.rejected_count,
        "created_at": format_utc(one.created_at_ms),
    }


def _report(plan: Plan, outcome: Outcome, import_id: str | None) -> dict[str, Any]:
    made = plan.made
    listed = plan.faults[:MAX_FAULTS]
    return {
        "outcome": outcome,
        "import_id": import_id,
        "meter": made.meter,
        "quantity": made.quantity,
        "format": made.format,
        "start": format_utc(made.first_slot * SLOT_MS) if plan.by_slot else None,
        "end": format_utc((made.last_slot + 1) * SLOT_MS) if plan.by_slot else None,
        "rows": plan.row_count,
        "rejected_rows": len(plan.faults),
        "left_aside_rows": plan.left_aside,
        "slots": made.slot_count,
        "amount": made.amount,
        "estimated_slots": sum(usage.is_estimated for usage in plan.by_slot.values()),
        "measured_slots": plan.measured_count,
        "same_slots": plan.same_count,
        "changed_slots": plan.changed_count,
        "faults": [one._asdict() for one in listed],
        "faults_left_off": len(plan.faults) - len(listed),
    }
