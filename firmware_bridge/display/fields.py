"""What a field of a panel message may be: its key on the wire, its kind and its range.

Pure. Owns the declarations that messages are annotated with, and their check.
"""

from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from firmware_bridge.display.faults import Fault, PanelFrameError

U8_MAX = 0xFF
U32_MAX = 0xFFFF_FFFF
I32_MIN, I32_MAX = -0x8000_0000, 0x7FFF_FFFF


class Whole(NamedTuple):
    """An integer from `low` to `high`, both included."""

    key: int
    low: int
    high: int


class Words(NamedTuple):
    """UTF-8 text of at most `bytes_max` bytes."""

    key: int
    bytes_max: int


class Flag(NamedTuple):
    """True or false."""

    key: int


KIND_OF_RULE: dict[type[Any], type[Any]] = {Whole: int, Words: str, Flag: bool}


class Field(NamedTuple):
    """One field of a message: its name, its rule, and whether a message without it is refused."""

    name: str
    rule: Whole | Words | Flag
    is_required: bool


def fields_of(message: type[Any]) -> tuple[Field, ...]:
    """List the fields that a message class declares, by rising key."""
    found = []
    for name, hint in get_type_hints(message, include_extras=True).items():
        if get_origin(hint) is Annotated:
            kind, rule = get_args(hint)[:2]
            found.append(Field(name, rule, is_required=type(None) not in get_args(kind)))
    return tuple(sorted(found, key=lambda field: field.rule.key))


def check_field(field: Field, value: object) -> None:
    """Raise PanelFrameError where a value is of another kind than declared, or out of range."""
    rule = field.rule
    # A bool is an int to Python and another major type to CBOR.
    if type(value) is not KIND_OF_RULE[type(rule)]:
        said = f"{field.name} (key {rule.key}) is {value!r:.40}, which is another kind of value"
        raise PanelFrameError(Fault.FIELD, said)
    match value, rule:
        case int(), Whole() if not rule.low <= value <= rule.high:
            said = f"{field.name} (key {rule.key}) is {value}, not {rule.low} to {rule.high}"
            raise PanelFrameError(Fault.FIELD, said)
        case str(), Words() if len(value.encode()) > rule.bytes_max:
            said = f"{field.name} (key {rule.key}) is longer than {rule.bytes_max} bytes"
            raise PanelFrameError(Fault.FIELD, said)
        case _:
            pass
