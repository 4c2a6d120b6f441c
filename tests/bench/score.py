"""The capture shelf decoded by us and by other libraries, file by file.

A part of docs/benchmarks.md; `python -m tests.bench.score` prints it. How many telegrams a file
holds, which of them have a right checksum, and what values they carry is found out by hand, knowing
nothing of the codecs.
"""

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

from firmware_bridge.meters.catalog import codec_for
from firmware_bridge.meters.codec import Refused, Telegram
from tests.bench.peers import Answer, ask
from tests.support import dlms_by_hand, p1_by_hand, sml_by_hand
from tests.support.captures import ABSENT, SHELF, Capture, captures

ZONE = ZoneInfo("Europe/Amsterdam")
PEERS = {
    "p1": ("dsmr-parser", "amshan"),
    "sml": ("pysml", "smllib"),
    "dlms": ("gurux-dlms", "dlms-cosem", "amshan"),
    "glow": (),
}
TITLES = {"p1": "P1", "sml": "SML", "dlms": "DLMS", "glow": "Glow"}
KEY_UNKNOWN = "encrypted"

Found = list[Telegram | Refused]
Values = dict[str, int]


@dataclass(slots=True)
class Row:
    """One file: how many telegrams it holds, and what became of them."""

    capture: Capture
    telegrams: int
    good: int
    decoded: int
    refused: tuple[str, ...]
    compared: int
    equal: int
    values: Values = field(default_factory=dict)
    peers: dict[str, Answer] = field(default_factory=dict)

    @property
    def is_fault(self) -> bool:
        """Whether a good telegram was lost, or a value is not the published one."""
        is_lost = self.decoded < self.good and KEY_UNKNOWN not in self.refused
        return is_lost or self.equal < self.compared


@cache
def take() -> tuple[Row, ...]:
    """Decode the whole shelf, and ask each peer about what it claims to read."""
    rows = [_row(capture) for capture in captures()]
    for protocol, peers in PEERS.items():
        ours = [row for row in rows if row.capture.protocol == protocol]
        for peer in peers:
            answers = ask(peer, [row.capture for row in ours])
            for row, answer in zip(ours, answers, strict=True):
                row.peers[peer] = answer
    return tuple(rows)


def _decode(capture: Capture, content: bytes) -> Found:
    codec = codec_for(capture.protocol, ZONE, capture.keys)
    return codec.feed(content) + codec.feed(b"")


def _row(capture: Capture) -> Row:
    found = _decode(capture, capture.content)
    telegrams = [entry for entry in found if isinstance(entry, Telegram)]
    checks, expected = _BY_HAND[capture.protocol](capture)
    is_mended = not telegrams and checks == [False]
    if is_mended:
        # Its values are published all the same, and are held against what is in it.
        mended = _decode(capture, dlms_by_hand.mend_checksum(capture.content))
        telegrams = [entry for entry in mended if isinstance(entry, Telegram)]
    pairs = list(zip(expected, map(_values, telegrams), strict=False))
    return Row(
        capture,
        telegrams=len(checks),
        good=sum(check is not False for check in checks),
        decoded=0 if is_mended else len(telegrams),
        refused=tuple(entry.reason for entry in found if isinstance(entry, Refused)),
        compared=sum(len(printed) for values in expected for printed in values),
        equal=sum(
            decoded.get(name) == value
            for values, decoded in pairs
            for printed in values
            for name, value in printed.items()
        ),
        values=_values(telegrams[-1]) if telegrams else {},
    )


def _values(telegram: Telegram) -> Values:
    """Gather a telegram's registers: the electricity meter's, and the sub-meters' by their own."""
    found: Values = {}
    for sample in reversed(telegram.samples):
        found |= sample.registers
    return found


ByHand = tuple[list[bool | None], list[list[Values]]]
"""Whether each telegram's checksum is right, and what is known of the values of each good one."""


def _p1(capture: Capture) -> ByHand:
    known = p1_by_hand.electricity(capture.content)
    return p1_by_hand.checks(capture.content), [[known, p1_by_hand.submeters(capture.content)]]


def _sml(capture: Capture) -> ByHand:
    files = sml_by_hand.files(capture.content)
    values = [[sml_by_hand.values(frame)] for frame, is_good in files if is_good]
    return [is_good for _, is_good in files], values


