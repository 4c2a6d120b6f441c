"""Asking an M-Bus, step by step: resets, the bit that toggles, repetitions, selection, a scan."""

from collections.abc import Callable

import pytest

from firmware_bridge.meters.iec62056_dialogue import Action, Done, Pause, Send, Wait
from firmware_bridge.meters.mbus_dialogue import (
    ADAPTER_S,
    DEFAULT_BAUD,
    LAST_ADDRESS,
    MAX_PARTS,
    MAX_TRIES,
    PATIENCE_S,
    REACTION_BITS,
    REACTION_S,
    SCAN_TRIES,
    MbusDialogue,
    Primary,
    Secondary,
    is_mask,
)
from firmware_bridge.meters.mbus_frame import short_frame
from tests.support.mbus import GAS, answer

ACK = b"\xe5"
WHOLE = answer("0413 01000000")
PART = answer("0413 01000000 1f")


PATIENT = Wait(REACTION_BITS / DEFAULT_BAUD + REACTION_S + ADAPTER_S + PATIENCE_S)


def sent_of(actions: list[Action]) -> bytes:
    """Return what is sent; one message, between a rest and a wait."""
    rest, send, wait = actions
    assert isinstance(rest, Pause)
    assert isinstance(send, Send)
    assert isinstance(wait, Wait)
    return send.content


def converse(
    dialogue: MbusDialogue, reply: Callable[[bytes], bytes], *, most: int = 5_000
) -> tuple[list[bytes], Done]:
    """Play a round against a bus; return what was asked, and how it ended."""
    asked: list[bytes] = []
    actions = dialogue.start()
    for _ in range(most):
        if isinstance(actions[-1], Done):
            return asked, actions[-1]
        said = b""
        if isinstance(actions[-2] if len(actions) > 1 else None, Send):
            asked.append(sent_of(actions))
            said = reply(asked[-1])
        actions = dialogue.receive(said) if said else dialogue.time_out()
    raise AssertionError


def test_meter_is_reset_and_then_asked() -> None:
    """The first request after a reset has the bit set."""
    dialogue = MbusDialogue([Primary(5)])

    assert sent_of(dialogue.start()) == bytes.fromhex("10 40 05 45 16")
    assert sent_of(dialogue.receive(ACK)) == bytes.fromhex("10 7b 05 80 16")
    assert dialogue.receive(WHOLE[:10]) == [PATIENT]
    assert dialogue.receive(WHOLE[10:]) == [Done()]
    assert dialogue.receive(b"late") == [Done()]
    assert dialogue.time_out() == [Done()]


def test_rest_of_an_answer_is_asked_with_the_bit_turned() -> None:
    """And turned again for a third part."""
    dialogue = MbusDialogue([Primary(5)])
    dialogue.start()
    dialogue.receive(ACK)

    second = sent_of(dialogue.receive(PART))
    third = sent_of(dialogue.receive(PART))
    end = dialogue.receive(WHOLE)

    assert [second, third] == [short_frame(0x5B, 5), short_frame(0x7B, 5)]
    assert end == [Done()]


def test_answer_that_never_ends_is_left() -> None:
    """After as many parts as the codec joins."""
    asked, end = converse(
        MbusDialogue([Primary(5)]), lambda request: PART if request[1] != 0x40 else ACK
    )

    assert len(asked) == 1 + MAX_PARTS
    assert end == Done()


def test_damaged_answer_is_asked_again_with_the_same_bit() -> None:
    """When the line has fallen silent."""
    dialogue = MbusDialogue([Primary(5)])
    dialogue.start()
    first = sent_of(dialogue.receive(ACK))

    dialogue.receive(WHOLE[:8] + b"\xff" + WHOLE[9:])
    second = sent_of(dialogue.time_out())
    end = dialogue.receive(WHOLE)

    assert second == first
    assert end == [Done()]


def test_echo_of_a_request_is_no_answer() -> None:
    """Some level converters give back what they are given."""
    dialogue = MbusDialogue([Primary(5)])
    reset = sent_of(dialogue.start())

    assert dialogue.receive(reset) == [PATIENT]
    request = sent_of(dialogue.receive(ACK))

    assert dialogue.receive(request + b"\x00" + WHOLE) == [Done()]


def test_meter_that_does_not_acknowledge_is_asked_all_the_same() -> None:
    """Some answer requests alone."""
    asked, end = converse(
        MbusDialogue([Primary(5)]), lambda request: b"" if request[1] == 0x40 else WHOLE
    )

    assert asked == [short_frame(0x40, 5)] * MAX_TRIES + [short_frame(0x7B, 5)]
    assert end == Done()


