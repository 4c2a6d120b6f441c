"""Usage as Green Button (NAESB ESPI): an Atom feed of interval readings, written in pieces. Pure.

Of each interval the exact amount in thousandths of the unit (Wh, m³): `powerOfTenMultiplier` −3.
What is missing has no reading; what is estimated carries the quality of interpolation. Time zone
rules are left out: every time is an instant.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

from cloud.exports.columns import Row
from cloud.readings.usage import Status
from shared.instants import format_utc
from shared.readings import Medium
from shared.units import MS_PER_SECOND

NAMESPACE = uuid.UUID("6f1b8e8e-4d1c-5a3b-9d6e-7c5d8f0a2b41")
"""Under which ids of entries are made; any fixed one does."""

ESTIMATED_BY_INTERPOLATION = 9
"""QualityOfReading of ESPI."""

MULTIPLIER = -3


class Flow(NamedTuple):
    """What a quantity is to ESPI: commodity, unit and direction."""

    quantity: str
    title: str
    commodity: int
    uom: int
    direction: int


FLOWS: dict[Medium, tuple[Flow, ...]] = {
    Medium.ELECTRICITY: (
        Flow("import_mwh", "Electricity delivered", 1, 72, 1),
        Flow("export_mwh", "Electricity received", 1, 72, 19),
    ),
    Medium.GAS: (Flow("gas_l", "Gas delivered", 7, 42, 1),),
}
"""By commodity 1 (electricity) or 7 (natural gas), unit 72 (Wh) or 42 (m³), direction 1 or 19."""

KINDS = {Medium.ELECTRICITY: 0, Medium.GAS: 1}
"""ServiceKind of ESPI."""


def write_espi(
    meter: str, medium: Medium, now_ms: int, batches: Iterable[Sequence[Row]]
) -> Iterator[bytes]:
    """Write the feed; each batch becomes one interval block of each flow."""
    updated = format_utc(now_ms // MS_PER_SECOND * MS_PER_SECOND)
    yield _head(meter, medium, updated).encode()
    for number, batch in enumerate(batches, start=1):
        blocks = [_block(meter, flow, number, batch, updated) for flow in FLOWS[medium]]
        yield "".join(blocks).encode()
    yield b"</feed>\n"


def _head(meter: str, medium: Medium, updated: str) -> str:
    point = _point(meter)
    parts = [
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:espi="http://naesb.org/espi">\n'
            f"<id>urn:uuid:{uuid.uuid5(NAMESPACE, f'feed of {point}')}</id>"
            f"<title>{_text(meter)}</title><updated>{updated}</updated>\n"
        ),
        _entry(
            point,
            [f"{point}/MeterReading"],
            meter,
            f"<espi:UsagePoint><espi:ServiceCategory><espi:kind>{KINDS[medium]}</espi:kind>"
            "</espi:ServiceCategory></espi:UsagePoint>",
            updated,
        ),
    ]
    for flow in FLOWS[medium]:
        reading, kind = _reading(meter, flow), f"ReadingType/{_reading(meter, flow)}"
        parts.append(
            _entry(
                reading,
                [f"{reading}/IntervalBlock", kind],
                flow.title,
                "<espi:MeterReading/>",
                updated,
            )
        )
        parts.append(_entry(kind, [], flow.title, _reading_type(flow), updated))
    return "".join(parts)


def _reading_type(flow: Flow) -> str:
    fields = {
        "accumulationBehaviour": 4,
        "commodity": flow.commodity,
        "flowDirection": flow.direction,
        "kind": 12,
        "powerOfTenMultiplier": MULTIPLIER,
        "uom": flow.uom,
    }
    inner = "".join(f"<espi:{name}>{value}</espi:{name}>" for name, value in fields.items())
    return f"<espi:ReadingType>{inner}</espi:ReadingType>"


def _block(meter: str, flow: Flow, number: int, batch: Sequence[Row], updated: str) -> str:
    known = [row for row in batch if row.get(flow.quantity) is not None]
    if not known:
        return ""
    start_s = known[0]["start"] // MS_PER_SECOND
    duration_s = known[-1]["end"] // MS_PER_SECOND - start_s
    readings = "".join(_interval(row, row[flow.quantity]) for row in known)
    block = f"{_reading(meter, flow)}/IntervalBlock/{number}"
    content = (
        f"<espi:IntervalBlock><espi:interval><espi:duration>{duration_s}</espi:duration>"
        f"<espi:start>{start_s}</espi:start></espi:interval>\n{readings}</espi:IntervalBlock>"
    )
    return _entry(block, [], "", content, updated, up=f"{_reading(meter, flow)}/IntervalBlock")


def _interval(row: Row, amount: int) -> str:
    duration_s = (row["end"] - row["start"]) // MS_PER_SECOND
    quality = ""
    if row["status"] == Status.ESTIMATED:
        quality = (
            f"<espi:ReadingQuality><espi:quality>{ESTIMATED_BY_INTERPOLATION}</espi:quality>"
            "</espi:ReadingQuality>"
        )
    return (
        f"<espi:IntervalReading>{quality}<espi:timePeriod><espi:duration>{duration_s}"
        f"</espi:duration><espi:start>{row['start'] // MS_PER_SECOND}</espi:start>"
        f"</espi:timePeriod><espi:value>{amount}</espi:value></espi:IntervalReading>\n"
    )


def _entry(
    itself: str, related: Sequence[str], title: str, content: str, updated: str, up: str = ""
) -> str:
    links = [f'<link rel="self" href="{itself}"/>']
    if up:
        links.append(f'<link rel="up" href="{up}"/>')
    links += [f'<link rel="related" href="{one}"/>' for one in related]
    return (
        f"<entry><id>urn:uuid:{uuid.uuid5(NAMESPACE, itself)}</id>{''.join(links)}"
        f"<title>{_text(title)}</title><content>{content}</content>"
        f"<published>{updated}</published><updated>{updated}</updated></entry>\n"
    )


def _text(text: str) -> str:
    # XML 1.0 has no way to write a control character.
    return escape("".join(one if one.isprintable() else "?" for one in text))


def _point(meter: str) -> str:
    # Links hold no character of a meter id that XML or a URL would read otherwise.
    return f"UsagePoint/{uuid.uuid5(NAMESPACE, meter)}"


def _reading(meter: str, flow: Flow) -> str:
    return f"{_point(meter)}/MeterReading/{flow.quantity}"
