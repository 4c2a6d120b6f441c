"""What the entries of an SML list mean, and what happens to those that mean nothing."""

import pytest

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.sml_list import (
    MAX_REFUSED_VALUES,
    MAX_UNKNOWN,
    MAX_UNKNOWN_CHARS,
    UNNAMED,
    ListDecoder,
)
from firmware_bridge.meters.sml_meaning import MAX_MEANINGS
from firmware_bridge.simulator.sml_meter import entry, listed, octets, signed, unsigned
from shared.readings import Medium

ABSENT = b"\x01"
SERVER_ID = b"\x0a\x01XYZ\x00\x00\x00\x00\x01"
IMPORT = entry((1, 8, 0, 255), unsigned(12_345, 4), 30, -1)


def message(tag: int, body: bytes) -> bytes:
    """Build a message; its own checksum is not judged."""
    head = octets(b"\x01") + unsigned(0, 1) + unsigned(0, 1)
    return b"\x76" + head + listed(unsigned(tag, 2), body) + b"\x63\x00\x00\x00"


def response(*entries: bytes, server_id: bytes = SERVER_ID, time: bytes = ABSENT) -> bytes:
    """Build a list response."""
    server = octets(server_id)
    body = listed(ABSENT, server, ABSENT, time, listed(*entries), ABSENT, ABSENT)
    return message(0x0701, body)


def decode(*messages: bytes) -> list[Telegram | Refused]:
    """Decode messages as one file."""
    data = b"".join(messages)
    return ListDecoder().decode(data, data)


def registers_of(*entries: bytes, server_id: bytes = SERVER_ID) -> dict[str, int]:
    """Decode entries that must make one sample and nothing else."""
    (telegram,) = decode(response(*entries, server_id=server_id))
    assert isinstance(telegram, Telegram)
    (sample,) = telegram.samples
    assert sample.medium is Medium.ELECTRICITY
    return sample.registers


@pytest.mark.parametrize(
    ("code", "unit", "scaler", "value", "register", "expected"),
    [
        ((1, 8, 0, 255), 30, -1, unsigned(12_345, 8), "import_mwh", 1_234_500),
        ((1, 8, 0, 255), 30, 3, unsigned(7, 2), "import_mwh", 7_000_000),
        ((2, 8, 2, 255), 30, -4, unsigned(12_345, 5), "export_t2_mwh", 1_234),
        ((1, 8, 0, 255), 30, -4, unsigned(5, 2), "import_mwh", 0),
        ((1, 8, 0, 255), 30, -4, unsigned(15, 2), "import_mwh", 2),
        ((3, 8, 0, 255), 32, 0, unsigned(9, 2), "reactive_import_mvarh", 9_000),
        ((32, 7, 0, 255), 35, -1, unsigned(2_305, 2), "voltage_l1_mv", 230_500),
        ((71, 7, 0, 255), 33, -2, unsigned(123, 2), "current_l3_ma", 1_230),
        ((14, 7, 0, 255), 44, -1, unsigned(500, 2), "frequency_mhz", 50_000),
        ((13, 7, 0, 255), 255, -3, unsigned(987, 2), "power_factor_milli", 987),
        ((2, 7, 0, 255), 27, 0, signed(450), "power_export_w", 450),
    ],
)
def test_value_is_scaled_exactly(
    code: tuple[int, int, int, int],
    unit: int,
    scaler: int,
    value: bytes,
    register: str,
    expected: int,
) -> None:
    """Each unit with its power of ten; finer digits are rounded half to even."""
    assert registers_of(entry(code, value, unit, scaler)) == {register: expected}


@pytest.mark.parametrize(
    ("number", "imported", "exported"), [(1_205, 120, 0), (-1_205, 0, 120), (0, 0, 0)]
)
def test_signed_power_is_import_or_export(number: int, imported: int, exported: int) -> None:
    """The sum and each phase, in tenths of a watt here."""
    registers = registers_of(
        entry((16, 7, 0, 255), signed(number), 27, -1),
        entry((56, 7, 0, 255), signed(number), 27, -1),
    )

    assert registers == {
        "power_import_w": imported,
        "power_export_w": exported,
        "power_import_l2_w": imported,
        "power_export_l2_w": exported,
    }