def test_silent_meter_does_not_keep_the_others_waiting_for_ever() -> None:
    """Three resets, three requests, and the next."""
    asked, end = converse(
        MbusDialogue([Primary(1), Primary(2)]),
        lambda request: b"" if request[2] == 1 else ACK if request[1] == 0x40 else WHOLE,
    )

    assert [request[2] for request in asked] == [1] * 2 * MAX_TRIES + [2, 2]
    assert end == Done()


def test_bus_on_which_nobody_answers_is_a_fault_with_its_fix() -> None:
    """It names who was asked."""
    _, end = converse(MbusDialogue([Primary(1), Secondary("12345678FFFFFFFF")]), lambda _: b"")

    assert "address 1, secondary address 12345678FFFFFFFF" in end.fault
    assert "wiring" in end.hint


def test_meter_is_selected_by_what_it_is() -> None:
    """Reset of the selection, selection, request: all at address 253."""
    dialogue = MbusDialogue([Secondary("12345678A5110107")])

    assert sent_of(dialogue.start()) == short_frame(0x40, 0xFD)
    select = sent_of(dialogue.time_out())
    for _ in range(MAX_TRIES - 1):
        select = sent_of(dialogue.time_out())
    assert select == bytes.fromhex("68 0b 0b 68 53 fd 52 78 56 34 12 a5 11 01 07 74 16")
    assert sent_of(dialogue.receive(ACK)) == short_frame(0x7B, 0xFD)
    assert dialogue.receive(WHOLE) == [Done()]


def test_selection_that_nobody_takes_is_given_up() -> None:
    """No request is made then: another meter might be selected still."""
    asked, end = converse(
        MbusDialogue([Secondary("12345678FFFFFFFF")]),
        lambda request: ACK if request[1] == 0x40 else b"",
    )

    assert len(asked) == 1 + MAX_TRIES
    assert "no meter answered" in end.fault


def test_scan_reads_at_once_whom_it_finds_and_asks_only_them_then() -> None:
    """Each address is tried twice."""

    def reply(request: bytes) -> bytes:
        if request[2] not in (3, 250):
            return b""
        return ACK if request[1] == 0x40 else WHOLE

    dialogue = MbusDialogue()

    first, end = converse(dialogue, reply)
    second, _ = converse(dialogue, reply)

    assert len(first) == (LAST_ADDRESS + 1 - 2) * SCAN_TRIES + 4
    assert end == Done()
    assert dialogue.found == (Primary(3), Primary(250))
    assert [request[2] for request in second] == [3, 3, 250, 250]


def test_scan_takes_minutes_at_most_and_tells_if_it_found_nobody() -> None:
    """251 addresses at 2400 baud."""
    dialogue = MbusDialogue()

    waits = [action.seconds for action in dialogue.start() if isinstance(action, Wait)]
    _, end = converse(dialogue, lambda _: b"")

    assert 251 * SCAN_TRIES * waits[0] < 150
    assert 150 < dialogue.longest_silence_s < 240
    assert "addresses 0 to 250" in end.fault
    assert "secondary" in end.hint


def test_noise_without_an_end_does_not_pile_up() -> None:
    """What is heard is bounded, and a good answer after it is found."""
    dialogue = MbusDialogue([Primary(5)])
    dialogue.start()
    dialogue.receive(ACK)

    for _ in range(50):
        dialogue.receive(b"\x55" * 100)

    assert dialogue.receive(WHOLE) == [Done()]


def test_encrypted_answer_is_one_answer() -> None:
    """Whether more follows cannot be told."""
    dialogue = MbusDialogue([Primary(5)])
    dialogue.start()
    dialogue.receive(ACK)

    assert dialogue.receive(answer("1f", GAS, configuration=0x0510)) == [Done()]


def test_silence_that_is_normal_depends_on_who_is_asked() -> None:
    """A watchdog must not cut a round short."""
    one, many = MbusDialogue([Primary(5)]), MbusDialogue([Primary(n) for n in range(50)])

    assert 3 < one.longest_silence_s < 10
    assert many.longest_silence_s == pytest.approx(50 * one.longest_silence_s)


@pytest.mark.parametrize(
    ("text", "is_one"), [("12345678FFFFFFFF", True), ("1234", False), ("1234567890abcdeg", False)]
)
def test_secondary_address_has_sixteen_digits(text: str, *, is_one: bool) -> None:
    """Hexadecimal ones."""
    assert is_mask(text) is is_one
