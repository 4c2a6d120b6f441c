"""What one message of a Glow says: its JSON to samples.

Pure. Sources: messages published by owners of one, and the maker's own description of them. Only
cumulative registers and power are believed: the Glow makes the day's, week's and month's counters
and the kWh of gas itself (`dayvol` even says kWh where it means to say m3), so they, and the price,
stand in `unknown` under their own names. Numbers go from decimal text to integers, never by way of
a float.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from firmware_bridge.meters.codec import Refused, Telegram, refuse
from firmware_bridge.meters.glow_cloud import cloud_meters
from firmware_bridge.meters.glow_fields import Fields, believe, time_ms_of, whole
from firmware_bridge.meters.serials import plain_serial
from shared.readings import Medium, Quality, Sample

MAX_KNOWN_METERS = 16
"""Supply points remembered; a home with two of these displays has four."""

UNNAMED = "unnamed"
"""The id of a Glow that tells neither its address nor its name."""

MEDIA = {"electricitymeter": Medium.ELECTRICITY, "gasmeter": Medium.GAS}

_PLACEHOLDERS = frozenset(
    ("empty", "readpending", "pending", "none", "null", "unknown", "na", "notset", "readfailed")
)
"""What stands for a supply point's number until it is known, letters only."""

_STATE_NAMES = frozenset(("software", "hardware", "eui", "han", "zigbee", "smetsversion"))
_DEVICE_NAMES = ("eui", "wifistamac", "ethmac", "gid")
_ENERGY_MWH = {"kwh": 1_000_000, "wh": 1_000}
_POWER_W = {"kw": 1_000, "w": 1}
_VOLUME_L = {"m3": 1_000}


class MessageDecoder:
    """Decodes messages; remembers which supply point each topic has told of."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str], str] = {}

    def forget(self) -> None:
        """Begin anew: another Glow may be there now."""
        self._ids.clear()

    def decode(self, topic: str, text: str, raw: bytes) -> list[Telegram | Refused]:
        """Return the telegrams of a message, one a meter in it, or its refusal.

        A message on the Glow's own state holds no register: its sample has none, the Glow's address
        for an id, and every field in `unknown`.
        """
        try:
            content = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
        except (ValueError, ArithmeticError, RecursionError) as error:
            return [refuse("bad-value", f"no JSON: {error}", raw)]
        found: list[Telegram | Refused] = []
        for name in MEDIA:
            if name in content:
                found += self._meter(topic, name, content[name], raw)
        if "elecMtr" in content or "gasMtr" in content:
            found += self._cloud(topic, content, raw)
        elif not found and _STATE_NAMES & content.keys():
            found.append(_state("state", content, time_ms_of(content.get("timestamp"))))
        if not found:
            names = ", ".join(list(content)[:5])
            found.append(refuse("unknown-message", f"no message of a Glow; it has: {names}", raw))
        return found

    def _meter(self, topic: str, name: str, content: Any, raw: bytes) -> list[Telegram | Refused]:
        """Decode what the Glow says of one meter on the local network."""
        if not isinstance(content, dict):
            return [refuse("bad-value", f"{name} is no object", raw)]
        fields = Fields(name, content)
        refused: list[Telegram | Refused] = []
        told = _told(fields, MEDIA[name], refused, raw)
        path = "energy.import.mpan" if name == "electricitymeter" else "energy.import.mprn"
        meter = self._identify(topic, name, fields.get(path))
        time_ms = time_ms_of(fields.get("timestamp"))
        if time_ms is None and fields.get("timestamp") is not None:
            refused.append(refuse("bad-time", f"timestamp says {fields.get('timestamp')!r}", raw))
        fields.take(path, *(() if time_ms is None else ("timestamp",)))
        return [*_sampled(MEDIA[name], meter, time_ms, fields, told, raw), *refused]

    def _cloud(self, topic: str, content: dict[str, Any], raw: bytes) -> list[Telegram | Refused]:
        """Decode both meters' attributes, and the Glow's own state beside them."""
        found: list[Telegram | Refused] = []
        meters, time_ms, rest = cloud_meters(content)
        for one in meters:
            meter = self._identify(topic, one.name, one.supply_point)
            if one.fault:
                found.append(refuse("bad-value", one.fault, raw))
            else:
                found += _sampled(one.medium, meter, time_ms, one.fields, one.told, raw)
        return [*found, _state("cloud", rest, time_ms)]

    def _identify(self, topic: str, name: str, told: Any) -> str:
        """Return a supply point's number, or the one this topic told before; "" where none has."""
        is_text = isinstance(told, str | int) and not isinstance(told, bool)
        meter = plain_serial(str(told)) if is_text else ""
        if "".join(letter for letter in meter.lower() if letter.isalpha()) in _PLACEHOLDERS:
            meter = ""
        if not meter:
            return self._ids.get((topic, name), "")
        self._ids.pop((topic, name), None)
        while len(self._ids) >= MAX_KNOWN_METERS:
            del self._ids[next(iter(self._ids))]
        self._ids[topic, name] = meter
        return meter


