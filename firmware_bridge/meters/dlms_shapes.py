"""The shapes makers give their push lists, brought to one: a code, a value, its power and unit.

Known: triples with scaler and unit (Aidon, Iskra, Sagemcom, Kaifa in Austria), pairs without
(Kamstrup, Kaifa in Sweden, Landis+Gyr), attribute descriptors (EGD, Sagemcom XT211), a list of
capture objects first (Landis+Gyr, Energomera), and lists whose places mean something by their
length (Kaifa in Norway, Iskra). Pure; what the codes mean is `cosem.py`'s.
"""

from collections.abc import Sequence
from typing import NamedTuple

from firmware_bridge.meters.dlms_axdr import (
    CURRENT_INSTANCE,
    MAX_CHANNEL,
    MAX_MEDIUM,
    OBIS_BYTES,
    Attribute,
    Value,
    element_tags,
)
from firmware_bridge.meters.dlms_positions import places_of
from firmware_bridge.meters.dlms_time import DATE_TIME_BYTES

NOT_SAID, SCALER_UNIT_ATTRIBUTE, CAPTURE_TIME_ATTRIBUTE = 0, 3, 5
READING_GROUPS = bytes((24, 2, 1))
"""C, D and E of a sub-meter's reading, an extended register: its capture time may stand with it."""

REGISTER_CLASSES = (3, 4)
PUSH_SETUP_CLASS = 40
ELECTRICITY, MAX_PAST_PERIOD = 1, 125
MIN_CAPTURE_OBJECT = 3
"""Class, logical name, attribute; most send a data index too, some their restrictions."""


class Entry(NamedTuple):
    """One value of a push list; `scaler` and `unit` are None where the list does not say them.

    `attribute` is the one the value is of, NOT_SAID where a code alone stands before it.
    """

    obis: bytes
    value: Value
    scaler: int | None = None
    unit: int | None = None
    attribute: int = NOT_SAID


class Shape(NamedTuple):
    """A push list's entries, and the values that stand without a code.

    `leading` is the first of them where it begins the list: the list's name, usually.
    """

    entries: list[Entry]
    bare: list[Value]
    leading: Value = None


def shape_of(body: Value, data: bytes, start: int) -> Shape:
    """Return what a notification's body holds; `data` from `start` is the body as it was sent."""
    if not isinstance(body, list):
        return Shape([], [body])
    objects = _capture_objects(body)
    if objects is not None:
        return _paired(objects, body)
    shape = Shape([], [])
    _walk(body, shape)
    if not shape.entries and shape.bare == body:
        places = places_of(body, element_tags(data, start))
        if places is not None:
            return Shape([Entry(*entry) for entry in zip(places, body, strict=True)], [])
    if body and shape.bare and shape.bare[0] is body[0]:
        return shape._replace(leading=body[0])
    return shape


def _walk(elements: Sequence[Value], shape: Shape) -> None:
    """Gather entries in the order they were sent."""
    index, count = 0, len(elements)
    while index < count:
        element = elements[index]
        index += 1
        if isinstance(element, list):
            _walk(element, shape)
            continue
        obis = _obis(element)
        if obis is None or index == count:
            if element is not None:
                shape.bare.append(element)
            continue
        attribute = element.attribute if isinstance(element, Attribute) else NOT_SAID
        value = elements[index]
        index += 1
        if isinstance(value, list) and not _is_scaler_unit(value):
            _walk(value, shape)
            continue
        scaler_unit = elements[index] if index < count else None
        if isinstance(scaler_unit, list) and _is_scaler_unit(scaler_unit):
            scaler, unit = scaler_unit
            shape.entries.append(Entry(obis, value, scaler, unit, attribute))  # type: ignore[arg-type]
            index += 1
            if index < count and _is_capture_time(obis, elements[index]):
                shape.entries.append(
                    Entry(obis, elements[index], None, None, CAPTURE_TIME_ATTRIBUTE)
                )
                index += 1
        else:
            shape.entries.append(Entry(obis, value, None, None, attribute))


def _is_capture_time(obis: bytes, value: Value) -> bool:
    """Tell whether what follows a reading is when a sub-meter was read."""
    is_submeter = not obis[0] and obis[1] > 0 and obis[2:5] == READING_GROUPS
    return is_submeter and isinstance(value, bytes) and len(value) == DATE_TIME_BYTES


def _obis(element: Value) -> bytes | None:
    """Return the code an element names, None if it is something else."""
    if isinstance(element, bytes):
        return element if len(element) == OBIS_BYTES and _is_code(element) else None
    return element.obis if isinstance(element, Attribute) else None


def _is_code(six: bytes) -> bool:
    """Tell whether six bytes are a code: a present one, or a past one of electricity."""
    if six[-1] == CURRENT_INSTANCE:
        return six[0] <= MAX_MEDIUM
    return six[0] == ELECTRICITY and six[1] <= MAX_CHANNEL and six[-1] <= MAX_PAST_PERIOD


def _is_scaler_unit(value: list[Value]) -> bool:
    """Tell a scaler, a signed byte, and a unit; a greater power of ten would be costly, too."""
    if len(value) != 2 or type(value[0]) is not int or type(value[1]) is not int:  # noqa: PLR2004
        return False
    return -128 <= value[0] <= 127  # noqa: PLR2004 (a signed byte)


def _capture_objects(body: list[Value]) -> list[Attribute] | None:
    """Return the list of capture objects a body begins with, or None."""
    first = body[0] if body else None
    if not isinstance(first, list) or not first or len(body) <= 1:
        return None
    objects = []
    for item in first:
        if not isinstance(item, list) or len(item) < MIN_CAPTURE_OBJECT:
            return None
        class_id, obis, attribute = item[:MIN_CAPTURE_OBJECT]
        if not (isinstance(class_id, int) and isinstance(attribute, int)):
            return None
        if not isinstance(obis, bytes) or len(obis) != OBIS_BYTES:
            return None
        objects.append(Attribute(class_id, obis, attribute))
    return objects


def _paired(objects: list[Attribute], body: list[Value]) -> Shape:
    """Pair capture objects with the values after them.

    The first object is often the push setup itself, whose value is the list of objects; some lists
    leave it out, and then the values begin one place further on.
    """
    is_aligned = len(body) == len(objects) or (
        objects[0].class_id == PUSH_SETUP_CLASS and len(body) != len(objects) + 1
    )
    values = body if is_aligned else body[1:]
    if len(values) == 1 and isinstance(values[0], list) and len(objects) > 1:
        values = values[0]
    scales = {
        item.obis: value
        for item, value in zip(objects, values, strict=False)
        if item.attribute == SCALER_UNIT_ATTRIBUTE
        and item.class_id in REGISTER_CLASSES
        and isinstance(value, list)
        and _is_scaler_unit(value)
    }
    shape = Shape([], list(values[len(objects) :]))
    for item, value in zip(objects, values, strict=False):
        if value is body[0]:
            continue
        if isinstance(value, list):
            if item.obis not in scales or item.attribute != SCALER_UNIT_ATTRIBUTE:
                _walk(value, shape)
            continue
        scaler, unit = scales.get(item.obis, (None, None))
        shape.entries.append(Entry(item.obis, value, scaler, unit, item.attribute))  # type: ignore[arg-type]
    return shape
