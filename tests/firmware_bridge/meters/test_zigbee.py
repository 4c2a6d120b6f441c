"""The ZigBee codec: its lines, what is no reading, and what cannot be read."""

import struct

import pytest

from firmware_bridge.meters.codec import MAX_REFUSED_BYTES, Refused, Telegram
from firmware_bridge.meters.zigbee import MAX_LINE_BYTES, ZigbeeCodec
from firmware_bridge.meters.zigbee_endpoint import MAX_UNKNOWN
from firmware_bridge.simulator.zigbee_zcl import (
    ENUM8,
    OCTETS,
    TEXT,
    UINT8,
    UINT48,
    UTC,
    Attributes,
    octets,
    report_of,
)
from tests.support.zcl_lines import (
    NOW_S,
    OTHER_IEEE,
    answer,
    command,
    described,
    description,
    energy,
    line,
    profile,
    reasons_of,
    report,
    samples_of,
    unknown_of,
)


def test_unknown_attributes_are_shown_by_their_codes() -> None:
    """A maker's own too, and the supplier's name; nothing is dropped."""
    codec = described()

    found = codec.feed(report({0x0014: (ENUM8, 2), 0x0000: (UINT48, 1)}))
    found += codec.feed(answer({0x0101: (OCTETS, "SIMULATED ENERGY")}, cluster=0x0708))
    found += codec.feed(line(bytes.fromhex("1c15100a0a 0000 20 07"), cluster=0x0702))
    found += codec.feed(answer({0x0004: (TEXT, "Maker")}, cluster=0x0000))

    assert unknown_of(found) == {
        "0702/0014": "2",
        "0708/0101": "SIMULATED ENERGY",
        "1015.0702/0000": "7",
        "0000/0004": "Maker",
    }
    assert {entry.samples[0].meter for entry in found if isinstance(entry, Telegram)} == {
        "SIM-E-0001"
    }


def test_what_is_shown_raw_is_bounded() -> None:
    """So many fields, and how many more there were."""
    many: Attributes = {0x1000 + n: (UINT8, n) for n in range(MAX_UNKNOWN + 5)}

    shown = unknown_of(described().feed(report(many)))

    assert len(shown) == MAX_UNKNOWN + 1
    assert shown["+"] == "5 more"


def test_notice_of_a_device_without_a_meter_is_of_the_meter_heard_last() -> None:
    """A hub's own endpoint has none; before any meter is known it is named by its address."""
    time = answer({0x0000: (UTC, NOW_S)}, cluster=0x000A, ieee=OTHER_IEEE)
    codec = ZigbeeCodec()

    first = codec.feed(time)
    codec.feed(description())
    later = codec.feed(time)
    same_device = codec.feed(answer({0x0000: (UINT8, 3)}, cluster=0x0000, endpoint=9))

    meters = [
        entry.samples[0].meter
        for entry in first + later + same_device
        if isinstance(entry, Telegram)
    ]
    assert meters == [f"zb-{OTHER_IEEE}-01", "SIM-E-0001", "SIM-E-0001"]


@pytest.mark.parametrize(
    "zcl",
    ["18010400", "18010700", "18010b0a00", "18010b0086", "10010000000100", "01010000000000000018",
     "180111", "18010886 00 0000".replace(" ", "")],
)  # fmt: skip
def test_chatter_of_the_protocol_is_neither_a_reading_nor_refused(zcl: str) -> None:
    """Write and configure responses, default responses, requests of others."""
    assert described().feed(line(bytes.fromhex(zcl))) == []


def test_answer_that_refuses_everything_is_chatter() -> None:
    """There is no value in it."""
    assert described().feed(answer({}, (0x0000, 0x0100))) == []
    assert described().feed(report({})) == []


@pytest.mark.parametrize("profile_id", [0x0000, 0xA1E0])
def test_frames_that_are_no_zcl_are_passed_over(profile_id: int) -> None:
    """The device's own management, and Green Power."""
    assert described().feed(line(b"\x01\x02\x03", profile=profile_id)) == []


def test_every_other_profile_is_read() -> None:
    """Smart Energy, Home Automation, and makers' own."""
    for number in (0x0109, 0x0104, 0xC05E, 0xC001):
        zcl = report_of(1, energy(5))
        assert len(samples_of(described().feed(line(zcl, profile=number)))) == 1


