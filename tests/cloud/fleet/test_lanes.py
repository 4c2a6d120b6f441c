"""Requests wait in a lane for each asker, and none can fill another's."""

import pytest

from cloud.fleet.lanes import MAX_OF_ONE, MAX_QUEUED, MAX_UNNAMED, Lanes
from shared import topics
from shared.topics import CREATE_FROM_CSR


def asked(thing: str) -> str:
    """Name the topic by which a hub asks for its jobs."""
    return topics.job_start_next(thing)


def taken(lanes: Lanes, count: int) -> list[str]:
    """Take so many requests; returns their topics."""
    return [waiting.topic for _ in range(count) if (waiting := lanes.take(0)) is not None]


def test_a_hub_that_floods_delays_nobody() -> None:
    """Who asks once has its turn after one request of each other asker; what is too much is not."""
    lanes = Lanes()
    accepted = [lanes.put(asked("hub-loud"), b"") for _ in range(MAX_QUEUED * 2)]

    accepted += [lanes.put(asked("hub-quiet"), b"")]
    served = taken(lanes, 3)

    assert accepted.count(False) == MAX_QUEUED * 2 - MAX_OF_ONE
    assert accepted[-1]
    assert served == [asked("hub-loud"), asked("hub-quiet"), asked("hub-loud")]


def test_what_one_asks_is_answered_in_order() -> None:
    """Taking turns changes nothing within a lane, whichever of its topics it asks on."""
    lanes = Lanes()
    for number in range(3):
        lanes.put(asked("hub-a"), b"%d" % number)
        lanes.put(topics.shadow_get("hub-b", "settings"), b"%d" % number)

    served = [lanes.take(0) for _ in range(6)]

    for lane in ("hub-a", "hub-b"):
        assert [one.payload for one in served if one and lane in one.topic] == [b"0", b"1", b"2"]
    assert lanes.take(0) is None


def test_many_floods_together_leave_room_for_a_newcomer() -> None:
    """Full to the last place, the longest lane loses its last request, and that is counted."""
    lanes = Lanes()
    for number in range(MAX_QUEUED):
        lanes.put(asked(f"hub-{number % (MAX_QUEUED // MAX_OF_ONE + 1)}"), b"")

    was_whole = lanes.put(asked("hub-new"), b"")
    served = taken(lanes, MAX_QUEUED + 1)

    assert not was_whole
    assert len(served) == MAX_QUEUED
    assert asked("hub-new") in served


def test_a_thousand_that_ask_once_are_all_there_is_room_for() -> None:
    """Where no lane is longer than another, the last to come waits for another time."""
    lanes = Lanes()

    accepted = [lanes.put(asked(f"hub-{number}"), b"") for number in range(MAX_QUEUED + 1)]

    assert accepted == [True] * MAX_QUEUED + [False]
    assert len(lanes) == MAX_QUEUED
    assert lanes.take_refused() == []


@pytest.mark.parametrize("topic", [asked("hub-loud"), CREATE_FROM_CSR])
def test_who_asks_too_much_is_remembered_once(topic: str) -> None:
    """With its last request, until somebody asks; what is everybody's topic has a longer lane."""
    lanes = Lanes()
    room = MAX_UNNAMED if topic == CREATE_FROM_CSR else MAX_OF_ONE

    for number in range(room + 3):
        lanes.put(topic, b"%d" % number)

    assert [(one.topic, one.payload) for one in lanes.take_refused()] == [
        (topic, b"%d" % (room + 2))
    ]
    assert lanes.take_refused() == []
    assert len(lanes) == room
