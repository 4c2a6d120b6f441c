"""A household whose meter displays what it should not: stuck, fallen, wrapped, at a wrong time.

Pure. The faults act on the display, so that every protocol shows the same and each oracle states
what was really displayed. `faulty_meter.py` asks it what there was to doubt.
"""

import random
from collections.abc import Iterator, Sequence

from firmware_bridge.simulator.faults import Event, Happening
from firmware_bridge.simulator.household import LONDON, Display, Household
from shared.units import MS_PER_DAY

GAS_MODULUS_L = 10**8
"""Five digits of cubic metres and three behind the point."""

WRAP_MARGIN = {"import": 1_000, "export": 300, "gas": 500}
"""How far below its last value a register begins that is to wrap, in Wh or litres: hours of use."""

GLITCH_DROP = 5_000
"""How much less a register shows for an instant, in Wh or litres."""

RECOVERY_TELEGRAMS = 8
"""A register that goes on elsewhere may have to insist before it is believed: that many at most."""

Counters = dict[str, list[int]]


class FaultyHousehold(Household):
    """A household with a script of meter faults; what `advance` returns is what is displayed.

    `doubtful` names the quantities of the last display that were never measured so, and
    `clock_off_ms` how far its clock was off.
    """

    def __init__(
        self,
        seed: int,
        start_ms: int,
        happenings: Sequence[Happening],
        *,
        modulus_wh: int,
        invalid_wh: int,
    ) -> None:
        super().__init__(seed, start_ms, LONDON)
        self.doubtful: frozenset[str] = frozenset()
        self.clock_off_ms = 0
        self._start_ms = start_ms
        self._happenings = [one for one in happenings if one.event is not Event.SWAP]
        self._moduli = {"import": modulus_wh, "export": modulus_wh, "gas": GAS_MODULUS_L}
        self._invalid = {"import": invalid_wh, "export": invalid_wh, "gas": GAS_MODULUS_L - 1}
        self._once = {one for one in self._happenings if one.for_ms == 0}
        self._offsets: Counters = {"import": [0, 0], "export": [0, 0], "gas": [0]}
        self._wraps = {one.what for one in happenings if one.event is Event.WRAP}
        self._shown: Counters = {}
        self._stuck: Counters = {}
        self._recovering: dict[str, int] = {}
        self._exchanges = 0

    def exchange(self) -> None:
        """Go on with another electricity meter, whose registers begin low."""
        self._exchanges += 1
        draw = random.Random(f"{self.seed}/exchange/{self._exchanges}")  # noqa: S311
        for quantity in ("import", "export"):
            shown = self._shown.get(quantity, [0, 0])
            for place, value in enumerate(shown):
                self._offsets[quantity][place] += draw.randrange(1, 50_000) - value
            self._stuck.pop(quantity, None)
            self._recovering.pop(quantity, None)

    def advance(self, to_ms: int) -> Display:
        """Play forward to `to_ms` and return what the meter displays then, faults and all."""
        display = super().advance(to_ms)
        if not self._shown:
            self._begin_wraps(display)
        counters = self._measured(display)
        self._shown = {quantity: list(values) for quantity, values in counters.items()}
        self.doubtful = frozenset(self._falsify(display, counters, to_ms - self._start_ms))
        display.import_wh = (counters["import"][0], counters["import"][1])
        display.export_wh = (counters["export"][0], counters["export"][1])
        display.gas_l = counters["gas"][0]
        if self._wraps - {"gas"}:
            display.modulus_wh = self._moduli["import"]
        self._set_clock(display, to_ms - self._start_ms)
        return display

    def _begin_wraps(self, display: Display) -> None:
        for quantity in self._wraps:
            for place, value in enumerate(_counters(display)[quantity]):
                begin = self._moduli[quantity] - WRAP_MARGIN[quantity]
                self._offsets[quantity][place] = begin - value

    def _measured(self, display: Display) -> Counters:
        """Return what a sound meter would show, its registers wrapped where they do."""
        return {
            quantity: [
                (value + offset) % self._moduli[quantity]
                for value, offset in zip(values, self._offsets[quantity], strict=True)
            ]
            for quantity, values in _counters(display).items()
        }

    def _falsify(self, display: Display, counters: Counters, elapsed_ms: int) -> Iterator[str]:
        """Put the faults of the moment into what is shown; yield the quantities they touch."""
        yield from self._still_recovering()
        stuck = set()
        for one in self._due(elapsed_ms):
            if one.event is Event.LOST:
                display.is_gas_heard = False
            for quantity in _touched(one):
                stuck |= {quantity} if one.event is Event.STUCK else set()
                counters[quantity] = self._false(one, quantity, counters[quantity])
                self._recovering[quantity] = RECOVERY_TELEGRAMS
                yield quantity
        for quantity in self._stuck.keys() - stuck:
            del self._stuck[quantity]

    def _still_recovering(self) -> Iterator[str]:
        for quantity, left in list(self._recovering.items()):
            yield quantity
            self._recovering[quantity] = left - 1
            if left == 1:
                del self._recovering[quantity]

    def _due(self, elapsed_ms: int) -> Iterator[Happening]:
        for one in self._happenings:
            if one in self._once and one.at_ms <= elapsed_ms:
                self._once.discard(one)
                yield one
            elif one.is_on(elapsed_ms):
                yield one

    def _false(self, one: Happening, quantity: str, values: list[int]) -> list[int]:
        if one.event is Event.STUCK:
            return list(self._stuck.setdefault(quantity, values))
        if one.event is Event.GLITCH:
            return [max(1, value - GLITCH_DROP) for value in values]
        if one.event is Event.INVALID:
            return [self._invalid[quantity]] * len(values)
        return [0] * len(values)

    def _set_clock(self, display: Display, elapsed_ms: int) -> None:
        self.clock_off_ms = sum(
            _clock_off_ms(one, self._start_ms, elapsed_ms)
            for one in self._happenings
            if one.is_on(elapsed_ms)
        )
        if self.clock_off_ms:
            display.time_ms += self.clock_off_ms
            display.gas_time_ms += self.clock_off_ms
            display.local_ms, display.is_summer = self.local_ms(display.time_ms)


def _counters(display: Display) -> Counters:
    return {
        "import": list(display.import_wh),
        "export": list(display.export_wh),
        "gas": [display.gas_l],
    }


def _touched(one: Happening) -> tuple[str, ...]:
    if one.event is Event.ZERO:
        return ("import", "export")
    if one.event in (Event.STUCK, Event.GLITCH, Event.INVALID):
        return (one.what,)
    return ()


def _clock_off_ms(one: Happening, start_ms: int, elapsed_ms: int) -> int:
    """Return what one fault puts a clock off, to the whole second that a meter's clock shows."""
    if one.event is Event.CLOCK:
        return one.amount_ms
    if one.event is Event.RESET_CLOCK:
        return -(start_ms + one.at_ms) // 1_000 * 1_000
    if one.event is Event.DRIFT:
        return one.amount_ms * elapsed_ms // MS_PER_DAY // 1_000 * 1_000
    return 0
