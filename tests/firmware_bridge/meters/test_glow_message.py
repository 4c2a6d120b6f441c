"""What a Glow's messages say: which values are believed, and whose they are."""

import json
from typing import Any

import pytest

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.glow_message import MAX_KNOWN_METERS, UNNAMED, MessageDecoder
from shared.readings import Medium, Quality, Sample

AT = "2026-11-07T09:20:08Z"
AT_MS = 1_794_043_208_000
MPAN, MPRN = "1900001234567", "9912345678"


def electricity(**changes: Any) -> dict[str, Any]:
    """Write a message as the display sends them, with changes by path."""
    content: dict[str, Any] = {
        "timestamp": AT,
        "energy": {
            "export": {"cumulative": 12.5, "units": "kWh"},
            "import": {
                "cumulative": 15254.827,
                "day": 3.717,
                "week": 3.717,
                "month": 60.439,
                "units": "kWh",
                "mpan": MPAN,
                "supplier": "An Energy Company",
                "price": {"unitrate": 0.16401, "standingcharge": 0.19383},
            },
        },
        "power": {"value": 0.425, "units": "kW"},
    }
    return {"electricitymeter": changed(content, changes)}


def gas(**changes: Any) -> dict[str, Any]:
    """Write the same of the gas meter."""
    content: dict[str, Any] = {
        "timestamp": AT,
        "energy": {
            "import": {
                "cumulative": 66589.57,
                "day": 17.326,
                "units": "kWh",
                "cumulativevol": 5995.276,
                "cumulativevolunits": "m3",
                "dayvol": 17.326,
                "dayweekmonthvolunits": "kWh",
                "mprn": MPRN,
                "supplier": "---",
            }
        },
    }
    return {"gasmeter": changed(content, changes)}