def test_negative_import_power_is_export() -> None:
    """Some meters send net power under the code of import alone."""
    assert registers_of(entry((1, 7, 0, 255), signed(-80), 27)) == {
        "power_import_w": 0,
        "power_export_w": 80,
    }
    assert registers_of(entry((1, 7, 1, 255), signed(-80), 27))["power_export_w"] == 80
    assert registers_of(entry((21, 7, 0, 255), signed(80), 27)) == {"power_import_l1_w": 80}


@pytest.mark.parametrize(
    ("status", "imported", "exported"),
    [(0x0182, 130, 0), (0x01A2, 0, 130), (0x1C_0104, 130, 0), (0x1C_1904, 0, 130)],
)
def test_power_without_a_sign_takes_it_from_the_status_word(
    status: int, imported: int, exported: int
) -> None:
    """EMH sends the absolute sum; the status word stands beside the energy, even after it."""
    energy = entry((1, 8, 0, 255), unsigned(1, 4), 30, 0, unsigned(status, 4))

    absolute = registers_of(entry((15, 7, 0, 255), unsigned(130, 2), 27), energy)
    unsigned_sum = registers_of(entry((16, 7, 0, 255), unsigned(130, 2), 27), energy)

    expected = {"import_mwh": 1_000, "power_import_w": imported, "power_export_w": exported}
    assert absolute == unsigned_sum == expected


def test_absolute_power_without_a_status_word_is_unknown() -> None:
    """Nothing tells its direction; none is made up, except that zero has none."""
    (telegram,) = decode(response(IMPORT, entry((15, 7, 0, 255), unsigned(130, 2), 27, -1)))

    assert isinstance(telegram, Telegram)
    assert "power_import_w" not in telegram.samples[0].registers
    assert telegram.samples[0].unknown == {"1-0:15.7.0*255": "13.0*W"}
    zero = registers_of(IMPORT, entry((15, 7, 0, 255), unsigned(0, 1), 27))
    assert (zero["power_import_w"], zero["power_export_w"]) == (0, 0)


def test_dzg_power_marked_signed_by_mistake_is_repaired() -> None:
    """Two bytes that say −299.36 W while the status word says that power is drawn."""
    power = entry((16, 7, 0, 255), b"\x53\x8b\x10", 27, -2)
    maker = b"\x0a\x01DZG\x00"

    def power_of(status: int, number: int) -> tuple[int, int]:
        energy = entry((1, 8, 0, 255), unsigned(1, 4), 30, 0, unsigned(status, 3))
        registers = registers_of(energy, power, server_id=maker + number.to_bytes(4, "big"))
        return registers["power_import_w"], registers["power_export_w"]

    assert power_of(0x1C_0104, 42_000_001) == (356, 0)
    assert power_of(0x1C_1904, 42_000_001) == (0, 299)
    assert power_of(0x1C_0104, 60_000_001) == (0, 299)


@pytest.mark.parametrize(
    ("server_id", "entries", "meter"),
    [
        (SERVER_ID, (), "1XYZ0000000001"),
        (b"\x09" + SERVER_ID[1:], (), "1XYZ0000000001"),
        (b"\x06XYZ\x01\x02\x03\x04\x05\x06", (), "0658595A010203040506"),
        (b"1000001", (), "1000001"),
        (b"\x0a\x01XYZ\x00\xff\xff\xff\xff", (), "0A0158595A00FFFFFFFF"),
        (bytes(10), (), UNNAMED),
        (b"", (entry((96, 1, 0, 255), octets(SERVER_ID)),), "1XYZ0000000001"),
        (b"\xff" * 6, (entry((0, 0, 9, 255), octets(SERVER_ID)),), "1XYZ0000000001"),
        (b"", (entry((0, 0, 0, 255), octets(b"1XYZ0000000002")),), "1XYZ0000000002"),
        (
            b"",
            (
                entry((0, 0, 9, 255), octets(b"second")),
                entry((96, 1, 0, 255), octets(b"first")),
            ),
            "first",
        ),
    ],
)
def test_meter_is_named_by_its_server_id_else_by_its_entries(
    server_id: bytes, entries: tuple[bytes, ...], meter: str
) -> None:
    """As printed on the meter where the id is of DIN 43863-5, else as text or hex."""
    (telegram,) = decode(response(IMPORT, *entries, server_id=server_id))

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].meter == meter
    assert not telegram.samples[0].unknown


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (ABSENT, None),
        (listed(unsigned(1, 1), unsigned(1_790_000_000, 4)), None),
        (unsigned(1_790_000_000, 4), None),
        (listed(unsigned(2, 1), unsigned(1_790_000_000, 4)), 1_790_000_000_000),
        (
            listed(unsigned(3, 1), listed(unsigned(1_790_000_000, 4), b"\x52\x3c", b"\x52\x3c")),
            1_790_000_000_000,
        ),
        (listed(unsigned(2, 1), unsigned(86_400, 4)), None),
        (listed(unsigned(2, 1), unsigned(2**40, 6)), None),
        (listed(unsigned(2, 1), ABSENT), None),
    ],
)
def test_only_a_true_time_is_the_meters_time(time: bytes, expected: int | None) -> None:
    """The seconds since it was switched on are no wall clock, whatever they are called."""
    (telegram,) = decode(response(IMPORT, time=time))

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].meter_time_ms == expected


