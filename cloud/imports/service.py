"""From a file to imported history: what it would do, told first, then done.

Reads the file by its format, lays it out by half hours, holds it against what is known already, and
keeps it apart from what hubs measured.
"""

import enum
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection

from cloud.households.spans import Span, spans_of
from cloud.imports import documents, tables
from cloud.imports.espi import parse_espi
from cloud.imports.rows import Asked, Fault, Parsed
from cloud.imports.slots import slots_of, total_of
from cloud.readings.conversions import Conversions, read_conversions
from cloud.readings.known import known_usage
from cloud.readings.overlay import overlay
from cloud.readings.store import Import
from cloud.readings.tenancy import history_of, holds
from cloud.scope import Scope
from shared.errors import BadInputError
from shared.meterdays import SlotUsage
from shared.readings import Medium
from shared.tariffs.model import Flow
from shared.units import SLOT_MS

DIGEST_BYTES = 16
SNIFFED_BYTES = 2_048


class Format(enum.StrEnum):
    """Files that are read."""

    OCTOPUS_CSV = "octopus-csv"
    OCTOPUS_JSON = "octopus-json"
    N3RGY_CSV = "n3rgy-csv"
    N3RGY_JSON = "n3rgy-json"
    GLOW_CSV = "glow-csv"
    GLOW_JSON = "glow-json"
    HEARTHLINK_CSV = "hearthlink-csv"
    ESPI = "espi"


PARSERS: dict[Format, Callable[[bytes, Asked], Parsed]] = {
    Format.OCTOPUS_CSV: tables.parse_octopus,
    Format.OCTOPUS_JSON: documents.parse_octopus,
    Format.N3RGY_CSV: tables.parse_n3rgy,
    Format.N3RGY_JSON: documents.parse_n3rgy,
    Format.GLOW_CSV: tables.parse_glow,
    Format.GLOW_JSON: documents.parse_glow,
    Format.HEARTHLINK_CSV: tables.parse_own,
    Format.ESPI: parse_espi,
}

QUANTITIES = {
    (Medium.ELECTRICITY, Flow.IMPORT): "import_mwh",
    (Medium.ELECTRICITY, Flow.EXPORT): "export_mwh",
    (Medium.GAS, Flow.IMPORT): "gas_l",
    (Medium.WATER, Flow.IMPORT): "water_l",
}
"""What is imported of each medium and flow."""


class Plan(NamedTuple):
    """What an import does: its half hours, its faults, and how it stands to what is known.

    `measured_count` slots keep what the meter said; `same_count` were imported so before,
    `changed_count` otherwise. `known` is the import that said all of it before.
    """

    made: Import
    by_slot: Mapping[int, SlotUsage]
    faults: list[Fault]
    row_count: int
    left_aside: int
    measured_count: int
    same_count: int
    changed_count: int
    known: Import | None


def sniff_format(body: bytes) -> Format:
    """Tell a file's format by its beginning; raises BadInputError where it is none of them."""
    head = body[:SNIFFED_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"<"):
        return Format.ESPI
    if head.startswith(b"{"):
        for key, found in (
            (b'"results"', Format.OCTOPUS_JSON),
            (b'"values"', Format.N3RGY_JSON),
            (b'"data"', Format.GLOW_JSON),
        ):
            if key in head:
                return found
    line = head.split(b"\n", 1)[0].lower()
    for names, format_ in (
        ((b"entity", b"resource"), Format.GLOW_CSV),
        ((b"timestamp", b"energy"), Format.N3RGY_CSV),
        ((b"local_start", b"status"), Format.HEARTHLINK_CSV),
        ((b"consumption", b"start"), Format.OCTOPUS_CSV),
    ):
        if all(name in line for name in names):
            return format_
    raise BadInputError(
        "format: the file is none that is known",
        hint=f"name it: format={'|'.join(one.value for one in Format)}",
    )


def quantity_of(medium: Medium, flow: Flow) -> str:
    """Name what is imported; raises BadInputError where a medium has no such flow."""
    quantity = QUANTITIES.get((medium, flow))
    if quantity is None:
        raise BadInputError(
            f"flow = {flow.value}: none is imported of {medium.value}", hint="ask with flow=import"
        )
    return quantity


def plan_import(
    connection: Connection,
    scope: Scope,
    meter: str,
    asked: Asked,
    parsed: tuple[Format, Parsed],
    now_ms: int,
) -> Plan:
    """Say what a file does to a meter's history; writes nothing."""
    format_, read = parsed
    by_slot, faults = slots_of(_of_tenancy(read, spans_of(connection, scope, meter)))
    quantity = quantity_of(asked.medium, asked.flow)
    if asked.medium is Medium.GAS and read.unit == "mwh":
        by_slot = _in_litres(connection, scope, meter, by_slot, asked.zone)
    slots = (min(by_slot), max(by_slot) + 1) if by_slot else (0, 0)
    made = Import(
        import_id=secrets.token_hex(16),
        meter=meter,
        quantity=quantity,
        format=format_.value,
        digest=_digest(by_slot),
        first_slot=slots[0],
        last_slot=slots[1] - 1,
        slot_count=len(by_slot),
        amount=total_of(by_slot.values()),
        rejected_count=len(faults),
        created_at_ms=now_ms,
    )
    before: Mapping[int, SlotUsage] = {}
    measured = 0
    if by_slot:
        before = history_of(connection).imported(scope, meter, slots).get(quantity, {})
        span_ms = slots[0] * SLOT_MS, slots[1] * SLOT_MS
        known = known_usage(connection, scope, meter, asked.medium, span_ms)[quantity]
        measured = len(by_slot) - len(overlay(known.counters, by_slot).imported & by_slot.keys())
    same = sum(before.get(slot) == usage for slot, usage in by_slot.items())
    changed = sum(slot in before for slot in by_slot) - same
    return Plan(
        made,
        by_slot,
        faults,
        len(read.rows) + len(read.faults) + read.left_aside,
        read.left_aside,
        measured,
        same,
        changed,
        _known_already(connection, scope, made),
    )


def _of_tenancy(read: Parsed, spans: Sequence[Span]) -> Parsed:
    """Turn rows of when the meter was another household's into faults."""
    kept = Parsed(read.unit, [], list(read.faults), read.left_aside)
    for row in read.rows:
        if holds(spans, row.start_ms, row.end_ms):
            kept.rows.append(row)
        else:
            kept.fault(row.line, "the meter was not this household's then", ())
    return kept


def _known_already(connection: Connection, scope: Scope, made: Import) -> Import | None:
    for one in history_of(connection).imports(scope, made.meter):
        if (one.quantity, one.digest) == (made.quantity, made.digest):
            return one
    return None


def _in_litres(
    connection: Connection,
    scope: Scope,
    meter: str,
    by_slot: Mapping[int, SlotUsage],
    zone: ZoneInfo,
) -> dict[int, SlotUsage]:
    """Turn gas that a file tells in energy back into the litres that the meter counted."""
    conversions = Conversions(read_conversions(connection, scope, meter), zone)
    return {
        slot: SlotUsage(conversions.volume_l(usage.amount, slot), usage.is_estimated)
        for slot, usage in by_slot.items()
    }


def _digest(by_slot: Mapping[int, SlotUsage]) -> bytes:
    said = [[slot, *by_slot[slot]] for slot in sorted(by_slot)]
    return hashlib.blake2b(msgspec.msgpack.encode(said), digest_size=DIGEST_BYTES).digest()
