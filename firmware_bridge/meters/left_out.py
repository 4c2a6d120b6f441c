"""Codes that are known, and left out of the registers on purpose. Pure.

Codecs show them in `unknown` as they were told. `hearthlink decode` and `detect` ask for a capture
of codes that nobody here knows, and not of these: prices and histories (decision 0012), sums by day
that a register tells better, states of meter and radio, and past billing periods.
"""

import re

from firmware_bridge.meters.raven import STANZAS

_OBIS = re.compile(
    r"(?:\d+-\d+:)?(?:"
    r"0\.[29]\.\d+"  # firmware, date and time apart
    r"|25\.9\.0"  # name of the push list
    r"|81\.7\.\d+"  # angles between phases
    r"|96\.(?:3\.10|5\.\d+|90\.\d+)"  # breakers of sub-meters, states, configuration
    r"|97\.9[78]\.\d+"  # errors and alarms
    r"|98\.1\.\d+"  # peaks of past months
    r"|99\.9[789]\.\d+"  # logs of outages and events
    r")(?:\*\d+)?"
    r"|F\.F(?:\.\d+)?"  # fatal errors, zeros if there are none
    r"|129-129:.*"  # the maker's own
    r"|.*[*&](?!255)\d{1,3}"  # a past billing period
)
_READINGS = ("InstantaneousDemand", "CurrentSummation", "CurrentSummationDelivered")
_NOTICES = "|".join(name for name in STANZAS if name not in _READINGS)

_LEFT_OUT: dict[str, re.Pattern[str]] = {
    **dict.fromkeys(("p1", "p1-encrypted", "sml", "dlms", "iec62056"), _OBIS),
    "raven": re.compile(rf"(?:{_NOTICES})\..*"),
    "glow": re.compile(
        r"(?:state|cloud)\..*|(?:elecMtr|gasMtr)\.07.*"
        r"|(?:electricity|gas)meter\.(?:timestamp|power\..*|energy\.(?:import|export)\.(?:"
        r"(?:day|week|month)(?:vol)?|dayweekmonthvolunits|cumulative(?:vol(?:units)?)?|units"
        r"|mpan|mprn|supplier|price\..*))"
    ),
    "zigbee": re.compile(
        r"0000/.*|0702/(?:000f|0014|02\w\w|03\w\w|04\w\w|05\w\w|0c\w\w)|0b04/(?:04|06)\w\w"
        r"|070[03578][/!].*|(?:PublishPrice|DisplayMessage|GetProfileResponse)\..*"
    ),
    "mbus": re.compile(r"(?!vif-).*"),
}


def is_left_out(protocol: str, code: str) -> bool:
    """Tell whether a code that is shown raw is known, or only counts what was not kept."""
    pattern = _LEFT_OUT.get(protocol)
    return code.endswith("+") or (pattern is not None and pattern.fullmatch(code) is not None)
