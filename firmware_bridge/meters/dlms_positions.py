"""Push lists without codes: what each place means, by the list's length and types. Pure data.

Sources: Kaifa "KFM_001 HAN port" object lists of Norway (lists 1 to 3, one and three phases); Iskra
consumer-interface object lists as their meters push them (device name first).
"""

from collections.abc import Sequence

BOOLEAN, UINT32, UINT16 = 3, 6, 18

_POWERS = ("1-0:1.7.0", "1-0:2.7.0", "1-0:3.7.0", "1-0:4.7.0")
_CURRENTS = ("1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0")
_VOLTAGES = ("1-0:32.7.0", "1-0:52.7.0", "1-0:72.7.0")
_TOTALS = ("1-0:1.8.0", "1-0:2.8.0", "1-0:3.8.0", "1-0:4.8.0")
_CLOCK = "0-0:1.0.0"

_KAIFA_HEAD = ("1-1:0.2.129", "0-0:96.1.0", "0-0:96.1.7", *_POWERS)
_KAIFA_ONE_PHASE = (*_KAIFA_HEAD, _CURRENTS[0], _VOLTAGES[0])
_KAIFA_THREE_PHASES = (*_KAIFA_HEAD, *_CURRENTS, *_VOLTAGES)
_KAIFA = (
    _KAIFA_ONE_PHASE,
    (*_KAIFA_ONE_PHASE, _CLOCK, *_TOTALS),
    _KAIFA_THREE_PHASES,
    (*_KAIFA_THREE_PHASES, _CLOCK, *_TOTALS),
)
_POWER_ONLY = ("1-0:1.7.0",)

_ISKRA_HEAD = ("0-0:42.0.0", "0-0:96.1.0")
_PHASE_POWERS = (
    "1-0:21.7.0", "1-0:41.7.0", "1-0:61.7.0", "1-0:22.7.0", "1-0:42.7.0", "1-0:62.7.0",
)  # fmt: skip
_ISKRA: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (2, UINT32, (*_ISKRA_HEAD, *_POWERS, *_VOLTAGES, *_CURRENTS, *_PHASE_POWERS)),
    (2, UINT16, (*_ISKRA_HEAD, *_VOLTAGES, *_CURRENTS, *_POWERS)),
    (
        2,
        BOOLEAN,
        (
            *_ISKRA_HEAD, "0-0:96.3.10", "0-0:96.14.0", "1-0:1.8.0", "1-0:1.8.1", "1-0:1.8.2",
            "1-0:2.8.0", "1-0:2.8.1", "1-0:2.8.2", "1-0:3.8.0", "1-0:4.8.0",
        ),
    ),
    (
        6,
        UINT16,
        (
            *_ISKRA_HEAD, *_POWERS, _VOLTAGES[0], _CURRENTS[0], "1-0:21.7.0", "1-0:22.7.0",
        ),
    ),
    (
        6,
        UINT32,
        (
            *_ISKRA_HEAD, "1-0:1.8.1", "1-0:1.8.2", "1-0:2.8.1", "1-0:2.8.2",
            "1-0:3.8.1", "1-0:3.8.2", "1-0:4.8.1", "1-0:4.8.2",
        ),
    ),
)  # fmt: skip
"""A place, the type found there, and the codes: the lists of equal length are told apart so."""

KAIFA_NAMES = (b"KFM", b"KAIFA")
ISKRA_NAMES = (b"ISK",)


def places_of(body: Sequence[object], tags: Sequence[int]) -> list[bytes] | None:
    """Return the code of each place, or None where the list is not known."""
    if len(body) == 1 and tags[0] == UINT32:
        return _encode(_POWER_ONLY)
    first = body[0] if body else None
    name = first.encode() if isinstance(first, str) else first
    if not isinstance(name, bytes):
        return None
    if name.startswith(KAIFA_NAMES):
        return next((_encode(codes) for codes in _KAIFA if len(codes) == len(body)), None)
    if name.startswith(ISKRA_NAMES):
        for place, tag, codes in _ISKRA:
            if len(codes) == len(body) and tags[place] == tag:
                return _encode(codes)
    return None


def _encode(codes: Sequence[str]) -> list[bytes]:
    return [encode_obis(code) for code in codes]


def encode_obis(code: str) -> bytes:
    """Encode `A-B:C.D.E` as the six bytes of the present value's code."""
    medium, rest = code.split("-")
    channel, groups = rest.split(":")
    return bytes((int(medium), int(channel), *map(int, groups.split(".")), 255))
