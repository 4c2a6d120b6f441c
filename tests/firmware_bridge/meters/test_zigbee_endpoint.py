"""Endpoints of ZigBee meters: whose readings they are, and what waits for a description."""

import pytest

from firmware_bridge.meters.codec import Telegram
from firmware_bridge.meters.zigbee import MAX_ENDPOINTS, ZigbeeCodec
from firmware_bridge.meters.zigbee_endpoint import MAX_KEPT
from firmware_bridge.simulator.zigbee_zcl import (
    BITMAP8,
    ENUM8,
    INT16,
    INT24,
    UINT16,
    UINT24,
    UINT48,
    read_answer,
    report_of,
)
from shared.readings import Medium, Sample
from tests.support.zcl_lines import (
    BY_ADDRESS,
    ELECTRICAL,
    IEEE,
    NOW_MS,
    NOW_S,
    OTHER_IEEE,
    SCALES,
    answer,
    described,
    description,
    energy,
    line,
    reasons_of,
    report,
    samples_of,
    unknown_of,
)


def test_report_becomes_a_sample_of_the_meter_at_its_own_time() -> None:
    """Energy, power and the meter's clock."""
    found = described().feed(report(energy(12_345_678, snapshot_s=NOW_S, power=-250)))

    registers = {"import_mwh": 12_345_678_000, "power_import_w": 0, "power_export_w": 250}
    sample = Sample("SIM-E-0001", Medium.ELECTRICITY, NOW_MS, registers)
    assert found == [Telegram((sample,))]


def test_gas_is_a_capture_of_its_own_time() -> None:
    """The hub that mirrors the meter tells when the register was read, not what time it is."""
    codec = described(description(unit=1, kind=128, serial="SIM-G-0001"))

    found = codec.feed(report(energy(4_321, snapshot_s=NOW_S)))

    sample = Sample("SIM-G-0001", Medium.GAS, NOW_MS, {"gas_l": 4_321})
    assert found == [Telegram((sample,), is_past=True)]


def test_gas_without_a_snapshot_is_of_now() -> None:
    """A pulse reader knows no time."""
    codec = described(description(unit=1, kind=1, serial=None))

    found = codec.feed(report(energy(4_321)))

    assert found == [Telegram((Sample(BY_ADDRESS, Medium.GAS, None, {"gas_l": 4_321}),))]


def test_reports_wait_for_the_description() -> None:
    """They are told in order once it comes, each at its own time."""
    codec = ZigbeeCodec()

    early = [codec.feed(report(energy(1_000 + n, snapshot_s=NOW_S + n))) for n in range(3)]
    found = codec.feed(description())

    assert early == [[], [], []]
    assert [(s.meter_time_ms, s.registers["import_mwh"]) for s in samples_of(found)] == [
        (NOW_MS + 1_000 * n, (1_000 + n) * 1_000) for n in range(3)
    ]


def test_reports_without_a_clock_that_waited_are_one_sample_of_now() -> None:
    """When each was taken nobody knows: the last word on each register holds."""
    codec = ZigbeeCodec()
    codec.feed(report(energy(1_000, power=5)))
    codec.feed(report({0x0000: (UINT48, 1_001), 0x0014: (ENUM8, 2)}))

    found = codec.feed(description())

    registers = {"import_mwh": 1_001_000, "power_import_w": 5, "power_export_w": 0}
    assert [sample.registers for sample in samples_of(found)] == [registers]
    assert unknown_of(found)["0702/0014"] == "2"


def test_more_reports_than_wait_are_refused_one_by_one() -> None:
    """The oldest first; none is lost in silence."""
    codec = ZigbeeCodec()

    found = [codec.feed(report(energy(n, snapshot_s=NOW_S))) for n in range(MAX_KEPT + 3)]

    assert reasons_of([entry for one in found for entry in one]) == ["not-described"] * 3
    assert len(samples_of(codec.feed(description()))) == MAX_KEPT


def test_end_of_the_stream_refuses_what_waits_and_forgets_the_description() -> None:
    """After it another device may be there."""
    codec = described()
    codec.feed(report(energy(1), ieee=OTHER_IEEE))

    assert reasons_of(codec.feed(b"")) == ["not-described"]
    assert codec.feed(report(energy(1))) == []


