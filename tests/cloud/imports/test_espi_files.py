"""Green Button files: namespaces, flows, multipliers, and what is refused."""

from zoneinfo import ZoneInfo

import pytest

from cloud.imports import espi
from cloud.imports.espi import parse_espi
from cloud.imports.rows import Asked
from cloud.imports.slots import slots_of
from shared.errors import BadInputError
from shared.readings import Medium
from shared.tariffs.model import Flow
from shared.units import MS_PER_SECOND, SLOT_MS

POWER = Asked(Medium.ELECTRICITY, Flow.IMPORT, ZoneInfo("Europe/London"))
START_S = 1_772_323_200
SLOT = START_S * MS_PER_SECOND // SLOT_MS


def reading(place: int, value: object, quality: str = "") -> str:
    """One interval reading of half an hour."""
    told = f"<ReadingQuality><quality>{quality}</quality></ReadingQuality>" if quality else ""
    return (
        f"<IntervalReading>{told}<timePeriod><duration>1800</duration><start>"
        f"{START_S + 1800 * place}</start></timePeriod><value>{value}</value></IntervalReading>"
    )


def kind(href: str, direction: int = 1, power: int = 0, uom: int = 72, behaviour: int = 4) -> str:
    """A ReadingType's entry."""
    return (
        f'<entry><link rel="self" href="{href}"/><content><ReadingType>'
        f"<accumulationBehaviour>{behaviour}</accumulationBehaviour><flowDirection>{direction}"
        f"</flowDirection><powerOfTenMultiplier>{power}</powerOfTenMultiplier><uom>{uom}</uom>"
        "</ReadingType></content></entry>"
    )


def block(up: str, *readings: str) -> str:
    """An IntervalBlock's entry."""
    return (
        f'<entry><link rel="up" href="{up}"/><content><IntervalBlock><interval><duration>86400'
        f"</duration><start>{START_S}</start></interval>{''.join(readings)}</IntervalBlock>"
        "</content></entry>"
    )


def feed(*entries: str, namespace: str = "") -> bytes:
    """A feed of entries."""
    return f"<?xml version='1.0'?>\n<feed {namespace}>\n{chr(10).join(entries)}</feed>".encode()


def amounts(body: bytes, asked: Asked = POWER) -> list[int]:
    """The amounts by slot; there must be no fault."""
    by_slot, faults = slots_of(parse_espi(body, asked))
    assert faults == []
    return [by_slot[slot].amount for slot in sorted(by_slot)]


def test_namespaces_do_not_matter() -> None:
    """None, a default one and a prefix say the same; the start of a block is no reading's."""
    plain = feed(kind("T"), block("x", reading(0, 100), reading(1, 250)))
    default = feed(
        kind("T"), block("x", reading(0, 100), reading(1, 250)), namespace='xmlns="urn:a"'
    )
    prefixed = default
    for name in ("IntervalReading", "value", "timePeriod", "start", "ReadingType", "uom"):
        prefixed = prefixed.replace(f"<{name}>".encode(), f"<espi:{name}>".encode())
        prefixed = prefixed.replace(f"</{name}>".encode(), f"</espi:{name}>".encode())

    assert amounts(plain) == amounts(default) == amounts(prefixed) == [100_000, 250_000]


def test_flows_are_told_apart_by_their_reading_types() -> None:
    """Blocks lead by their meter reading to a type, before or after it in the file."""
    body = feed(
        block("M1/IntervalBlock", reading(0, 5), reading(1, 6)),
        block("M2/IntervalBlock", reading(0, 70)),
        '<entry><link rel="self" href="M1"/><link rel="related" href="M1/IntervalBlock"/>'
        '<link rel="related" href="T1"/></entry>',
        '<entry><link rel="self" href="M2"/><link rel="related" href="M2/IntervalBlock"/>'
        '<link rel="related" href="T2"/></entry>',
        kind("T1", power=3),
        kind("T2", direction=19, power=-1),
    )

    assert amounts(body) == [5_000_000, 6_000_000]
    assert amounts(body, POWER._replace(flow=Flow.EXPORT)) == [7_000]
    assert parse_espi(body, POWER).left_aside == 1


def test_gas_is_read_in_cubic_metres() -> None:
    """Its unit symbol is 42."""
    body = feed(kind("T", power=-3, uom=42), block("x", reading(0, 1_250)))

    assert amounts(body, POWER._replace(medium=Medium.GAS)) == [1_250]


def test_estimates_say_so() -> None:
    """By the quality of the reading."""
    body = feed(kind("T"), block("x", reading(0, 1, "8"), reading(1, 1, "14")))

    by_slot, _ = slots_of(parse_espi(body, POWER))

    assert [by_slot[SLOT].is_estimated, by_slot[SLOT + 1].is_estimated] == [True, False]


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([kind("T"), block("x", reading(0, "1.5"))], "value is no whole number"),
        ([kind("T"), block("x", reading(0, -5))], "negative"),
        ([kind("T"), block("x", reading(0, "9" * 30))], "value is no whole number"),
        ([kind("T"), block("x", reading(10**9, 1))], "not in this century"),
        ([kind("T", uom=169), block("x", reading(0, 1))], "uom '169'"),
        ([kind("T", uom=42), block("x", reading(0, 1))], "not what the meter counts"),
        ([kind("T", power=99), block("x", reading(0, 1))], "powerOfTenMultiplier"),
        ([kind("T", behaviour=3), block("x", reading(0, 1))], "register and no usage"),
        ([kind("T"), kind("U"), block("x", reading(0, 1))], "ReadingType is not in the file"),
    ],
)
def test_readings_that_cannot_be_taken_are_named_by_line(entries: list[str], reason: str) -> None:
    """The line is that of the reading."""
    body = feed(*entries)

    parsed = parse_espi(body, POWER)

    (fault,) = parsed.faults
    assert reason in fault.reason
    assert fault.line == len(entries) + 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'<!DOCTYPE feed SYSTEM "file:///etc/passwd"><feed/>', "document type"),
        (b'<!DOCTYPE f [<!ENTITY a "b">]><f>&a;</f>', "document type"),
        (b"<feed>&undeclared;</feed>", "no XML"),
        (b"<feed><entry></feed>", "no XML"),
        (b"", "no XML"),
        (b"<feed/>", "no ReadingType"),
        (b"<a>" * 30 + b"</a>" * 30, "too deep"),
    ],
)
def test_files_that_are_no_feed_are_refused(body: bytes, reason: str) -> None:
    """Nothing is expanded and nothing is fetched."""
    with pytest.raises(BadInputError, match=reason):
        parse_espi(body, POWER)


def test_a_feed_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readings and entries have their limits."""
    body = feed(kind("T"), block("x", reading(0, 1), reading(1, 1)))
    monkeypatch.setattr(espi, "MAX_READINGS", 1)
    with pytest.raises(BadInputError, match="more than 1 readings"):
        parse_espi(body, POWER)
    monkeypatch.setattr(espi, "MAX_ENTRIES", 1)
    with pytest.raises(BadInputError, match="more than 1 entries"):
        parse_espi(feed(kind("T"), kind("U")), POWER)
