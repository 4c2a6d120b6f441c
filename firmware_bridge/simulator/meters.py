"""Which simulated meter speaks which protocol, and what a script must know of each."""

from collections.abc import Callable
from dataclasses import dataclass, field

from firmware_bridge.simulator.checked_spans import (
    CheckedSpan,
    envelope_span,
    hdlc_span,
    mbus_span,
    p1_span,
    sml_span,
)
from firmware_bridge.simulator.dlms_meter import DlmsMeter, MeterKeys
from firmware_bridge.simulator.emission import SimulatedMeter
from firmware_bridge.simulator.glow_meter import GlowMeter
from firmware_bridge.simulator.household import Household
from firmware_bridge.simulator.iec62056_meter import Iec62056Meter
from firmware_bridge.simulator.mbus_meter import MbusMeter
from firmware_bridge.simulator.p1_encrypted_meter import P1EncryptedMeter
from firmware_bridge.simulator.p1_meter import ELECTRICITY_AND_GAS, P1Meter, P1SolarMeter
from firmware_bridge.simulator.raven_meter import RavenMeter
from firmware_bridge.simulator.sml_meter import SmlMeter
from firmware_bridge.simulator.zigbee_meter import ZigbeeMeter
from shared.readings import Medium

ELECTRICITY = frozenset({Medium.ELECTRICITY})
SIX_DIGITS_WH = 10**9
"""Six digits of kilowatt hours and three behind the point, as most displays have them."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """A meter to be fitted: whose it is, from when on, and what it shows.

    `household` is given where the meter hangs on one that is there already (an exchange, a fault);
    `keys` matter to meters that encrypt, `has_pin` to those that hide most without, `is_prepaid` to
    those that tell their credit.
    """

    seed: int
    start_ms: int
    shows: frozenset[Medium] = ELECTRICITY_AND_GAS
    household: Household | None = None
    keys: MeterKeys = field(default_factory=MeterKeys)
    has_pin: bool = True
    is_prepaid: bool = False


Build = Callable[[Fitting], SimulatedMeter]


@dataclass(frozen=True, slots=True)
class SimulatedProtocol:
    """One way the simulated household's meters speak.

    `hub_protocol` is what a hub's configuration calls it; `is_encrypted` says that the hub needs
    the keys, `asks_pin` that the meter hides most until its PIN is entered. `shows` is what it can
    show, `always_shows` what it cannot leave out. `checked_span` is None where no checksum guards
    the bytes; `line_end` is what a telegram can do without at its end. `can_be_exchanged` is False
    where a new meter would have to be let in first; `tells_credit` where it says what is left of it
    when it is paid for beforehand. `modulus_wh` and `invalid_wh` are where its
    registers begin again at 0, and what stands in one that holds nothing.
    """

    build: Build
    hub_protocol: str
    is_encrypted: bool = False
    asks_pin: bool = False
    shows: frozenset[Medium] = ELECTRICITY
    always_shows: frozenset[Medium] = ELECTRICITY
    build_solar: Build | None = None
    checked_span: CheckedSpan | None = None
    line_end: bytes = b""
    can_be_exchanged: bool = True
    tells_credit: bool = False
    modulus_wh: int = SIX_DIGITS_WH
    invalid_wh: int = SIX_DIGITS_WH - 1


def _p1(fitting: Fitting) -> SimulatedMeter:
    return P1Meter(fitting.seed, fitting.start_ms, shows=fitting.shows, household=fitting.household)


def _p1_solar(fitting: Fitting) -> SimulatedMeter:
    return P1SolarMeter(fitting.seed, fitting.start_ms, household=fitting.household)


def _p1_encrypted(fitting: Fitting) -> SimulatedMeter:
    return P1EncryptedMeter(
        fitting.seed,
        fitting.start_ms,
        fitting.keys,
        shows=fitting.shows,
        household=fitting.household,
    )


def _sml(fitting: Fitting) -> SimulatedMeter:
    # A real one has no clock; one that has can play its history at full speed.
    return SmlMeter(
        fitting.seed,
        fitting.start_ms,
        has_clock=True,
        has_pin=fitting.has_pin,
        household=fitting.household,
    )


def _dlms(fitting: Fitting) -> SimulatedMeter:
    return DlmsMeter(
        fitting.seed, fitting.start_ms, shows=fitting.shows, household=fitting.household
    )


def _dlms_encrypted(fitting: Fitting) -> SimulatedMeter:
    return DlmsMeter(
        fitting.seed,
        fitting.start_ms,
        fitting.keys,
        shows=fitting.shows,
        household=fitting.household,
    )


def _iec62056(fitting: Fitting) -> SimulatedMeter:
    return Iec62056Meter(fitting.seed, fitting.start_ms, household=fitting.household)


def _raven(fitting: Fitting) -> SimulatedMeter:
    return RavenMeter(fitting.seed, fitting.start_ms, household=fitting.household)


def _glow(fitting: Fitting) -> SimulatedMeter:
    return GlowMeter(
        fitting.seed, fitting.start_ms, shows=fitting.shows, household=fitting.household
    )


def _mbus(fitting: Fitting) -> SimulatedMeter:
    return MbusMeter(fitting.seed, fitting.start_ms, household=fitting.household)


def _zigbee(fitting: Fitting) -> SimulatedMeter:
    return ZigbeeMeter(
        fitting.seed,
        fitting.start_ms,
        shows=fitting.shows,
        household=fitting.household,
        is_prepaid=fitting.is_prepaid,
    )


METERS: dict[str, SimulatedProtocol] = {
    "dlms": SimulatedProtocol(
        _dlms,
        "dlms",
        shows=ELECTRICITY_AND_GAS,
        checked_span=hdlc_span,
        modulus_wh=2**32,
        invalid_wh=2**32 - 1,
    ),
    "dlms-encrypted": SimulatedProtocol(
        _dlms_encrypted,
        "dlms",
        is_encrypted=True,
        shows=ELECTRICITY_AND_GAS,
        checked_span=hdlc_span,
        modulus_wh=2**32,
        invalid_wh=2**32 - 1,
    ),
    "glow": SimulatedProtocol(
        _glow,
        "glow",
        shows=ELECTRICITY_AND_GAS,
        always_shows=frozenset(),
        modulus_wh=2**48,
        invalid_wh=2**48 - 1,
    ),
    "iec62056": SimulatedProtocol(_iec62056, "iec62056", line_end=b"\r\n"),
    "mbus": SimulatedProtocol(
        _mbus,
        "mbus",
        shows=frozenset({Medium.GAS, Medium.WATER, Medium.HEAT}),
        always_shows=frozenset({Medium.GAS, Medium.WATER, Medium.HEAT}),
        checked_span=mbus_span,
    ),
    "p1": SimulatedProtocol(
        _p1,
        "p1",
        shows=ELECTRICITY_AND_GAS,
        build_solar=_p1_solar,
        checked_span=p1_span,
        line_end=b"\r\n",
    ),
    "p1-encrypted": SimulatedProtocol(
        _p1_encrypted,
        "p1-encrypted",
        is_encrypted=True,
        shows=ELECTRICITY_AND_GAS,
        checked_span=envelope_span,
    ),
    "raven": SimulatedProtocol(
        _raven, "raven", line_end=b"\r\n", modulus_wh=2**48, invalid_wh=2**48 - 1
    ),
    "sml": SimulatedProtocol(
        _sml, "sml", asks_pin=True, checked_span=sml_span, invalid_wh=2**32 - 1
    ),
    "zigbee": SimulatedProtocol(
        _zigbee,
        "zigbee",
        can_be_exchanged=False,
        tells_credit=True,
        shows=ELECTRICITY_AND_GAS,
        modulus_wh=2**48,
        invalid_wh=2**48 - 1,
    ),
}
"""By the name that `hearthlink simulate --protocol` knows it by."""