@pytest.mark.parametrize("serial", [None, "", "00000000"])
def test_meter_without_a_serial_is_named_by_its_address(serial: str | None) -> None:
    """It was asked and has none, or one that is a placeholder."""
    codec = described(description(serial=serial))

    (sample,) = samples_of(codec.feed(report(energy(1))))

    assert sample.meter == BY_ADDRESS


def test_serial_that_was_never_asked_for_is_waited_for() -> None:
    """An id must not change in mid-life: only when no more can wait is the address taken."""
    codec = ZigbeeCodec()
    codec.feed(answer({0x0300: (ENUM8, 0), 0x0301: (UINT24, 1), 0x0302: (UINT24, 1_000)}))

    found = [codec.feed(report(energy(n, snapshot_s=NOW_S + n))) for n in range(MAX_KEPT + 1)]

    assert not any(found[:-1])
    assert [sample.meter for sample in samples_of(found[-1])] == [BY_ADDRESS] * (MAX_KEPT + 1)
    assert samples_of(codec.feed(description() + report(energy(99))))[-1].meter == BY_ADDRESS


@pytest.mark.parametrize("status", ["89", "94"])
def test_refusal_that_may_pass_is_no_answer(status: str) -> None:
    """Insufficient space, timeout: the serial is asked for again."""
    codec = described(answer({0x0300: (ENUM8, 0), 0x0301: (UINT24, 1), 0x0302: (UINT24, 1_000)}))
    codec.feed(line(bytes.fromhex("180101" + "0803" + status)))

    assert codec.feed(report(energy(1, snapshot_s=NOW_S))) == []
    assert samples_of(codec.feed(description()))[0].meter == "SIM-E-0001"


def test_endpoint_without_metering_is_named_by_its_address() -> None:
    """It says that it has no such cluster; what waited is told."""
    codec = described(answer(SCALES, cluster=ELECTRICAL))
    codec.feed(report({0x0505: (UINT16, 230)}, cluster=ELECTRICAL))

    found = codec.feed(line(bytes.fromhex("18010b00c3")))

    assert [(s.meter, s.registers) for s in samples_of(found)] == [
        (BY_ADDRESS, {"voltage_l1_mv": 230_000})
    ]


def test_measuring_device_that_was_never_asked_more_gets_its_address_in_the_end() -> None:
    """Its scales are known, and it has never told of a Metering cluster."""
    codec = described(answer(SCALES, cluster=ELECTRICAL))
    voltage = report({0x0505: (UINT16, 230)}, cluster=ELECTRICAL)

    found = [codec.feed(voltage) for _ in range(MAX_KEPT + 1)]

    assert not any(found[:-1])
    assert {sample.meter for sample in samples_of(found[-1])} == {BY_ADDRESS}


def test_serial_of_digits_is_taken_as_it_is() -> None:
    """Not for text in hexadecimal."""
    codec = described(description(serial="31323334"))

    assert samples_of(codec.feed(report(energy(1))))[0].meter == "31323334"


def test_serial_in_bytes_that_are_no_text_is_told_in_hexadecimal() -> None:
    """As good a name as any."""
    told = b"\x04\xff\xfe\x01\x02"
    content = read_answer(
        1,
        {0x0300: (ENUM8, 0), 0x0301: (UINT24, 1), 0x0302: (UINT24, 1)},
        (
            0x0300,
            0x0301,
            0x0302,
            0x0306,
        ),
    )
    codec = described(line(content + bytes.fromhex("0803 00 41") + told))

    assert samples_of(codec.feed(report(energy(1))))[0].meter == "fffe0102"


def test_another_serial_on_the_same_endpoint_is_another_meter() -> None:
    """The meter was exchanged; a serial that is refused later changes nothing."""
    codec = described()
    codec.feed(description(serial=None))
    before = samples_of(codec.feed(report(energy(5))))

    codec.feed(description(serial="SIM-E-0002"))
    after = samples_of(codec.feed(report(energy(1))))

    assert [before[0].meter, after[0].meter] == ["SIM-E-0001", "SIM-E-0002"]