def test_unknown_entries_are_kept_in_the_meters_words() -> None:
    """A code, a unit, a billing period or a type that the table does not know."""
    (telegram,) = decode(
        response(
            IMPORT,
            entry((81, 7, 1, 255), unsigned(1_205, 2), 8, -1),
            entry((1, 8, 0, 96), unsigned(7, 1), 30, 2),
            entry((1, 8, 1, 255), unsigned(7, 1), 31),
            entry((1, 8, 2, 255), octets(b"12"), 30),
            entry((0, 2, 0, 0), octets(b"1.02")),
            entry((96, 5, 0, 255), unsigned(4, 1)),
            entry((9, 7, 0, 255), unsigned(4, 1), 200, -100),
            entry((97, 1, 0, 255), octets(b"\x01\xfe")),
            entry((97, 2, 0, 255), ABSENT),
            listed(octets(b"ab"), ABSENT, ABSENT, ABSENT, ABSENT, unsigned(1, 1), ABSENT),
        )
    )

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].registers == {"import_mwh": 1_234_500}
    assert telegram.samples[0].unknown == {
        "1-0:81.7.1*255": "120.5*deg",
        "1-0:1.8.0*96": "700*Wh",
        "1-0:1.8.1*255": "7*VAh",
        "1-0:1.8.2*255": "12",
        "1-0:0.2.0*0": "1.02",
        "1-0:96.5.0*255": "4",
        "1-0:9.7.0*255": "4e-100*unit 200",
        "1-0:97.1.0*255": "01FE",
        "1-0:97.2.0*255": "",
        "6162": "1",
    }


def test_maker_and_public_key_are_no_news() -> None:
    """They are understood and hold no register."""
    key = b"\x83\x02" + bytes(range(48))
    (telegram,) = decode(
        response(
            IMPORT,
            entry((96, 50, 1, 1), octets(b"XYZ")),
            listed(octets(b"\x81\x81\xc7\x82\x03\xff"), *[ABSENT] * 4, octets(b"XYZ"), ABSENT),
            listed(octets(b"\x81\x81\xc7\x82\x05\xff"), *[ABSENT] * 4, key, ABSENT),
        )
    )

    assert isinstance(telegram, Telegram)
    assert not telegram.samples[0].unknown


def test_unknown_entries_are_bounded() -> None:
    """A flood of codes does not grow a sample."""
    flood = [entry((97, number, 0, 255), unsigned(1, 1)) for number in range(MAX_UNKNOWN + 30)]
    (telegram,) = decode(response(IMPORT, *flood))

    assert isinstance(telegram, Telegram)
    assert len(telegram.samples[0].unknown) == MAX_UNKNOWN
    assert all(len(text) <= MAX_UNKNOWN_CHARS for text in telegram.samples[0].unknown.values())


@pytest.mark.parametrize(
    "bad",
    [
        entry((2, 8, 0, 255), signed(-1), 30, -1),
        entry((2, 8, 0, 255), unsigned(2**64 - 1, 8), 30, -1),
        entry((2, 8, 0, 255), unsigned(1, 1), 30, 127),
        entry((16, 7, 0, 255), unsigned(2**64 - 1, 8), 27, 0),
    ],
)
def test_impossible_value_is_refused_and_the_rest_kept(bad: bytes) -> None:
    """A counter below zero, or a number beyond 64 bits."""
    telegram, refused = decode(response(IMPORT, bad))

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].registers == {"import_mwh": 1_234_500}
    assert isinstance(refused, Refused)
    assert refused.reason == "bad-value"