def _told(
    fields: Fields, medium: Medium, refused: list[Telegram | Refused], raw: bytes
) -> dict[str, tuple[str, int]]:
    """Return what is told of each register: its path, and the value in our unit."""
    candidates: tuple[tuple[str, str, str, Mapping[str, int]], ...] = (
        ("import_mwh", "energy.import.cumulative", "energy.import.units", _ENERGY_MWH),
        ("export_mwh", "energy.export.cumulative", "energy.export.units", _ENERGY_MWH),
        ("power_w", "power.value", "power.units", _POWER_W),
    )
    if medium is Medium.GAS:
        volume, units = "energy.import.cumulativevol", "energy.import.cumulativevolunits"
        if fields.get(volume) is None and fields.get("energy.import.units") == "m3":
            volume, units = "energy.import.cumulative", "energy.import.units"
        candidates = (("gas_l", volume, units, _VOLUME_L),)
    told: dict[str, tuple[str, int]] = {}
    for register, path, units, scales in candidates:
        value, unit = fields.get(path), fields.get(units)
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            continue
        scale = scales.get(str(unit).lower())
        scaled = None if scale is None else whole(value, scale)
        if scaled is None:
            refused.append(refuse("bad-value", f"{path} says {value} {unit}", raw))
            continue
        told[register] = path, scaled
        fields.take(units)
    return told


def _sampled(
    medium: Medium,
    meter: str,
    time_ms: int | None,
    fields: Fields,
    told: dict[str, tuple[str, int]],
    raw: bytes,
) -> list[Telegram | Refused]:
    """Make a telegram of one meter; refuse one without a value, or without a name."""
    registers = believe(fields, told)
    if not registers:
        lack = "no volume in m3" if medium is Medium.GAS and not told else "no value that is one"
        return [refuse("no-values", f"the message of {medium.value} has {lack}", raw)]
    if not meter:
        detail = f"the Glow has not said which {medium.value} supply point it reads"
        return [refuse("no-meter-id", detail, raw)]
    quality = int(Quality.UNCHECKED)
    return [Telegram((Sample(meter, medium, time_ms, registers, quality, fields.unknown()),))]


def _state(name: str, content: Mapping[str, Any], time_ms: int | None) -> Telegram:
    fields = Fields(name, content)
    if time_ms is not None:
        fields.take("timestamp")
    ids = (plain_serial(str(content.get(key, "")).replace(":", "")) for key in _DEVICE_NAMES)
    meter = next((found.lower() for found in ids if found), UNNAMED)
    quality = int(Quality.UNCHECKED)
    return Telegram((Sample(meter, Medium.ELECTRICITY, time_ms, {}, quality, fields.unknown()),))


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")
