"""The simulated household's meter as a RAVEn stick tells of it: stanzas of XML.

Pure. The oracle's registers are made here from the same display, never by reading the bytes back.
Source: RAVEn XML API manual 1.27. The meter has no gas.
"""

from collections.abc import Iterator

from firmware_bridge.simulator.emission import Emission, history_of, with_oracle
from firmware_bridge.simulator.household import LONDON, Display, Household
from firmware_bridge.simulator.oracle import BUCKET_MS, OracleLine, Shown
from shared.readings import Medium
from shared.units import EARLIEST_PLAUSIBLE_MS, MS_PER_SECOND

SUMMATION_EVERY = 6
"""Ten-second buckets from one summation to the next; demand is told in the others. The bucket that
begins on a slot's boundary always tells the summation."""

PRICE_EVERY = 90
"""Buckets from one price to the next: a quarter of an hour."""

PRICE_MILLI = 285


class RavenMeter:
    """A stick beside a household's smart meter; both addresses are fictional."""

    def __init__(self, seed: int, start_ms: int, *, household: Household | None = None) -> None:
        number = seed % 10_000
        self.electricity_id = f"02484c4b0000{number:04x}"
        self._macs = (
            f"  <DeviceMacId>0x02484c4b8000{number:04x}</DeviceMacId>\r\n"
            f"  <MeterMacId>0x{self.electricity_id}</MeterMacId>\r\n"
        )
        self._household = household or Household(seed, start_ms, LONDON)

    def emit(self, time_ms: int) -> Emission:
        """Return the stanzas of one instant, a whole second later than the one before."""
        display = self._household.advance(time_ms)
        bucket = time_ms // BUCKET_MS
        if bucket % SUMMATION_EVERY == 0:
            registers, stanza = _summation_registers(display), self._summation(display)
        else:
            registers, stanza = _demand_registers(display), self._demand(display)
        if bucket % PRICE_EVERY == 0:
            stanza = self._price(display) + stanza
        shown = Shown(self.electricity_id, Medium.ELECTRICITY, time_ms, registers)
        return Emission(stanza.encode("ascii"), (shown,))

    def _demand(self, display: Display) -> str:
        return self._stanza(
            "InstantaneousDemand", display, f"  <Demand>0x{display.power_w & 0xFFFFFF:06x}</Demand>"
        )

    def _summation(self, display: Display) -> str:
        delivered, received = display.import_total_wh, display.export_total_wh
        return self._stanza(
            "CurrentSummationDelivered",
            display,
            f"  <SummationDelivered>0x{delivered:016x}</SummationDelivered>\r\n"
            f"  <SummationReceived>0x{received:016x}</SummationReceived>",
        )

    def _stanza(self, name: str, display: Display, values: str) -> str:
        return (
            f"<{name}>\r\n{self._macs}  <TimeStamp>{_stamp(display)}</TimeStamp>\r\n{values}\r\n"
            "  <Multiplier>0x00000001</Multiplier>\r\n  <Divisor>0x000003e8</Divisor>\r\n"
            "  <DigitsRight>0x03</DigitsRight>\r\n  <DigitsLeft>0x06</DigitsLeft>\r\n"
            f"  <SuppressLeadingZero>Y</SuppressLeadingZero>\r\n</{name}>\r\n"
        )

    def _price(self, display: Display) -> str:
        return (
            f"<PriceCluster>\r\n{self._macs}  <TimeStamp>{_stamp(display)}</TimeStamp>\r\n"
            f"  <Price>0x{PRICE_MILLI:08x}</Price>\r\n  <Currency>0x033a</Currency>\r\n"
            f"  <TrailingDigits>0x03</TrailingDigits>\r\n  <Tier>0x{display.tariff:02x}</Tier>\r\n"
            f"  <RateLabel>Rate {display.tariff}</RateLabel>\r\n</PriceCluster>\r\n"
        )


def _summation_registers(display: Display) -> dict[str, int]:
    return {
        "import_mwh": display.import_total_wh * 1_000,
        "export_mwh": display.export_total_wh * 1_000,
    }


def _demand_registers(display: Display) -> dict[str, int]:
    return {
        "power_import_w": max(0, display.power_w),
        "power_export_w": max(0, -display.power_w),
    }


def _stamp(display: Display) -> str:
    """Count seconds from 2000; a clock that was never set stands at 0."""
    return f"0x{max(0, display.time_ms - EARLIEST_PLAUSIBLE_MS) // MS_PER_SECOND:08x}"


def emissions(seed: int, start_ms: int, end_ms: int, cadence_s: int = 10) -> Iterator[Emission]:
    """Yield what the stick says in `[start_ms, end_ms)`, in order."""
    return history_of(RavenMeter(seed, start_ms), seed, start_ms, end_ms, cadence_s)


def telegrams(
    seed: int, start_ms: int, end_ms: int, cadence_s: int = 10
) -> Iterator[tuple[bytes, list[OracleLine]]]:
    """Yield each emission's bytes with its oracle lines, whose `must_log` is already decided."""
    return with_oracle(emissions(seed, start_ms, end_ms, cadence_s))
