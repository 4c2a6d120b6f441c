"""Files of other services as they write them: columns, units, ends of half hours, local time."""

import contextlib
import json
import tracemalloc
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.imports import documents, tables
from cloud.imports.listing import Listing
from cloud.imports.rows import Asked, LocalTimes, Parsed, RowError, parse_amount
from cloud.imports.service import PARSERS, Format, sniff_format
from cloud.imports.slots import slots_of
from shared.errors import BadInputError
from shared.instants import parse_instant
from shared.readings import Medium
from shared.tariffs.model import Flow
from shared.units import SLOT_MS

LONDON = ZoneInfo("Europe/London")
POWER = Asked(Medium.ELECTRICITY, Flow.IMPORT, LONDON)
GAS = Asked(Medium.GAS, Flow.IMPORT, LONDON)


def at(text: str) -> int:
    """The slot that begins then."""
    return parse_instant(text, "at", LONDON) // SLOT_MS


def laid_out(parsed: Parsed) -> dict[int, int]:
    """Amounts by slot; there must be no fault."""
    by_slot, faults = slots_of(parsed)
    assert faults == []
    return {slot: usage.amount for slot, usage in by_slot.items()}


def test_octopus_file_has_spaces_offsets_and_zeros_of_its_own() -> None:
    """A space after each comma, offsets of summer and winter, 0E-20 for nothing."""
    body = (
        "Consumption (kwh), Estimated Cost Inc. Tax (p), Start, End\r\n"
        "0.153000, 3.6, 2026-03-29T00:30:00+00:00, 2026-03-29T02:00:00+01:00\r\n"
        "0E-20, 0, 2026-03-29T02:00:00+01:00, 2026-03-29T02:30:00+01:00\r\n"
    ).encode("utf-8-sig")

    parsed = tables.parse_octopus(body, POWER)

    assert laid_out(parsed) == {
        at("2026-03-29T00:30:00Z"): 153_000,
        at("2026-03-29T01:00:00Z"): 0,
    }


def test_octopus_gas_says_cubic_metres_in_its_header() -> None:
    """Then nobody need say the unit, and who says another is told."""
    body = "Consumption (m³),Start,End\n1.25,2026-01-01T00:00Z,2026-01-01T00:30Z\n".encode()

    assert laid_out(tables.parse_octopus(body, GAS)) == {at("2026-01-01T00:00:00Z"): 1_250}
    with pytest.raises(BadInputError, match="unit = kWh"):
        tables.parse_octopus(body, GAS._replace(unit="kWh"))
    with pytest.raises(BadInputError, match="the meter electricity"):
        tables.parse_octopus(body, POWER)


def test_octopus_answer_names_no_unit_of_gas() -> None:
    """Newest first, with offsets without a colon; electricity is kWh."""
    body = (
        b'{"count": 2, "next": null, "results": ['
        b'{"consumption": 0.1, "interval_start": "2026-07-01T01:00:00+0100",'
        b' "interval_end": "2026-07-01T01:30:00+0100"},'
        b'{"consumption": 0.063, "interval_start": "2026-07-01T00:30:00+0100",'
        b' "interval_end": "2026-07-01T01:00:00+0100"}]}'
    )

    assert laid_out(documents.parse_octopus(body, POWER)) == {
        at("2026-06-30T23:30:00Z"): 63_000,
        at("2026-07-01T00:00:00Z"): 100_000,
    }
    with pytest.raises(BadInputError, match="unit"):
        documents.parse_octopus(body, GAS)


def test_n3rgy_tells_the_end_of_each_half_hour_in_utc() -> None:
    """The timestamp 00:30 is the half hour from midnight on, in summer too."""
    table = b"timestamp (UTC),energyConsumption (kWh)\n2026-07-01 00:30,0.2\n2026-07-01 01:00,0.3\n"
    document = (
        b'{"resource": "/x", "start": "202607010000", "granularity": "halfhour", "values": ['
        b'{"timestamp": "2026-07-01 00:30", "value": 0.2}, {"timestamp": "202607010100",'
        b' "value": 0.3}, {"timestamp": "2026-07-01 01:30", "value": null}]}'
    )
    expected = {at("2026-07-01T00:00:00Z"): 200_000, at("2026-07-01T00:30:00Z"): 300_000}

    assert laid_out(tables.parse_n3rgy(table, POWER)) == expected
    assert laid_out(documents.parse_n3rgy(document, POWER)) == expected
    with pytest.raises(BadInputError, match="granularity"):
        documents.parse_n3rgy(document.replace(b"halfhour", b"daily"), POWER)