def test_telegram_says_how_strongly_the_radio_heard_it() -> None:
    """By the end of its line; of a line without, as older captures have, nothing is known."""
    plain = line(report_of(1, energy(5)))
    heard = plain.replace(b"\n", b" -62\n")

    found = described().feed(heard + plain)

    telegrams = [one for one in found if isinstance(one, Telegram)]
    assert [one.signal_dbm for one in telegrams] == [-62, None]


def test_price_is_shown_and_is_no_register() -> None:
    """What the household pays is its tariff's to say."""
    payload = (
        struct.pack("<I", 3)
        + octets("Night")
        + struct.pack("<IIBHBBIHI", 4, 5, 0, 826, 0x41, 0x21, 0, 60, 985)
    )

    found = described().feed(command(payload + b"\xff", cluster=0x0700))

    shown = unknown_of(found)
    assert samples_of(found) == []
    assert (shown["PublishPrice.Price"], shown["PublishPrice.RateLabel"]) == ("985", "Night")
    assert "PublishPrice.PriceRatio" not in shown


def test_message_is_a_text_for_the_household() -> None:
    """Without what cannot be printed; one behind a PIN is not shown."""
    payload = struct.pack("<IBIH", 1, 0, 0, 60) + octets("Good\x07 day")
    codec = described()

    shown = codec.feed(command(payload, cluster=0x0703))
    protected = codec.feed(command(payload, number=2, cluster=0x0703))
    empty = codec.feed(command(payload[:11] + b"\xff", cluster=0x0703))

    texts = [entry.texts for entry in shown + protected + empty if isinstance(entry, Telegram)]
    assert texts == [("Good day",), (), ()]
    assert unknown_of(protected)["DisplayMessage.IsProtected"] == "1"


def test_command_that_is_not_known_is_shown_as_its_payload() -> None:
    """And one of a maker by its maker too."""
    codec = described()

    found = codec.feed(command(b"\x01\x02", number=4, cluster=0x0700))
    found += codec.feed(line(bytes.fromhex("0d1510010099"), cluster=0x0700))

    assert unknown_of(found) == {"0700!04": "0102", "1015.0700!00": "99"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (line(bytes.fromhex("18010a00002501")), "truncated"),
        (line(bytes.fromhex("18010a00007701")), "bad-value"),
        (line(bytes.fromhex("180117")), "bad-value"),
        (line(bytes.fromhex("1a0100")), "bad-value"),
        (line(b"\x18"), "truncated"),
        (command(b"\x01\x02", cluster=0x0700), "truncated"),
        (command(b"\x01\x02", cluster=0x0703), "truncated"),
        (command(b"\x01\x02"), "truncated"),
        (profile(NOW_S, [1, 2], period=0), "bad-value"),
        (command(struct.pack("<IBBB", NOW_S, 0, 2, 3) + bytes(6)), "truncated"),
        (b"hello\n", "noise"),
        (line(b"\x18\x01\x0b")[:-2] + b"\n", "noise"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_reason(content: bytes, reason: str) -> None:
    """The next line is read."""
    codec = described()

    assert reasons_of(codec.feed(content)) == [reason]
    assert len(samples_of(codec.feed(report(energy(5))))) == 1


def test_upper_case_and_carriage_returns_are_read() -> None:
    """A capture may have been through other hands."""
    content = (description() + report(energy(5))).upper().replace(b"\n", b"\r\n")

    found = ZigbeeCodec().feed(content)

    assert [sample.registers for sample in samples_of(found)] == [{"import_mwh": 5_000}]


def test_empty_lines_are_passed_over() -> None:
    """They carry nothing."""
    assert ZigbeeCodec().feed(b"\n\r\n \n") == []


def test_line_without_its_end_is_refused() -> None:
    """It may lack a part that would change what it says."""
    codec = described()
    codec.feed(report(energy(5))[:-1])

    assert reasons_of(codec.feed(b"")) == ["truncated"]


@pytest.mark.parametrize("piece", [1_000, MAX_LINE_BYTES, 100_000])
def test_endless_line_is_refused_in_blocks_and_the_next_is_read(piece: int) -> None:
    """Whatever the size of the reads; what waits is bounded."""
    codec = described()
    content = b"0" * (2 * MAX_LINE_BYTES + 100) + b"\n" + report(energy(5))

    found: list[Telegram | Refused] = []
    for start in range(0, len(content), piece):
        found += codec.feed(content[start : start + piece])
        assert codec.pending_bytes < MAX_LINE_BYTES

    assert reasons_of(found) == ["too-long"] * 3
    assert all(len(one.raw) <= MAX_REFUSED_BYTES for one in found if isinstance(one, Refused))
    assert len(samples_of(found)) == 1