def test_two_endpoints_never_share_a_name() -> None:
    """One serial on three endpoints of a device is not one meter: each counts by itself."""
    codec = described()
    codec.feed(description(endpoint=2))

    second = codec.feed(line(report_of(1, energy(5)), endpoint=2))

    assert samples_of(second)[0].meter == f"zb-{IEEE}-02"


def test_missing_values_are_no_registers() -> None:
    """A demand of 0x800000 and a register of all ones: the others are read."""
    found = described().feed(
        report({0x0000: (UINT48, 5), 0x0001: (UINT48, 2**48 - 1), 0x0400: (INT24, -(2**23))})
    )

    assert samples_of(found)[0].registers == {"import_mwh": 5_000}


def test_report_without_any_value_is_refused() -> None:
    """It says that the meter has none."""
    found = described().feed(report({0x0400: (INT24, -(2**23))}))

    assert reasons_of(found) == ["no-values"]


@pytest.mark.parametrize("seconds", [0, 2**32 - 1])
def test_unset_clock_is_no_time(seconds: int) -> None:
    """The hub's own is taken."""
    found = described().feed(report(energy(5, snapshot_s=seconds)))

    assert samples_of(found)[0].meter_time_ms is None
    assert reasons_of(found) == []


def test_broken_clock_is_told() -> None:
    """The reading stays."""
    found = described().feed(report(energy(5, snapshot_s=2**32 - 2)))

    assert samples_of(found)[0].meter_time_ms is None
    assert reasons_of(found) == ["bad-time"]


def test_value_that_cannot_be_is_refused() -> None:
    """Binary-coded decimal with a digit that is none."""
    found = described(description(unit=0x80)).feed(report(energy(0xABC)))

    assert reasons_of(found) == ["bad-value"]


def test_number_of_endpoints_is_bounded() -> None:
    """A stranger makes room for another; described ones stay, and a newcomer is refused."""
    codec = ZigbeeCodec()
    for number in range(MAX_ENDPOINTS - 1):
        codec.feed(description(serial=f"SIM-E-{number}", ieee=f"{number + 1:016x}"))
    strangers = [codec.feed(report(energy(1), ieee=f"{n + 99:016x}")) for n in range(3)]
    last = codec.feed(description(serial="SIM-E-99", ieee=f"{99:016x}"))
    refused = codec.feed(report(energy(1), ieee=f"{500:016x}"))

    assert [reasons_of(one) for one in strangers] == [[], ["not-described"], ["not-described"]]
    assert reasons_of(last) == ["not-described"]
    assert reasons_of(refused) == ["too-many-meters"]


def test_single_phase_device_tells_its_total_by_its_phase() -> None:
    """Where it denied a second phase and has no demand of its own."""
    scales = answer(SCALES, (*SCALES, 0x090B), cluster=ELECTRICAL)
    power = report({0x050B: (INT16, 700)}, cluster=ELECTRICAL)
    phase = {"power_import_l1_w": 700, "power_export_l1_w": 0}
    codec = described(description() + scales)

    alone = samples_of(codec.feed(power))
    codec.feed(report(energy(5, power=699)))
    beside = samples_of(codec.feed(power))

    assert alone[0].registers == {**phase, "power_import_w": 700, "power_export_w": 0}
    assert beside[0].registers == phase


def test_measurements_wait_for_their_own_scales() -> None:
    """Energy does not wait with them; a refused scale is 1."""
    codec = described()
    voltage = report({0x0505: (UINT16, 230)}, cluster=ELECTRICAL)

    waiting = codec.feed(voltage)
    energy_now = codec.feed(report(energy(5)))
    released = codec.feed(answer({}, (0x0600, 0x0601), cluster=ELECTRICAL))

    assert waiting == []
    assert len(samples_of(energy_now)) == 1
    assert samples_of(released)[0].registers == {"voltage_l1_mv": 230_000}


def test_description_in_a_report_is_taken_too() -> None:
    """Some devices report their scale by themselves; it holds from then on."""
    codec = described()

    codec.feed(report({0x0302: (UINT24, 100), 0x0303: (BITMAP8, 0)}))

    assert samples_of(codec.feed(report(energy(5))))[0].registers == {"import_mwh": 50_000}