def test_glow_tells_local_times_and_one_resource() -> None:
    """The repeated hour goes by the order of rows; a second resource is refused."""
    body = (
        "entity,resource,time,value,unit\n"
        "Home,r1,2026-10-25T00:30:00,0.1,kWh\n"
        "Home,r1,2026-10-25T01:00:00,0.2,kWh\n"
        "Home,r1,2026-10-25T01:30:00,0.3,kWh\n"
        "Home,r1,2026-10-25T01:00:00,0.4,kWh\n"
        "Home,r1,2026-10-25T01:30:00,0.5,kWh\n"
        "Home,r1,2026-10-25T02:00:00,,kWh\n"
        "Home,r1,2026-10-25T02:30:00,12,pence\n"
    )

    parsed = tables.parse_glow(body.encode(), POWER)

    by_slot, faults = slots_of(parsed)
    first = at("2026-10-24T23:30:00Z")
    assert [by_slot[first + n].amount for n in range(5)] == [10**5 * n for n in range(1, 6)]
    assert (len(by_slot), parsed.left_aside) == (5, 1)
    assert faults[0].line == 8
    with pytest.raises(BadInputError, match="more than one resource"):
        tables.parse_glow(body.replace("r1,2026-10-25T02", "r2,2026-10-25T02").encode(), POWER)


def test_glow_readings_are_epochs_with_nulls() -> None:
    """What is null is missing and no zero."""
    body = (
        b'{"units": "kWh", "query": {"period": "PT1H"}, "data": '
        b'[[1767225600, 0.5], [1767229200, null], [1.5, 1], ["x", 2]]}'
    )

    parsed = documents.parse_glow(body, POWER)

    by_slot, faults = slots_of(parsed)
    assert [(usage.amount, usage.is_estimated) for usage in by_slot.values()] == [
        (250_000, True)
    ] * 2
    assert [one.line for one in faults] == [3, 4]
    assert parsed.left_aside == 1
    with pytest.raises(BadInputError, match="period"):
        documents.parse_glow(body.replace(b"PT1H", b"P1D"), POWER)


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0.153", 153_000), ("1e-3", 1_000), (" 12 ", 12_000_000), ("-0", 0), ("0.0000005", 0)],
)
def test_amounts_are_exact(text: str, amount: int) -> None:
    """Decimal text becomes whole mWh, half-even."""
    assert parse_amount(text, 1_000_000) == amount


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "1,5", "1_000", "0x10", "٣", "1e999", "9" * 40, "--1", "-1", "£1"]
)
def test_other_amounts_are_faults(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(RowError):
        parse_amount(text, 1_000_000)


def test_repeated_hour_of_a_file_that_goes_back() -> None:
    """Newest first: the second of the two comes first."""
    times = LocalTimes(LONDON)
    said = ["02:00", "01:30", "01:00", "01:30", "01:00", "00:30"]

    found = [times.parse(f"2026-10-25T{one}") // SLOT_MS for one in said]

    assert found == list(range(found[0], found[0] - 6, -1))


@pytest.mark.parametrize(
    "text", ["2026-03-29T01:30:00", "yesterday", "", "9999-12-31T23:59:59-23:00", "1999-01-01"]
)
def test_times_that_are_none_are_faults(text: str) -> None:
    """Also those that the clocks skip, and those outside of this century."""
    with pytest.raises(RowError):
        LocalTimes(LONDON).parse(text)


def test_shorter_rows_are_summed_and_longer_ones_spread() -> None:
    """Quarters fill a half hour or are a fault; a day is spread and an estimate."""
    rows = [
        "0.1,2026-01-01T00:00Z,2026-01-01T00:15Z",
        "0.2,2026-01-01T00:15Z,2026-01-01T00:30Z",
        "0.3,2026-01-01T00:30Z,2026-01-01T00:45Z",
        "4.8,2026-01-02T00:00Z,2026-01-03T00:00Z",
        "1,2026-01-02T00:10Z,2026-01-02T00:50Z",
        "1,2026-01-04T00:00Z,2026-01-04T00:00Z",
        "1,2026-01-04T00:00Z,2026-03-04T00:00Z",
        "9000,2026-01-05T00:00Z,2026-01-05T00:30Z",
        "1,2026-01-02T00:00Z,2026-01-02T00:30Z",
        "1,2026-01-02T00:00Z,2026-01-02T00:15Z",
        "0.1,2026-01-01T00:00Z,2026-01-01T00:15Z",
    ]
    body = "\n".join(["Consumption (kWh),Start,End", *rows])

    by_slot, faults = slots_of(tables.parse_octopus(body.encode(), POWER))

    assert by_slot[at("2026-01-01T00:00:00Z")] == (300_000, False)
    assert by_slot[at("2026-01-02T23:30:00Z")] == (100_000, True)
    assert [one.line for one in faults] == [4, 6, 7, 8, 9, 10, 11, 12]
    assert "15 minutes" in faults[0].reason
    assert "line 5" in faults[5].reason


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"\xef\xbb\xbf Consumption (kWh), Start, End", Format.OCTOPUS_CSV),
        (b"timestamp (UTC),energyConsumption (m3)", Format.N3RGY_CSV),
        (b"entity,resource,time,value,unit", Format.GLOW_CSV),
        (b"meter,start,end,local_start,import_kwh,export_kwh,status", Format.HEARTHLINK_CSV),
        (b'{"count":1,"results":[]}', Format.OCTOPUS_JSON),
        (b'{"values":[]}', Format.N3RGY_JSON),
        (b'{"units":"kWh","data":[]}', Format.GLOW_JSON),
        (b"<?xml version='1.0'?>", Format.ESPI),
    ],
)
def test_formats_are_told_by_their_beginning(head: bytes, expected: Format) -> None:
    """Who sends a file need not know what it is."""
    assert sniff_format(head) is expected
    assert expected in PARSERS