def _dlms(capture: Capture) -> ByHand:
    path = capture.path
    is_good = False not in dlms_by_hand.link_frames(capture.content)
    if path.suffix == ".bin":
        return [is_good], [[dlms_by_hand.nordic_values(capture.content)]]
    known = [
        dlms_by_hand.decoding_values(path.with_name(f"{path.stem}_decoded{suffix}"))
        for suffix in (".xml", ".log")
    ]
    # One table's name spells its maker differently.
    for stem in {path.stem, path.stem.replace("sagecom", "sagemcom")}:
        table = path.parent / "expected" / f"{stem}.h.txt"
        if table.is_file():
            _, numbers, _ = dlms_by_hand.read_table(table.read_text())
            known.append(dlms_by_hand.table_values(numbers, path.stem))
    return [is_good], [known]


def _glow(capture: Capture) -> ByHand:
    message = json.loads(capture.content.partition(b" ")[2])
    known: Values = {}
    if "electricitymeter" in message:
        energy = message["electricitymeter"]["energy"]
        known = {
            "import_mwh": round(energy["import"]["cumulative"] * 10**6),
            "export_mwh": round(energy["export"]["cumulative"] * 10**6),
            "power_import_w": round(message["electricitymeter"]["power"]["value"] * 1_000),
        }
    elif "gasmeter" in message:
        known = {"gas_l": round(message["gasmeter"]["energy"]["import"]["cumulativevol"] * 1_000)}
    return [None], [[known]]


_BY_HAND: dict[str, Callable[[Capture], ByHand]] = {
    "p1": _p1,
    "sml": _sml,
    "dlms": _dlms,
    "glow": _glow,
}


def agreement(rows: list[Row], peer: str) -> tuple[int, int]:
    """Count the values that a peer tells of what both decode, and how many of them are ours."""
    told = [(name, value, row) for row in rows for name, value in row.peers[peer].values.items()]
    return sum(row.values.get(name) == value for name, value, row in told), len(told)


def section() -> str:
    """Write what stands below the rows: a line for each protocol, then a table of its files."""
    rows = take()
    if not rows:
        return f"\nNot scored: {ABSENT}.\n"
    lines = [
        "",
        "Real and published telegrams of others, decoded by us and by the libraries that read",
        "them, each given the keys published with a file. `good` are the telegrams whose checksum",
        "is right or that carry none, by a rule that knows nothing of the codecs; `values` how",
        "many of those published or printed are decoded to the same number. A peer's",
        "column is how many telegrams it decodes.",
    ]
    for protocol, peers in PEERS.items():
        lines += ["", *_table(protocol, peers, [r for r in rows if r.capture.protocol == protocol])]
    lines += [
        "",
        "RAVEn has no published captures: its figures above are of damaged streams of the",
        "simulator. What amshan's authors expect of the Nordic lists is not on the shelf: they are",
        "held against the numbers in their bytes, and, above, against amshan's own decoding.",
    ]
    return "\n".join(lines) + "\n"


def _table(protocol: str, peers: tuple[str, ...], rows: list[Row]) -> Iterable[str]:
    decoded = sum(row.decoded for row in rows)
    telegrams, good = sum(row.telegrams for row in rows), sum(row.good for row in rows)
    equal, compared = sum(row.equal for row in rows), sum(row.compared for row in rows)
    named = [f"{peer} {version(peer)}" for peer in peers]
    columns = ["file", "telegrams", "good", "decoded", "values", *named, "refused"]
    yield f"### {TITLES[protocol]}"
    yield ""
    yield (
        f"{len(rows)} files, {telegrams} telegrams, {good} good, {decoded} decoded; "
        f"{equal} of {compared} values equal."
    )
    yield ""
    yield "| " + " | ".join(columns) + " |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        name = row.capture.name.partition("/")[2]
        values = f"{row.equal} of {row.compared}" if row.compared else "–"
        others = [row.peers[peer].fault or row.peers[peer].decoded for peer in peers]
        figures = (row.telegrams, row.good, row.decoded, values, *others, _reason(row))
        yield f"| {name} | " + " | ".join(map(str, figures)) + " |"


def _reason(row: Row) -> str:
    """Say in words what was refused, for each reason once."""
    words = {"bad-crc": "wrong checksum", "encrypted": "no key is published", "noise": "noise"}
    counts = {reason: row.refused.count(reason) for reason in row.refused}
    return ", ".join(f"{count} {words.get(reason, reason)}" for reason, count in counts.items())


def main() -> int:
    """Print the section; return 1 where a good telegram was lost or a value differs."""
    print(section())
    faults = [row.capture.name for row in take() if row.is_fault]
    for name in faults:
        print(f"fault: {name}", file=sys.stderr)
    return int(bool(faults) or not Path(SHELF).is_dir())


if __name__ == "__main__":
    sys.exit(main())
