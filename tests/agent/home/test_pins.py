"""The PIN and its lock-out."""

from agent.home.pins import FREE_TRIES, LOCK_S_FIRST, LOCK_S_MAX, PinGate


def wrong_tries(gate: PinGate, count: int, now_s: float) -> None:
    """Try a wrong PIN as often as this."""
    for _ in range(count):
        gate.accepts("0000", now_s)


def test_right_pin_is_accepted() -> None:
    """The PIN opens, and nothing else does."""
    gate = PinGate("4711")

    assert gate.accepts("4711", 0.0)
    assert not gate.accepts("47110", 0.0)


def test_pin_may_hold_any_character() -> None:
    """A PIN with letters beyond ASCII is compared, not refused with an error."""
    assert PinGate("pässwort").accepts("pässwort", 0.0)


def test_without_a_pin_nothing_is_accepted() -> None:
    """An empty PIN is no PIN."""
    gate = PinGate("")

    assert not gate.is_configured
    assert not gate.accepts("", 0.0)


def test_wrong_pins_lock_out_even_the_right_one() -> None:
    """After five wrong ones the right one has to wait too, or guessing would go on."""
    gate = PinGate("4711")

    wrong_tries(gate, FREE_TRIES, 100.0)

    assert gate.seconds_locked(100.0) > 0
    assert not gate.accepts("4711", 100.0)
    assert gate.accepts("4711", 100.0 + LOCK_S_FIRST)


def test_lock_out_doubles_up_to_an_hour() -> None:
    """Each further wrong PIN waits twice as long, and never longer than the limit."""
    gate = PinGate("4711")
    now_s = 0.0
    waits = []

    wrong_tries(gate, FREE_TRIES - 1, now_s)
    for _ in range(20):
        wrong_tries(gate, 1, now_s)
        waits.append(gate.seconds_locked(now_s) - 1)
        now_s += waits[-1] + 1

    assert waits[:4] == [30, 60, 120, 240]
    assert waits[-1] == LOCK_S_MAX


def test_right_pin_clears_the_count() -> None:
    """Slips of last week do not add up."""
    gate = PinGate("4711")

    wrong_tries(gate, FREE_TRIES - 1, 0.0)
    gate.accepts("4711", 0.0)
    wrong_tries(gate, FREE_TRIES - 1, 0.0)

    assert gate.seconds_locked(0.0) == 0
