"""What `detect` found or heard, as lines, as JSON and as the settings to paste. Pure."""

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from firmware_bridge.links.addresses import MBUS, OPTICAL
from firmware_bridge.links.mqtt_address import SCHEMES
from firmware_bridge.links.port import DEFAULT_FRAMING
from firmware_bridge.links.zigbee.address import PREFIX as ZIGBEE
from firmware_bridge.meters.catalog import CODECS, PortSettings
from firmware_bridge.meters.left_out import is_left_out
from firmware_bridge.tools.listening import TEXT_PERCENT, Heard
from firmware_bridge.tools.recognition import Hearing
from firmware_bridge.tools.tally import sample_document
from shared.readings import Sample

MAX_SHOWN_REGISTERS = 8

THOUSANDTHS = {
    "mwh": ("kWh", 6),
    "mvarh": ("kvarh", 6),
    "l": ("m³", 3),
    "mj": ("GJ", 3),
    "mv": ("V", 3),
    "ma": ("A", 3),
    "mhz": ("Hz", 3),
}
"""The unit people use, and how many decimals it is above the register's."""

PLAIN = {"w": "W", "var": "var"}
BARE = frozenset({"count", "index"})
"""Units that are none."""


def settings_to_paste(port: str, heard: Heard, hearing: Hearing) -> str:
    """Return the table of the hub's configuration for a meter that was found.

    One that had to be asked is asked by its link, which sets the port's speed itself.
    """
    is_asked = heard.was_asked and CODECS[hearing.protocol].must_ask
    link = _asking_link(port, heard, hearing) if is_asked else port
    lines = ["[[meter]]", f'protocol = "{hearing.protocol}"', f"link = {json.dumps(link)}"]
    if heard.settings is not None and not is_asked:
        lines.append(f"baud = {heard.settings.baud}")
        if heard.settings.framing != DEFAULT_FRAMING:
            lines.append(f'framing = "{heard.settings.framing}"')
    if hearing.locked is not None:
        lines.append('# key = "the 32 hexadecimal digits the network operator gives you"')
    return "\n".join(lines)


def _asking_link(port: str, heard: Heard, hearing: Hearing) -> str:
    """Return the address of the link that asks: a bus, whose speed is in it, or an optical head."""
    if hearing.protocol != "mbus":
        return f"{OPTICAL}{port}"
    return _bus_at(port, heard.settings)


def _bus_at(port: str, settings: PortSettings | None) -> str:
    if settings is None or settings == CODECS["mbus"].ports[0]:
        return f"{MBUS}{port}"
    return f"{MBUS}{port}?baud={settings.baud}"


def found_lines(port: str, heard: Heard, hearing: Hearing) -> Iterator[str]:
    """Yield what was found, sample values, and the settings."""
    where = f" at {heard.settings}" if heard.settings else ""
    yield f"found {CODECS[hearing.protocol].title}{where}"
    for sample in samples_of(hearing):
        yield f"  meter {sample.meter}, {sample.medium.value}"
        shown = [readable(register, value) for register, value in sample.registers.items()]
        shown = shown or [f"{code} = {text}" for code, text in sample.unknown.items()]
        yield from (f"    {line}" for line in shown[:MAX_SHOWN_REGISTERS])
        if len(shown) > MAX_SHOWN_REGISTERS:
            yield f"    and {len(shown) - MAX_SHOWN_REGISTERS} more"
    yield from (f"  {line}" for line in _advice_on_unknown(port, heard, hearing))
    if hearing.locked is not None:
        yield f"  it encrypts: {hearing.locked.detail}"
        yield "  the network operator gives the household its key on request"
    yield ""
    yield "Put this into the hub's configuration:"
    yield ""
    yield settings_to_paste(port, heard, hearing)


def found_document(port: str, heard: Heard, hearing: Hearing) -> dict[str, Any]:
    """Return what was found for JSON."""
    settings = heard.settings
    return {
        "found": True,
        "port": port,
        "protocol": hearing.protocol,
        "baud": settings.baud if settings else None,
        "framing": settings.framing if settings else None,
        "is_encrypted": hearing.locked is not None,
        "detail": hearing.locked.detail if hearing.locked else "",
        "samples": [sample_document(sample) for sample in samples_of(hearing)],
        "advice": list(_advice_on_unknown(port, heard, hearing)),
        "toml": settings_to_paste(port, heard, hearing),
    }


def unfound_lines(port: str, heard: Sequence[Heard]) -> Iterator[str]:
    """Yield what was heard at each setting, and what to check."""
    yield f"no meter was understood on {port}"
    for one in heard:
        yield f"  {_place(one)}: {_amount(one)}"
    yield ""
    yield "What to check:"
    for advice in advice_on(port, heard):
        yield f"  - {advice}"


