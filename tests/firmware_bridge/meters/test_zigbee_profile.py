"""Half hours a meter kept: from intervals back to registers, and only where they fit."""

import random

import pytest

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.zigbee import ZigbeeCodec
from firmware_bridge.meters.zigbee_profile import MAX_INTERVALS, Block, Profiles
from firmware_bridge.simulator.zigbee_zcl import UINT24, UINT48, UTC, Attributes
from shared.units import EARLIEST_PLAUSIBLE_MS, MS_PER_SECOND
from tests.support.zcl_lines import (
    Found,
    answer,
    description,
    energy,
    profile,
    report,
    unknown_of,
)

HALF_HOUR_S = 1_800
END_S = 468_508 * HALF_HOUR_S
INVALID = 0xFFFFFF


def read_back(
    delivered: int, partial: int, *, start_s: int | None = END_S, snapshot_s: int = END_S + 100
) -> bytes:
    """Return the line of a read of register, time and what was counted in the interval so far."""
    told: Attributes = {
        0x0000: (UINT48, delivered),
        0x0007: (UTC, snapshot_s),
        0x0407: (UINT24, partial),
    }
    if start_s is not None:
        told[0x0405] = (UTC, start_s)
    return answer(told)


def past_of(found: Found) -> list[tuple[int, dict[str, int]]]:
    """Keep the healed half hours: when, in half hours before END_S, and their registers."""
    samples = [one.samples[0] for one in found if isinstance(one, Telegram) and one.is_past]
    return [
        (
            (((s.meter_time_ms or 0) - EARLIEST_PLAUSIBLE_MS) // MS_PER_SECOND - END_S)
            // HALF_HOUR_S,
            s.registers,
        )
        for s in samples
    ]


def codec_with(*lines: bytes) -> ZigbeeCodec:
    """Return a codec that has the description and then these lines."""
    codec = ZigbeeCodec()
    codec.feed(description() + b"".join(lines))
    return codec


def test_registers_on_the_boundaries_follow_backward_and_come_oldest_first() -> None:
    """Then the present."""
    codec = codec_with(profile(END_S, [30, 20, 10]))

    found = codec.feed(read_back(1_000, 5))

    assert past_of(found) == [
        (-3, {"import_mwh": 935_000}),
        (-2, {"import_mwh": 945_000}),
        (-1, {"import_mwh": 965_000}),
        (0, {"import_mwh": 995_000}),
    ]
    last = found[-1]
    assert isinstance(last, Telegram)
    assert not last.is_past
    assert last.samples[0].registers == {"import_mwh": 1_000_000}


def test_intervals_are_used_once() -> None:
    """The next read is only what it is."""
    codec = codec_with(profile(END_S, [30]))
    codec.feed(read_back(1_000, 5))

    assert past_of(codec.feed(read_back(1_001, 6))) == []


def test_report_between_does_not_use_them_up() -> None:
    """It does not say how much of the interval is over."""
    codec = codec_with(profile(END_S, [30]))
    codec.feed(report(energy(999, snapshot_s=END_S + 50)))

    assert len(past_of(codec.feed(read_back(1_000, 5)))) == 2


def test_both_directions_are_one_sample() -> None:
    """The second response that ends with the first is of energy received."""
    codec = codec_with(profile(END_S, [30, 20]), profile(END_S, [3, 2], tsn=10))
    told: Attributes = {
        0x0000: (UINT48, 1_000), 0x0001: (UINT48, 500), 0x0007: (UTC, END_S + 9),
        0x0405: (UTC, END_S), 0x0406: (UTC, END_S), 0x0407: (UINT24, 5), 0x0408: (UINT24, 1),
    }  # fmt: skip

    assert past_of(codec.feed(answer(told))) == [
        (-2, {"import_mwh": 945_000, "export_mwh": 494_000}),
        (-1, {"import_mwh": 965_000, "export_mwh": 496_000}),
        (0, {"import_mwh": 995_000, "export_mwh": 499_000}),
    ]


def test_blocks_that_follow_each_other_are_one_chain() -> None:
    """A frame has room for a few intervals alone; a repeated response counts once."""
    second = profile(END_S - 2 * HALF_HOUR_S, [2, 1], tsn=10)
    codec = codec_with(profile(END_S, [4, 3]), second, second)

    registers = [told["import_mwh"] for _, told in past_of(codec.feed(read_back(1_000, 0)))]

    assert registers == [990_000, 991_000, 993_000, 996_000, 1_000_000]


def test_invalid_interval_ends_the_chain() -> None:
    """What is before it cannot be known."""
    codec = codec_with(profile(END_S, [30, INVALID, 10]))

    assert [at for at, _ in past_of(codec.feed(read_back(1_000, 5)))] == [-1, 0]


def test_register_below_zero_ends_the_chain() -> None:
    """The meter is not so old."""
    codec = codec_with(profile(END_S, [30, 980, 10]))

    assert [at for at, _ in past_of(codec.feed(read_back(1_000, 5)))] == [-1, 0]


@pytest.mark.parametrize(
    "line",
    [
        read_back(1_000, 5, start_s=END_S + HALF_HOUR_S),
        read_back(1_000, 5, start_s=None, snapshot_s=END_S + HALF_HOUR_S),
        read_back(1_000, 5, start_s=None, snapshot_s=END_S - 1),
        read_back(1_000, INVALID, snapshot_s=END_S + 1),
        answer({0x0007: (UTC, END_S), 0x0407: (UINT24, 1)}),
    ],
    ids=[
        "another interval",
        "a later interval",
        "an earlier interval",
        "no partial",
        "no register",
    ],
)
def test_read_that_does_not_lead_to_the_intervals_heals_nothing(line: bytes) -> None:
    """A half hour is told rightly or not at all."""
    assert past_of(codec_with(profile(END_S, [30])).feed(line)) == []


def test_interval_under_way_is_known_by_the_reading_time_too() -> None:
    """Where the meter does not tell when it began."""
    codec = codec_with(profile(END_S, [30]))

    assert len(past_of(codec.feed(read_back(1_000, 5, start_s=None)))) == 2


def test_gas_read_on_the_boundary_leads_back_without_a_partial() -> None:
    """The meter wakes on the half hour; the present is not told twice."""
    codec = ZigbeeCodec()
    codec.feed(description(unit=1, kind=128, serial="SIM-G-0001") + profile(END_S, [30, 20]))

    found = codec.feed(answer(energy(1_000, snapshot_s=END_S)))

    assert past_of(found) == [(-2, {"gas_l": 950}), (-1, {"gas_l": 970}), (0, {"gas_l": 1_000})]


def test_intervals_and_read_before_the_description_wait_and_go_first() -> None:
    """The past is told before any report that waited."""
    codec = ZigbeeCodec()
    codec.feed(report(energy(999, snapshot_s=END_S + 50)))
    codec.feed(profile(END_S, [30]) + read_back(1_000, 5))

    found = codec.feed(description())

    assert [at for at, _ in past_of(found[:2])] == [-1, 0]
    assert len(found) == 5


@pytest.mark.parametrize("status", [1, 2, 5])
def test_response_without_intervals_is_shown_and_heals_nothing(status: int) -> None:
    """The meter has none, or not of that channel."""
    codec = ZigbeeCodec()
    codec.feed(description())

    shown = unknown_of(codec.feed(profile(0, [], status=status)))

    assert shown["GetProfileResponse.Status"] == str(status)
    assert past_of(codec.feed(read_back(1_000, 5))) == []


def test_second_channel_after_a_first_without_intervals_is_of_energy_received() -> None:
    """Each response stands for its own question."""
    codec = codec_with(profile(0, [], status=5), profile(END_S, [3], tsn=10))
    told: Attributes = {
        0x0001: (UINT48, 500), 0x0007: (UTC, END_S + 9), 0x0406: (UTC, END_S), 0x0408: (UINT24, 1),
    }  # fmt: skip

    assert past_of(codec.feed(answer(told))) == [
        (-1, {"export_mwh": 496_000}),
        (0, {"export_mwh": 499_000}),
    ]


def test_description_told_again_begins_anew() -> None:
    """Intervals whose register was never read are not taken for another channel's."""
    codec = codec_with(profile(END_S - HALF_HOUR_S, [30]))
    codec.feed(description() + profile(END_S, [20], tsn=11))

    assert [at for at, _ in past_of(codec.feed(read_back(1_000, 5)))] == [-1, 0]


def test_intervals_of_another_time_begin_anew() -> None:
    """Also where nothing was described between."""
    codec = codec_with(profile(END_S - 9 * HALF_HOUR_S, [30]), profile(END_S, [20], tsn=11))

    assert [at for at, _ in past_of(codec.feed(read_back(1_000, 5)))] == [-1, 0]


def test_third_channel_begins_anew() -> None:
    """There are two."""
    block = profile(END_S, [30])
    codec = codec_with(block, profile(END_S, [3], tsn=10), profile(END_S, [20], tsn=11))

    assert past_of(codec.feed(read_back(1_000, 0)))[0] == (-1, {"import_mwh": 980_000})


def test_chain_is_bounded() -> None:
    """A month of half hours, however much is told."""
    profiles = Profiles()
    for number in range(20):
        block = Block(0, END_S - number * 255 * HALF_HOUR_S, HALF_HOUR_S, [1] * 255)
        profiles.take(block, number)

    found = profiles.registers_at({0x0000: 10**9, 0x0007: END_S}, int)

    assert len(found) == MAX_INTERVALS + 1


def test_any_walk_is_led_back_exactly() -> None:
    """Of a register that grew by chance, in watt-hours."""
    draw = random.Random(3)
    for _ in range(50):
        intervals = [draw.randrange(3_000) for _ in range(draw.randrange(1, 24))]
        partial, total = draw.randrange(3_000), 10**8 + draw.randrange(10**6)
        codec = codec_with(profile(END_S, intervals))

        healed = [told["import_mwh"] for _, told in past_of(codec.feed(read_back(total, partial)))]

        expected = [total - partial - sum(intervals[:n]) for n in range(len(intervals) + 1)]
        assert healed == [one * 1_000 for one in reversed(expected)]