@pytest.mark.parametrize("parse", [tables.parse_octopus, tables.parse_n3rgy, tables.parse_glow])
@pytest.mark.parametrize("body", [b"", b"\n\n", b"a,b\n1,2\n", b'"', b"\0"])
def test_files_without_the_columns_are_refused(parse: object, body: bytes) -> None:
    """The first line is shown, so that one sees what was sent."""
    with pytest.raises(BadInputError):
        parse(body, POWER)  # type: ignore[operator]  # a parser


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(Format), st.binary(max_size=300))
def test_no_bytes_raise_anything_else(format_: Format, body: bytes) -> None:
    """A parser says that a file is bad, or lists its faults; it never fails otherwise."""
    with contextlib.suppress(BadInputError):
        slots_of(PARSERS[format_](body, POWER))


@pytest.mark.parametrize("parse", [tables.parse_octopus, tables.parse_n3rgy, tables.parse_glow])
def test_header_that_is_no_csv_is_refused_by_its_line(parse: object) -> None:
    """Such as one longer than a field may be."""
    with pytest.raises(BadInputError, match="line 1: field larger"):
        parse(b"x" * 200_000, POWER)  # type: ignore[operator]  # a parser


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"results":[' + b",".join([b"[]"] * 50_001) + b"]}", "more than 200000 rows"),
        (b'{"results":[[' + b",".join([b"[]"] * 50_001) + b"]]}", "entry 1 of the list"),
        (b'{"count":[' + b",".join([b"[]"] * 50_001) + b'],"results":[]}', "value of 'count'"),
        (b'{"results":[],' + b",".join(b'"%d":0' % n for n in range(99)) + b"}", "64 names"),
    ],
)
def test_documents_take_no_more_memory_than_their_text(
    body: bytes, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever they are made of: a list of nothing takes twenty times its text, held as lists."""
    monkeypatch.setattr("cloud.imports.listing.MAX_ROWS", 1_000)
    tracemalloc.start()
    try:
        with pytest.raises(BadInputError, match=said):
            documents.parse_octopus(body, POWER)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    # Its text as characters, and one value of the largest size as the lists it may be.
    assert most < len(body) + 2_000_000


def test_lines_that_say_nothing_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of short lines has no more faults than a file may have rows."""
    monkeypatch.setattr("cloud.imports.rows.MAX_ROWS", 1_000)
    body = b"Consumption (kWh),Start,End\n" + b"x\n" * 1_001

    with pytest.raises(BadInputError, match="1000 rows"):
        tables.parse_octopus(body, POWER)


@pytest.mark.parametrize(
    "body",
    [
        b'{"results":[1,]}',
        b'{"results":[],}',
        b'{"results":[1 2]}',
        b'{"results" []}',
        b'{"results":[]} x',
        b'{"results":[]',
        b'{1:2,"results":[]}',
        b'{"results":[NaN]}',
        b"\xff",
        b"[]",
        b"1",
        b"",
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """As any reader of JSON would."""
    with pytest.raises(BadInputError):
        documents.parse_octopus(body, POWER)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=4),
    st.lists(st.integers() | st.text(max_size=5) | st.lists(st.none(), max_size=3), max_size=5),
    st.sampled_from([None, 2]),
)
def test_a_document_is_read_as_any_reader_of_json_does(
    values: dict[str, object], entries: list[object], indent: int | None
) -> None:
    """Its values and its list's entries, however it is laid out."""
    body = json.dumps({**values, "results": entries, "last": 1}, indent=indent).encode()

    read = Listing(body, "results")

    assert read.values == {key: one for key, one in values.items() if key != "results"} | {
        "last": 1
    }
    assert [entry for _, entry in read.entries()] == entries


CELLS = st.sampled_from(
    ["", "0.1", "-1", "NaN", "2026-03-29T01:30", "2026-03-29T01:30Z", "kWh", "9" * 30, "\x00", '"']
)
HEADERS = {
    Format.OCTOPUS_CSV: "Consumption (kWh),Start,End",
    Format.N3RGY_CSV: "timestamp (UTC),energyConsumption (kWh)",
    Format.GLOW_CSV: "entity,resource,time,value,unit",
    Format.HEARTHLINK_CSV: "start,end,import_kwh,status",
}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(HEADERS)), st.lists(st.lists(CELLS, max_size=6), max_size=6))
def test_no_rows_raise_anything_else(format_: Format, rows: list[list[str]]) -> None:
    """Below a good header too."""
    body = "\n".join([HEADERS[format_], *(",".join(row) for row in rows)])

    with contextlib.suppress(BadInputError):
        slots_of(PARSERS[format_](body.encode(), POWER))
