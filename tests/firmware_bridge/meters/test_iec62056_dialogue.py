"""The sign-on: what is sent at what speed, and what follows silence and damage."""

import pytest

from firmware_bridge.meters.iec62056_dialogue import (
    ANSWER_S,
    BREAK,
    MAX_REPEATS,
    MAX_TRIES,
    NAK,
    Action,
    Done,
    Iec62056Dialogue,
    Pause,
    Send,
    SetBaud,
    Wait,
    data_block,
)

BLOCK = data_block(b"1.8.0(001234.5*kWh)\r\n!\r\n")
DAMAGED = BLOCK.replace(b"1234", b"1235")


def sent(actions: list[Action]) -> list[bytes]:
    """Keep what is sent."""
    return [action.content for action in actions if isinstance(action, Send)]


def bauds(actions: list[Action]) -> list[int]:
    """Keep the speeds."""
    return [action.baud for action in actions if isinstance(action, SetBaud)]


def test_request_goes_out_at_300_baud() -> None:
    """And the meter has time to answer."""
    assert Iec62056Dialogue().start() == [SetBaud(300), Send(b"/?!\r\n"), Wait(ANSWER_S)]


def test_request_may_name_a_meter_and_wake_it() -> None:
    """Several meters on one line; a battery-fed one."""
    actions = Iec62056Dialogue(address="12345678", wake=b"\0" * 40).start()

    assert sent(actions) == [b"\0" * 40, b"/?12345678!\r\n"]


@pytest.mark.parametrize(
    ("character", "max_baud", "select", "baud"),
    [
        (b"5", 9_600, b"\x06050\r\n", 9_600),
        (b"6", 19_200, b"\x06060\r\n", 19_200),
        (b"6", 9_600, b"\x06050\r\n", 9_600),
        (b"4", 1_000, b"\x06010\r\n", 600),
        (b"0", 9_600, b"\x06000\r\n", 300),
        (b"9", 9_600, b"\x06000\r\n", 300),
    ],
)
def test_readout_is_chosen_at_the_offered_speed_or_what_the_head_can_do(
    character: bytes, max_baud: int, select: bytes, baud: int
) -> None:
    """Mode C: option select before the change of speed, after the meter's pause."""
    dialogue = Iec62056Dialogue(max_baud=max_baud)
    dialogue.start()

    actions = dialogue.receive(b"/EXM" + character + b"TYPE\r\n")

    assert isinstance(actions[0], Pause)
    assert actions[1:] == [Send(select), SetBaud(baud), Wait(ANSWER_S)]


def test_mode_b_changes_speed_without_being_asked() -> None:
    """A letter instead of a digit."""
    dialogue = Iec62056Dialogue()
    dialogue.start()

    assert dialogue.receive(b"/EXMCTYPE\r\n") == [SetBaud(2_400), Wait(ANSWER_S)]
    assert dialogue.receive(BLOCK) == [SetBaud(300), Done()]


def test_mode_a_goes_on_at_300_baud() -> None:
    """Identification and block in one; neither select nor sign-off."""
    dialogue = Iec62056Dialogue()
    dialogue.start()

    assert dialogue.receive(b"/EXM TYPE\r\n".replace(b" ", b"X") + BLOCK) == [SetBaud(300), Done()]


def test_mode_a_without_a_check_character_ends_with_its_last_line() -> None:
    """Silence after the exclamation mark."""
    dialogue = Iec62056Dialogue()
    dialogue.start()
    dialogue.receive(b"/EXMXTYPE\r\n1.8.0(001234.5*kWh)\r\n!\r\n")

    assert dialogue.time_out() == [SetBaud(300), Done()]


def test_good_block_is_signed_off_and_the_line_falls_back() -> None:
    """However it arrives, echoes and parity bits included."""
    dialogue = Iec62056Dialogue()
    dialogue.start()
    parts = [b"/?!\r\n/EX", b"M5TYPE\r", b"\n", b"\x06050\r\n" + BLOCK[:9], BLOCK[9:-1]]

    waiting = [dialogue.receive(part)[-1] for part in parts]
    last = bytes(byte | 0x80 for byte in BLOCK[-1:])

    assert waiting == [Wait(ANSWER_S)] * 5
    actions = dialogue.receive(last)
    assert sent(actions) == [BREAK]
    assert actions[-2:] == [SetBaud(300), Done()]


def test_damaged_block_is_asked_for_again() -> None:
    """And believed when it is right."""
    dialogue = Iec62056Dialogue()
    dialogue.start()
    dialogue.receive(b"/EXM5TYPE\r\n")

    again = dialogue.receive(DAMAGED)

    assert sent(again) == [NAK]
    assert dialogue.receive(BLOCK)[-1] == Done()


def test_block_damaged_again_and_again_begins_anew_and_then_fails() -> None:
    """Bounded; the fault says what to do."""
    dialogue = Iec62056Dialogue()
    dialogue.start()
    requests = 1

    for _ in range(MAX_TRIES):
        dialogue.receive(b"/EXM5TYPE\r\n")
        for _ in range(MAX_REPEATS):
            assert sent(dialogue.receive(DAMAGED)) == [NAK]
        actions = dialogue.receive(DAMAGED)
        requests += sent(actions).count(b"/?!\r\n")

    assert requests == MAX_TRIES
    assert isinstance(actions[-1], Done)
    assert "whole" in actions[-1].fault
    assert "centre" in actions[-1].hint


def test_silence_after_the_change_of_speed_is_tried_again_at_300_baud() -> None:
    """The head may not be fit for the speed; the next readout tries the meter's again."""
    dialogue = Iec62056Dialogue()
    dialogue.start()
    dialogue.receive(b"/EXM5TYPE\r\n")

    again = dialogue.time_out()
    slow = dialogue.receive(b"/EXM5TYPE\r\n")
    dialogue.receive(BLOCK)
    dialogue.start()
    following = dialogue.receive(b"/EXM5TYPE\r\n")

    assert sent(again) == [BREAK, b"/?!\r\n"]
    assert sent(slow) == [b"\x06000\r\n"]
    assert bauds(slow) == [300]
    assert bauds(following) == [9_600]


def test_meter_that_never_answers_is_a_fault_with_its_fix() -> None:
    """After as many requests as are allowed."""
    dialogue = Iec62056Dialogue()
    actions = dialogue.start()
    requests = sent(actions)

    while not isinstance(actions[-1], Done):
        actions = dialogue.time_out()
        requests += sent(actions)

    assert requests == [b"/?!\r\n"] * MAX_TRIES
    assert "did not answer" in actions[-1].fault
    assert "optical head" in actions[-1].hint


@pytest.mark.parametrize("before", [b"", b"/EXM5TYPE\r\n"])
def test_endless_noise_ends_in_a_fault(before: bytes) -> None:
    """Nothing is waited for or kept without a bound."""
    dialogue = Iec62056Dialogue()
    dialogue.start()
    count = 0

    actions = dialogue.receive(before) if before else []
    while not actions or not isinstance(actions[-1], Done):
        actions = dialogue.receive(b"noise" * 100)
        count += 1

    assert count < 200


def test_what_comes_after_the_end_changes_nothing() -> None:
    """Until a readout is begun."""
    assert Iec62056Dialogue().receive(BLOCK) == [Done()]