def test_refusals_of_one_file_are_bounded() -> None:
    """A list of nothing but impossible values is noise."""
    bad = entry((2, 8, 0, 255), signed(-1), 30)

    found = decode(response(*[bad] * 40))

    assert len(found) == MAX_REFUSED_VALUES


def test_lists_of_one_meter_are_one_sample_and_of_two_meters_two() -> None:
    """A meter may split its list over messages, and a port may serve several meters."""
    other = b"\x0a\x01XYZ\x00\x00\x00\x00\x02"
    (telegram,) = decode(
        response(IMPORT),
        response(entry((2, 8, 0, 255), unsigned(1, 1), 30)),
        response(IMPORT, server_id=other),
    )

    assert isinstance(telegram, Telegram)
    assert [(sample.meter, sample.registers) for sample in telegram.samples] == [
        ("1XYZ0000000001", {"import_mwh": 1_234_500, "export_mwh": 1_000}),
        ("1XYZ0000000002", {"import_mwh": 1_234_500}),
    ]


@pytest.mark.parametrize(
    ("messages", "detail"),
    [
        ((message(0x0101, listed(ABSENT)), message(0x0201, listed(ABSENT))), "0101, 0201"),
        (
            (message(0xFF01, listed(octets(SERVER_ID), octets(b"\x81\x81\xc7\xc7\xfe\x03"))),),
            "attention 8181C7C7FE03",
        ),
        ((response(entry((97, 9, 9, 255), unsigned(5, 1))),), "1-0:97.9.9*255 5"),
        ((response(),), "no list among the messages"),
    ],
)
def test_file_without_a_register_says_what_it_held(
    messages: tuple[bytes, ...], detail: str
) -> None:
    """An unknown meter shows its raw codes, an attention its number."""
    *telegrams, refused = decode(*messages)

    shown = [one.samples[0].unknown for one in telegrams if isinstance(one, Telegram)]
    assert shown == ([{"1-0:97.9.9*255": "5"}] if "97" in detail else [])
    assert isinstance(refused, Refused)
    assert refused.reason == "no-values"
    assert detail in refused.detail


def test_messages_before_a_malformed_one_are_kept() -> None:
    """What a right checksum vouches for and yet cannot be read is refused with its place."""
    telegram, refused = decode(response(IMPORT), b"\x76\x05\x01")

    assert isinstance(telegram, Telegram)
    assert isinstance(refused, Refused)
    assert refused.reason == "bad-value"


@pytest.mark.parametrize(
    "time",
    [ABSENT, listed(unsigned(1, 1), unsigned(99, 4)), unsigned(99, 4), unsigned(99, 3)],
)
@pytest.mark.parametrize("signature", [ABSENT, octets(b"signed")])
def test_entry_with_its_optional_fields_is_read(time: bytes, signature: bytes) -> None:
    """Times as the standard has them and as Holley sends them, with or without a signature."""
    name = octets(b"\x01\x00\x01\x08\x00\xff")
    scaled = unsigned(30, 1) + b"\x52\xff"

    line = listed(name, unsigned(0x182, 2), time, scaled[:2], scaled[2:], signed(50), signature)

    assert registers_of(line) == {"import_mwh": 5_000}


def test_meter_of_ever_new_codes_is_read_as_any_other() -> None:
    """What is remembered of codes is bounded, and forgetting it changes nothing."""
    decoder = ListDecoder()
    changing = [
        response(IMPORT, *(entry((97, high, low, 255), unsigned(1, 1)) for low in range(60)))
        for high in range(MAX_MEANINGS // 60 + 2)
    ]

    found = [entry for data in changing for entry in decoder.decode(data, data)]

    assert all(isinstance(entry, Telegram) for entry in found)
    assert {entry.samples[0].registers["import_mwh"] for entry in found} == {1_234_500}  # type: ignore[union-attr]


def test_first_true_time_of_a_file_is_the_meters() -> None:
    """A second list of the same meter does not move it."""
    times = [listed(unsigned(2, 1), unsigned(1_790_000_000 + late, 4)) for late in (0, 5)]

    (telegram,) = decode(*(response(IMPORT, time=time) for time in times))

    assert isinstance(telegram, Telegram)
    assert telegram.samples[0].meter_time_ms == 1_790_000_000_000