def changed(content: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Change fields named with double underscores between the levels; None takes one out."""
    for path, value in changes.items():
        *levels, last = path.split("__")
        place = content
        for level in levels:
            place = place[level]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return content


def decode(
    content: dict[str, Any] | str, decoder: MessageDecoder | None = None, topic: str = "t"
) -> list[Telegram | Refused]:
    """Decode one message."""
    text = content if isinstance(content, str) else json.dumps(content)
    return (decoder or MessageDecoder()).decode(topic, text, text.encode())


def sample(found: list[Telegram | Refused]) -> Sample:
    """Return the one sample there is."""
    (telegram,) = [entry for entry in found if isinstance(entry, Telegram)]
    (only,) = telegram.samples
    return only


def reasons(found: list[Telegram | Refused]) -> list[str]:
    """Keep the refusals' reasons."""
    return [entry.reason for entry in found if isinstance(entry, Refused)]


def test_electricity_message_is_read() -> None:
    """Registers, power, the clock; and whatever else it has, under its own name."""
    assert decode(electricity()) == [
        Telegram(
            (
                Sample(
                    MPAN,
                    Medium.ELECTRICITY,
                    AT_MS,
                    {
                        "import_mwh": 15_254_827_000,
                        "export_mwh": 12_500_000,
                        "power_import_w": 425,
                        "power_export_w": 0,
                    },
                    int(Quality.UNCHECKED),
                    {
                        "electricitymeter.energy.import.day": "3.717",
                        "electricitymeter.energy.import.week": "3.717",
                        "electricitymeter.energy.import.month": "60.439",
                        "electricitymeter.energy.import.supplier": "An Energy Company",
                        "electricitymeter.energy.import.price.unitrate": "0.16401",
                        "electricitymeter.energy.import.price.standingcharge": "0.19383",
                    },
                ),
            )
        )
    ]


def test_gas_message_is_read_by_its_volume() -> None:
    """The kWh are the Glow's own; the volumes of the day say kWh, and are none."""
    found = sample(decode(gas()))

    assert (found.meter, found.medium, found.meter_time_ms) == (MPRN, Medium.GAS, AT_MS)
    assert found.registers == {"gas_l": 5_995_276}
    assert found.unknown["gasmeter.energy.import.cumulative"] == "66589.57"
    assert found.unknown["gasmeter.energy.import.dayvol"] == "17.326"
    assert found.unknown["gasmeter.energy.import.dayweekmonthvolunits"] == "kWh"


def test_gas_message_of_a_cumulative_in_cubic_metres_is_read() -> None:
    """Where the one register there is says so itself."""
    content = gas(energy__import__cumulativevol=None, energy__import__units="m3")

    assert sample(decode(content)).registers == {"gas_l": 66_589_570}


def test_gas_message_of_kwh_alone_is_refused_with_the_reason() -> None:
    """What the meter counts is volume."""
    (found,) = decode(gas(energy__import__cumulativevol=None))

    assert isinstance(found, Refused)
    assert (found.reason, "m3" in found.detail) == ("no-values", True)


@pytest.mark.parametrize(
    ("printed", "mwh"),
    [
        ("0.1", 100_000),
        ("9007199254740.993", 9_007_199_254_740_993_000),
        ("1.0000005", 1_000_000),
        ("1.0000015", 1_000_002),
        ("7", 7_000_000),
        ("1.5e3", 1_500_000_000),
    ],
)
def test_numbers_are_exact(printed: str, mwh: int) -> None:
    """Never by way of a float; finer digits are rounded half to even."""
    text = json.dumps(electricity()).replace("15254.827", printed)

    assert sample(decode(text)).registers["import_mwh"] == mwh


@pytest.mark.parametrize("printed", ["1e999999999", "1e-999999999", "1e30", "-1e30", "0e500"])
def test_number_out_of_all_bounds_is_refused_alone(printed: str) -> None:
    """It must not make an endless integer; the other values stand."""
    text = json.dumps(electricity()).replace("15254.827", printed)

    found = decode(text)

    assert reasons(found) == ["bad-value"]
    assert "import_mwh" not in sample(found).registers
    assert sample(found).registers["export_mwh"] == 12_500_000


@pytest.mark.parametrize(
    ("value", "units", "registers"),
    [
        (-1.25, "kW", {"power_import_w": 0, "power_export_w": 1_250}),
        (0.0, "kW", {"power_import_w": 0, "power_export_w": 0}),
        (425, "W", {"power_import_w": 425, "power_export_w": 0}),
        (-8388.608, "kW", {}),
        (-8388608, "W", {}),
    ],
)
def test_power_has_a_sign_and_a_value_for_none(
    value: float, units: str, registers: dict[str, int]
) -> None:
    """Negative is export; the most negative 24-bit integer is no power at all."""
    found = sample(decode(electricity(power__value=value, power__units=units)))

    told = {name: value for name, value in found.registers.items() if name.startswith("power")}
    assert told == registers
    assert ("electricitymeter.power.value" in found.unknown) is (not registers)


def test_energy_in_watt_hours_is_scaled() -> None:
    """By the unit beside it."""
    found = sample(decode(electricity(energy__import__units="Wh")))

    assert found.registers["import_mwh"] == 15_254_827


def test_unit_that_is_not_known_is_refused_and_its_value_not_guessed() -> None:
    """The value stays to be seen."""
    found = decode(electricity(energy__import__units="MJ"))

    assert reasons(found) == ["bad-value"]
    assert "import_mwh" not in sample(found).registers
    assert sample(found).unknown["electricitymeter.energy.import.cumulative"] == "15254.827"


def test_zeros_after_boot_are_missing() -> None:
    """With an import of zero nothing that is zero is believed."""
    content = electricity(
        energy__import__cumulative=0.0, energy__export__cumulative=0.0, power__value=0.0
    )

    assert reasons(decode(content)) == ["no-values"]


def test_power_beside_an_import_of_zero_is_believed() -> None:
    """It was measured; the registers were not read yet."""
    content = electricity(energy__import__cumulative=0.0, energy__export__cumulative=0)

    found = sample(decode(content))

    assert found.registers == {"power_import_w": 425, "power_export_w": 0}
    assert found.unknown["electricitymeter.energy.import.cumulative"] == "0.0"


def test_export_of_zero_is_a_home_without_a_roof() -> None:
    """As long as the import is a reading."""
    found = sample(decode(electricity(energy__export__cumulative=0.0)))

    assert found.registers["export_mwh"] == 0


def test_gas_of_zero_is_missing() -> None:
    """Always: it is what is told before the meter was heard."""
    assert reasons(decode(gas(energy__import__cumulativevol=0.0))) == ["no-values"]


@pytest.mark.parametrize("ones", [4294967.295, 281474976710.655])
def test_register_of_all_ones_is_missing(ones: float) -> None:
    """ZigBee's way to say that there is none."""
    content = electricity(energy__import__cumulative=ones, energy__export__cumulative=ones)

    assert sample(decode(content)).registers == {"power_import_w": 425, "power_export_w": 0}
    assert reasons(decode(gas(energy__import__cumulativevol=ones))) == ["no-values"]


@pytest.mark.parametrize("told", ["read pending", "EMPTY", "", "---", "0000000000000", True, []])
def test_placeholder_never_names_a_meter(told: Any) -> None:
    """Refused until the supply point is known, and its own from then on."""
    decoder = MessageDecoder()
    pending = electricity(energy__import__mpan=told)

    before = decode(pending, decoder)
    decode(electricity(), decoder)
    after = decode(pending, decoder)

    assert reasons(before) == ["no-meter-id"]
    assert sample(after).meter == MPAN


def test_supply_point_is_remembered_by_topic_and_fuel() -> None:
    """A second Glow, or the gas meter, is another."""
    decoder = MessageDecoder()
    decode(electricity(), decoder, "glow/A/SENSOR/electricitymeter")

    other = decode(electricity(energy__import__mpan="EMPTY"), decoder, "glow/B/x")
    fuel = decode(gas(energy__import__mprn="EMPTY"), decoder, "glow/A/SENSOR/electricitymeter")

    assert reasons(other) == reasons(fuel) == ["no-meter-id"]


def test_supply_points_remembered_are_bounded() -> None:
    """The one told longest ago goes first."""
    decoder = MessageDecoder()
    for number in range(MAX_KNOWN_METERS + 1):
        decode(electricity(), decoder, f"t{number}")
    pending = electricity(energy__import__mpan=None)

    assert reasons(decode(pending, decoder, "t0")) == ["no-meter-id"]
    assert sample(decode(pending, decoder, "t1")).meter == MPAN


def test_supply_point_may_be_a_number_and_is_never_taken_for_hexadecimal() -> None:
    """4142434445 is no ABCDE."""
    assert sample(decode(gas(energy__import__mprn="4142434445"))).meter == "4142434445"
    assert sample(decode(gas(energy__import__mprn=4142434445))).meter == "4142434445"


@pytest.mark.parametrize(
    "printed",
    ["2026-11-07 09:20:08", "2026-11-07T09:20:08", "2026-13-07T09:20:08Z", "1970-01-01T00:00:00Z",
     "2026-11-07T09:20:08+01:00", 1793956808],
)  # fmt: skip
def test_time_that_is_not_utc_or_never_was_is_refused_but_not_the_values(printed: Any) -> None:
    """The hub's own clock dates them then."""
    found = decode(electricity(timestamp=printed))

    assert reasons(found) == ["bad-time"]
    assert sample(found).meter_time_ms is None
    assert sample(found).registers["import_mwh"] == 15_254_827_000


def test_time_may_have_a_fraction() -> None:
    """And none at all is no fault."""
    assert sample(decode(electricity(timestamp="2026-11-07T09:20:08.5Z"))).meter_time_ms == (
        AT_MS + 500
    )
    assert sample(decode(electricity(timestamp=None))).meter_time_ms is None
    assert reasons(decode(electricity(timestamp=None))) == []


def test_state_message_is_shown_but_holds_no_register() -> None:
    """Its id is the Glow's address, never a supply point's."""
    content = {
        "timestamp": AT,
        "software": "v2.0.2",
        "eui": "02:48:4C:FF:FE:00:00:01",
        "han": {"rssi": -88, "status": "joined", "lqi": 48},
    }

    found = sample(decode(content))

    assert (found.meter, found.meter_time_ms, found.registers) == ("02484cfffe000001", AT_MS, {})
    assert found.unknown["state.han.rssi"] == "-88"
    assert sample(decode({"han": {"status": "joined"}})).meter == UNNAMED


@pytest.mark.parametrize(
    "text",
    ["{", '{"electricitymeter":{"a":NaN}}', '{"a":' * 5_000 + "1" + "}" * 5_000,
     '{"a":%s}' % ("9" * 5_000), '{"a":1e99999999999999999999}', '{"electricitymeter":3}'],
    ids=["cut", "NaN", "deep", "long", "huge", "no object"],
)  # fmt: skip
def test_what_is_no_json_is_refused(text: str) -> None:
    """Nor is a number that is none, or a nest without end."""
    assert reasons(decode(text)) == ["bad-value"]


def test_message_of_something_else_is_refused_by_name() -> None:
    """Others publish on the same broker."""
    (found,) = decode({"temperature": 21, "battery": 80})

    assert isinstance(found, Refused)
    assert (found.reason, "temperature, battery" in found.detail) == ("unknown-message", True)


def test_fields_that_are_many_or_deep_are_counted() -> None:
    """Bounded, but nothing vanishes."""
    deep: Any = 1
    for _ in range(12):
        deep = {"x": deep}
    content = electricity(more={f"f{number}": None for number in range(60)}, deep=deep, empty=[])

    unknown = sample(decode(content)).unknown

    assert unknown["electricitymeter.+"] == "28 more fields"
    shallow = sample(decode(electricity(deep=deep, empty=[], on=True))).unknown
    assert shallow["electricitymeter.empty"] == "empty"
    assert shallow["electricitymeter.on"] == "true"
    assert "1 deeper fields" in shallow.values()
