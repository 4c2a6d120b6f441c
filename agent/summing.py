"""From packed days of register runs to what a home used, half hour by half hour. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from shared.meterdays import SlotEdges, join_into, unpack_day
from shared.readings import parts_of


class RunKey(NamedTuple):
    """One register run of one log."""

    log: int
    register: str
    run: str


PackedDays = Mapping[RunKey, Mapping[int, bytes]]
"""The days of each register run by UTC day, as `pack_day` packed them."""


class RunEdges(NamedTuple):
    """A register run's known slots, and its modulus (0 where it has not wrapped)."""

    edges: SlotEdges
    modulus: int


def runs_of_quantity(
    days: PackedDays, meters: Mapping[int, str], quantity: str, modulus_of: Callable[[RunKey], int]
) -> Iterator[RunEdges]:
    """Unpack the runs that sum to a quantity ("import_mwh", "gas_l", …), one after another.

    `meters` names the meter of each log that counts. A run that goes on from one log to the next of
    its meter is one run. Forty days of one take half a megabyte unpacked.
    """
    for meter in sorted(set(meters.values())):
        keys = [key for key in days if meters.get(key.log) == meter]
        parts = set(parts_of(quantity, {key.register for key in keys}))
        yield from _joined(days, [key for key in keys if key.register in parts], modulus_of)


def _joined(
    days: PackedDays, keys: Sequence[RunKey], modulus_of: Callable[[RunKey], int]
) -> Iterator[RunEdges]:
    for run in dict.fromkeys(key[1:] for key in keys):
        its_keys = [key for key in keys if key[1:] == run]
        edges: SlotEdges = {}
        for key in its_keys:
            for utc_day, packed in days[key].items():
                join_into(edges, unpack_day(packed, utc_day))
        yield RunEdges(edges, max(map(modulus_of, its_keys)))
