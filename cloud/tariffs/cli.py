"""`hearthlink cloud tariffs`: the catalogue from files, reported before anything is written."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from cloud.changes.prices import note_prices
from cloud.config import Config
from cloud.db import Database
from cloud.tariffs.catalogue import (
    list_offers,
    prices_between,
    put_offers,
    put_rates,
    read_offers,
)
from cloud.tariffs.imports import OfferChange, plan_offer, plan_rates, span_of
from cloud.tariffs.ratedays import without_prices
from shared.calendar import check_zone, slot_start_ms
from shared.clock import Clock
from shared.errors import OperatorError
from shared.instants import format_utc
from shared.tariffs import catalogue as files


@dataclass(frozen=True)
class Asked:
    """What to import: a catalogue file or, with `rates_of`, one page of that tariff's rates."""

    file: Path
    rates_of: str = ""
    payment_method: str = "DIRECT_DEBIT"
    is_dry_run: bool = False


def import_file(
    config: Config,
    database: Database,
    clock: Clock,
    asked: Asked,
    *,
    as_json: bool = False,
) -> int:
    """Import a catalogue file, or one page of rates for a code, and print what it changes.

    Raises ConfigError naming every fault of the file; then nothing is written.
    """
    payload, source = _read(asked.file), str(asked.file)
    zone, now_ms = check_zone(config.zone), clock.utc_ms()
    with database.writing() as connection:
        if asked.rates_of:
            prices = files.read_rates(payload, source, asked.payment_method)
            changes = [_plan_rates(connection, asked.rates_of, prices)]
        else:
            changes = list(_plan(connection, payload, source, zone, now_ms))
        if not asked.is_dry_run:
            _write(connection, changes, now_ms)
    _report(changes, is_dry_run=asked.is_dry_run, as_json=as_json)
    return 0


def show(database: Database, *, as_json: bool) -> int:
    """Print the catalogue, a line for each tariff."""
    with database.reading() as connection:
        offers = [kept.offer for kept in list_offers(connection)]
    if as_json:
        listed = [
            {
                "code": one.code,
                "name": one.tariff.name,
                "medium": one.medium,
                "flow": one.tariff.flow,
                "region": one.region,
                "versions": [version.version for version in one.tariff.versions],
            }
            for one in offers
        ]
        print(json.dumps(listed, indent=2))
        return 0
    for one in offers:
        newest = one.tariff.versions[-1]
        where = f" region {one.region}" if one.region else ""
        print(f"{one.code} {one.medium.value}{where} since {newest.starts_on}: {one.tariff.name}")
    print(f"{len(offers)} tariffs")
    return 0


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(files.MAX_FILE_BYTES + 1)
    except OSError as error:
        raise OperatorError(
            f"the catalogue file {file} cannot be read: {error.strerror}", hint="check the path"
        ) from error


def _plan(
    connection: Connection, payload: bytes, source: str, zone: ZoneInfo, now_ms: int
) -> Iterator[OfferChange]:
    given = files.read_offers(payload, source, zone, now_ms)
    before = read_offers(connection, [one.offer.code for one in given])
    for one in given:
        kept = before.get(one.offer.code)
        prices = without_prices(one.offer.tariff)[1] | one.slot_prices
        held = prices_between(connection, one.offer.code, span_of(prices)) if prices else {}
        yield plan_offer(one, kept.offer if kept else None, held)


def _plan_rates(connection: Connection, code: str, prices: Mapping[int, int]) -> OfferChange:
    kept = read_offers(connection, [code]).get(code)
    if kept is None:
        raise OperatorError(
            f"no tariff {code!r} in the catalogue", hint="import the tariff first, then its rates"
        )
    held = prices_between(connection, code, span_of(prices)) if prices else {}
    return plan_rates(kept.offer, prices, held)


def _write(connection: Connection, changes: list[OfferChange], now_ms: int) -> None:
    # New prices are a change of the tariff too: its revision rises, and costs name it.
    touched = [one.offer for one in changes if one.is_new or one.is_changed or one.slot_prices]
    put_offers(connection, touched, now_ms)
    for one in changes:
        if one.slot_prices:
            put_rates(connection, one.offer.code, one.slot_prices)
    note_prices(
        connection,
        {
            # A tariff that is otherwise as it was has changed where its prices have.
            one.offer.code: None
            if one.is_new or one.is_changed
            else (min(one.slot_prices), max(one.slot_prices))
            for one in changes
            if one.is_new or one.is_changed or one.slot_prices
        },
        now_ms,
    )


def _report(changes: list[OfferChange], *, is_dry_run: bool, as_json: bool) -> None:
    entries = [
        {
            "code": one.offer.code,
            "change": "new" if one.is_new else "changed" if one.is_changed else "same",
            "versions": len(one.offer.tariff.versions),
            "prices_added": one.prices_added,
            "prices_changed": one.prices_changed,
            "slots_without_price": one.slots_without,
            "prices_from": _at(one, first=True),
            "prices_to": _at(one, first=False),
        }
        for one in changes
    ]
    if as_json:
        print(json.dumps({"dry_run": is_dry_run, "tariffs": entries}, indent=2))
        return
    for entry in entries:
        print(
            f"{entry['code']}: {entry['change']}, {entry['versions']} versions, "
            f"{entry['prices_added']} half-hourly prices added, "
            f"{entry['prices_changed']} changed, {entry['slots_without_price']} missing between"
        )
    done = "nothing was written (--dry-run)" if is_dry_run else "written"
    print(f"{len(entries)} tariffs: {done}")


def _at(change: OfferChange, *, first: bool) -> str | None:
    if not change.slot_prices:
        return None
    start, end = span_of(change.slot_prices)
    return format_utc(slot_start_ms(start if first else end))
