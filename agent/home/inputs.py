"""What the display is built from: plain values, read by the composition root at one instant.

Owns the shapes only; reading them (log, history, uplink) is the agent's business. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from agent.home.panelview import PanelView
from agent.roles import Role
from shared.meterdays import SlotUsage
from shared.readings import Medium
from shared.tariffs import Tariff


class Counter(NamedTuple):
    """A counter's value that is on disk, and the register run it belongs to ("": the first)."""

    register: str
    run: str
    value: int


@dataclass(frozen=True, slots=True)
class MeterState:
    """The latest of one meter.

    `taken_at_ms` is the time of its latest sample (for gas, of the gas meter's own capture);
    `age_ms` how long ago the hub last heard the meter, by the monotonic clock; `registers` the
    latest values by canonical name; `role` what it stands for in the home's totals; `rhythm_ms`
    how far apart it was heard the last two times, 0 where it was heard once.
    """

    meter: str
    medium: Medium
    taken_at_ms: int
    age_ms: int
    registers: Mapping[str, int]
    role: Role = Role.SUPPLY
    rhythm_ms: int = 0


class Message(msgspec.Struct, frozen=True):
    """What a meter passed on to the household from its supplier or network operator.

    `text` is cleaned and cut already (texts.py); `acknowledged_ms` is None until somebody has read
    it.
    """

    message_id: int
    text: str
    received_ms: int
    acknowledged_ms: int | None = None


@dataclass(frozen=True, slots=True)
class PrepaymentState:
    """What a prepayment meter told at `taken_at_ms`: millionths of `currency`, or None."""

    taken_at_ms: int
    currency: str
    balance_millionths: int | None = None
    emergency_millionths: int | None = None
    debt_millionths: int | None = None


@dataclass(frozen=True, slots=True)
class HubState:
    """What the hub itself is doing.

    `oldest_unstored_at_ms` is the time of the oldest sample that no receipt covers,
    `backlog_left_ms` how long sending all of them will take at the present pace; `quarantined`
    counts bad input by its reason; `held_ranges` ranges that the cloud refused and the hub keeps;
    `commit_window_s` how long a sample may wait for the disk; `granularity` says what may leave the
    home, `chosen_granularity` what the household allowed, and `is_limited` that the cloud allows
    less; `is_choice_lost` that nobody knows what it allowed; `disconnect_reason` says why there is
    no connection; `thinned_samples` were given up to make room, `lost_samples` to a damaged
    database; of `untimed_samples` nobody will ever know when they were taken; `clone_seen_ms` is
    when the cloud last saw a second hub with this identity, 0 for never; `panel` is how the
    display panel on the wall is, None where there is none.
    """

    cloud_configured: bool
    cloud_connected: bool
    last_receipt_at_ms: int | None
    backlog_samples: int
    oldest_unstored_at_ms: int | None
    quarantined: Mapping[str, int]
    held_ranges: int
    uncommitted_samples: int
    commit_window_s: int
    granularity: str
    thinned_samples: int = 0
    lost_samples: int = 0
    untimed_samples: int = 0
    backlog_left_ms: int | None = None
    chosen_granularity: str = ""
    is_limited: bool = False
    is_choice_lost: bool = False
    disconnect_reason: str = ""
    clone_seen_ms: int = 0
    panel: PanelView | None = None


@dataclass(frozen=True, slots=True)
class HomeInputs:
    """One instant of the home.

    The slots are home totals by slot number over about the last 35 days: electricity bought and
    exported in mWh, what meters of role generation made in mWh, gas in litres. `is_clock_trusted`
    says whether `now_ms` may be believed. `budget_millionths` is the household's for a month, None
    where it has set none; `prepayment` None where no meter tells its credit. `logged_meters` are
    all that the log has anything of, heard since the start or not.
    """

    now_ms: int
    zone: ZoneInfo
    is_clock_trusted: bool
    clock_source: str
    meters: Sequence[MeterState]
    electricity_slots: Mapping[int, SlotUsage]
    export_slots: Mapping[int, SlotUsage]
    gas_slots: Mapping[int, SlotUsage]
    tariff: Tariff | None
    gas_tariff: Tariff | None
    hub: HubState
    generation_slots: Mapping[int, SlotUsage] = field(default_factory=dict)
    messages: Sequence[Message] = ()
    budget_millionths: int | None = None
    prepayment: PrepaymentState | None = None
    logged_meters: frozenset[str] = frozenset()
