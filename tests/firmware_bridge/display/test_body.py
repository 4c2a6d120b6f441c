"""Bodies of panel messages: deterministic, checked, and open to what a later version adds."""

from dataclasses import fields
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.display.body import decode_body, decode_message, encode_body
from firmware_bridge.display.faults import Fault, PanelFrameError
from firmware_bridge.display.fields import Flag, Whole, Words
from firmware_bridge.display.framing import PanelFrame, seal_frame
from firmware_bridge.display.messages import (
    CLASSES,
    FIELDS,
    FRAME_BYTES_MAX,
    TEXT_BYTES_MAX,
    Button,
    Display,
    Ping,
    Text,
    cut_text,
)


def values_of(rule: Whole | Words | Flag) -> st.SearchStrategy[Any]:
    """Draw what a field may hold."""
    match rule:
        case Whole():
            return st.integers(rule.low, rule.high)
        case Words():
            return st.text(max_size=rule.bytes_max // 4)
        case Flag():
            return st.booleans()


@given(st.data(), st.sampled_from(sorted(CLASSES)))
def test_a_message_comes_out_as_it_went_in(given_data: st.DataObject, kind: int) -> None:
    """Any fields of any type, unknown ones absent from the wire."""
    known = {
        field.name: given_data.draw(values_of(field.rule))
        for field in FIELDS[kind]
        if field.is_required or given_data.draw(st.booleans())
    }
    message = CLASSES[kind](**known)

    body = encode_body(message)

    assert decode_body(kind, body) == message
    assert len(cbor2.loads(body)) == len(known)


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_every_field_has_a_key_of_its_own(kind: int) -> None:
    """Keys rise from 0 without a hole, and each field has a rule."""
    assert [field.rule.key for field in FIELDS[kind]] == list(range(len(FIELDS[kind])))
    assert len(FIELDS[kind]) == len(fields(CLASSES[kind]))


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_the_fullest_message_fits_a_frame(kind: int) -> None:
    """Each field at its longest."""
    longest: dict[str, object] = {}
    for field in FIELDS[kind]:
        match field.rule:
            case Whole() as rule:
                longest[field.name] = rule.high
            case Words() as rule:
                longest[field.name] = "x" * rule.bytes_max
            case Flag():
                longest[field.name] = True

    message: Any = CLASSES[kind]
    sealed = seal_frame(kind, 255, encode_body(message(**longest)))

    assert len(sealed) <= FRAME_BYTES_MAX


@pytest.mark.parametrize(
    ("kind", "body", "fault"),
    [
        (0x55, "a0", Fault.TYPE),
        (0x05, "", Fault.BODY),
        (0x05, "80", Fault.BODY),
        (0x05, "bfff", Fault.BODY),
        (0x05, "a1001801", Fault.BODY),
        (0x05, "a200010001", Fault.BODY),
        (0x05, "a201010001", Fault.BODY),
        (0x05, "a12001", Fault.BODY),
        (0x05, "a1186380", Fault.BODY),
        (0x05, "a11863c249010000000000000000", Fault.BODY),
        (0x05, "a11863f93c00", Fault.BODY),
        (0x05, "a000", Fault.BODY),
        (0x05, "a10103", Fault.FIELD),
        (0x05, "a100f5", Fault.FIELD),
        (0x05, "a1006130", Fault.FIELD),
        (0x05, "a1181864" + "41" * 4, Fault.FIELD),
        (0x05, "a1181864" + "c3a9" * 2, Fault.FIELD),
        (0x05, "a1181861ff", Fault.BODY),
        (0x08, "a2000101 00", Fault.MISSING),
    ],
)
def test_bad_bodies_are_told_apart(kind: int, body: str, fault: Fault) -> None:
    """Each with its reason, and nothing else is raised."""
    with pytest.raises(PanelFrameError) as caught:
        decode_body(kind, bytes.fromhex(body))

    assert caught.value.fault is fault


@given(st.sampled_from(sorted(CLASSES)), st.binary(max_size=40))
def test_any_bytes_are_a_message_or_refused(kind: int, body: bytes) -> None:
    """What is taken is what its encoding gives, but for keys nobody knows."""
    try:
        message = decode_body(kind, body)
    except PanelFrameError:
        return

    assert decode_body(kind, encode_body(message)) == message


def test_unknown_keys_are_ignored() -> None:
    """A later version of a message may say more, in any plain value."""
    body = cbor2.dumps({0: 5, 99: "more", 100: b"x", 101: None, 102: True, 103: -5})

    assert decode_body(0x05, body) == Display(power_w=5)


def test_a_frame_of_a_later_version_is_refused_with_both() -> None:
    """The reason names its version and ours."""
    with pytest.raises(PanelFrameError, match="version 2, spoken here are 1 to 1") as caught:
        decode_message(PanelFrame(2, Ping.TYPE, 0, b"\xa0"))

    assert caught.value.fault is Fault.VERSION


def test_what_is_out_of_range_is_not_sent() -> None:
    """The sender hears of it, not the panel."""
    with pytest.raises(PanelFrameError, match=r"press \(key 2\) is 2, not 0 to 1"):
        encode_body(Button(event_id=1, button=0, press=2))


@given(st.text(max_size=200))
def test_texts_are_cut_between_characters(text: str) -> None:
    """In any script: what remains is a beginning of the text and fits."""
    cut = cut_text(text)

    assert text.startswith(cut)
    assert len(cut.encode()) <= TEXT_BYTES_MAX
    assert len(cut.encode()) > TEXT_BYTES_MAX - 4 or cut == text
    assert encode_body(Text(message_id=1, text=cut))