def unfound_document(port: str, heard: Sequence[Heard]) -> dict[str, Any]:
    """Return what was heard for JSON."""
    return {
        "found": False,
        "port": port,
        "heard": [
            {
                "baud": one.settings.baud if one.settings else None,
                "framing": one.settings.framing if one.settings else None,
                "seconds": round(one.seconds, 1),
                "bytes": one.size,
                "printable_percent": one.printable_percent,
            }
            for one in heard
        ],
        "advice": list(advice_on(port, heard)),
    }


def advice_on(port: str, heard: Sequence[Heard]) -> Iterator[str]:
    """Yield what a person on site can do, by what was heard."""
    best = max(heard, key=lambda one: (one.printable_percent, one.size), default=None)
    if best is None or not best.size:
        yield from _advice_on_silence(port)
        return
    if best.printable_percent >= TEXT_PERCENT:
        yield f"text was heard at {_place(best)}: the meter may speak a dialect that is new to us"
    else:
        yield "only strange bytes were heard: is the signal inverted, or the adapter a poor one?"
        yield "a meter may also speak a protocol that is new to us"
    yield _how_to_send(port, best)


def _advice_on_unknown(port: str, heard: Heard, hearing: Hearing) -> Iterator[str]:
    """Yield what to do about a meter of which no code is known."""
    samples = list(samples_of(hearing))
    codes = [code for sample in samples for code in sample.unknown]
    if not codes or any(sample.registers for sample in samples):
        return
    if all(is_left_out(hearing.protocol, code) for code in codes):
        yield "no reading has come yet: what it says between readings is understood"
        return
    yield "none of its codes is in our table, so the hub would log nothing of it"
    yield _how_to_send(port, heard)


def _how_to_send(port: str, heard: Heard) -> str:
    settings, options = heard.settings, ""
    if heard.was_asked and settings in CODECS["mbus"].ports:
        port = _bus_at(port, settings)
    elif heard.was_asked:
        options = " --ask"
    elif settings is not None:
        options = f" --baud {settings.baud} --framing {settings.framing}"
    return (
        f"'hearthlink capture --seconds 60{options} {port} meter.bin' "
        "makes a file to send us, without serials"
    )


def _advice_on_silence(port: str) -> Iterator[str]:
    """Yield why nothing may have come, by what kind of link it was that said nothing."""
    if port.startswith(SCHEMES):
        yield "is this the broker that the display sends to, and the filter one of its topics?"
        return
    if port.startswith(ZIGBEE):
        yield "a stick hears only devices that have joined it; this search knows none"
        yield _joining(port)
        return
    yield "is the cable in the meter's port, and is it the cable for this meter?"
    yield "some ports are off until the network operator switches them on, or a PIN is entered"
    yield "an optical head must sit on the meter's window, its cable pointing down"
    if port.startswith("/"):
        yield (
            "several meters on one M-Bus answer all at once: "
            f"'hearthlink detect \"{MBUS}{port}?addresses=1-9\"' asks one after the other"
        )
        yield f"a ZigBee stick says nothing by itself. {_joining(f'{ZIGBEE}{port}')}"


def _joining(link: str) -> str:
    return (
        f'Give the hub protocol = "zigbee" and link = "{link}", start it, '
        "and let devices join with 'hearthlink zigbee permit'"
    )


def samples_of(hearing: Hearing) -> Iterator[Sample]:
    """Yield the samples of each meter's newest telegram."""
    for telegram in hearing.newest.values():
        yield from telegram.samples


def readable(register: str, value: int) -> str:
    """Write a register as people say it: its name without its unit, and the value in theirs."""
    name, _, unit = register.rpartition("_")
    if unit in THOUSANDTHS:
        shown, decimals = THOUSANDTHS[unit]
        return f"{name} {Decimal(value).scaleb(-decimals):,.3f} {shown}"
    if unit in PLAIN:
        return f"{name} {value:,} {PLAIN[unit]}"
    return f"{name} {value:,}" if unit in BARE else f"{register} {value:,}"


def _place(heard: Heard) -> str:
    return str(heard.settings) if heard.settings else "the line"


def _amount(heard: Heard) -> str:
    if not heard.size:
        return f"silent for {heard.seconds:.0f} s"
    per_s = heard.size / max(heard.seconds, 1.0)
    return f"{heard.size:,} bytes, {per_s:,.0f} a second, {heard.printable_percent} % of them text"
