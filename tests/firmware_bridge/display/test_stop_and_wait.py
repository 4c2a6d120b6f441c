"""Stop and wait: when a frame is sent again, and when it is given up."""

from firmware_bridge.display.messages import Ack, Ping
from firmware_bridge.display.stop_and_wait import StopAndWait, Turn
from firmware_bridge.display.wire import Wire


def sent_at(sender: StopAndWait, start_ms: int) -> list[tuple[Turn, int]]:
    """Let a frame go without an answer, and say what happens when."""
    sender.start(Ping(), start_ms)
    turns = ((sender.advance(now_ms), now_ms - start_ms) for now_ms in range(start_ms, 10_000))
    found: list[tuple[Turn, int]] = []
    for turn, after_ms in turns:
        if turn is not Turn.WAIT:
            found.append((turn, after_ms))
        if turn is Turn.LOST:
            break
    return found


def sender_with_rounds(round_ms: int) -> StopAndWait:
    """Make one whose panel answered a hundred frames after `round_ms` each."""
    sender = StopAndWait(Wire())
    for number in range(1, 101):
        sender.start(Ping(), 0)
        assert sender.acknowledge(Ack(acknowledged_sequence=number, acknowledged_type=11), round_ms)
    return sender


def test_an_unknown_panel_has_100_ms_each_time() -> None:
    """Three resends, and it is lost."""
    resent = [(Turn.RESENT, at_ms) for at_ms in (100, 200, 300)]

    assert sent_at(StopAndWait(Wire()), 0) == [*resent, (Turn.LOST, 400)]


def test_a_quick_panel_hears_the_first_resend_sooner() -> None:
    """A spoilt byte costs little; a panel that is busy has its time all the same."""
    for round_ms, first_ms in ((0, 20), (8, 32), (60, 100)):
        told = sent_at(sender_with_rounds(round_ms), 1_000)

        assert [at_ms for _, at_ms in told] == [first_ms + late for late in (0, 100, 200, 300)]


def test_a_late_acknowledgement_counts_for_nothing() -> None:
    """It names a frame that is not under way."""
    sender = StopAndWait(Wire())
    sender.start(Ping(), 0)

    assert sender.acknowledge(Ack(acknowledged_sequence=0, acknowledged_type=11), 1) is None
    assert sender.acknowledge(Ack(acknowledged_sequence=1, acknowledged_type=5), 1) is None
    assert sender.acknowledge(Ack(acknowledged_sequence=1, acknowledged_type=11), 1) == Ping()
