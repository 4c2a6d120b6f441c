"""The shared way to the cloud: who hears what, and a transport changed under it."""

import asyncio

from agent.uplink.junction import Junction
from agent.uplink.port import Arrived, Channel, Connected, Disconnected, Event
from tests.support.fakes import FakeUplink


async def joined(transport: FakeUplink) -> tuple[Junction, list[Event], list[Event]]:
    """Start a junction; return it with what the session hears, and what the others hear."""
    junction = Junction(transport)
    session: list[Event] = []
    others: list[Event] = []
    junction.listen(others.append)
    await junction.start(session.append)
    return junction, session, others


def test_receipts_go_to_the_session_and_jobs_to_the_others() -> None:
    """Each hears what it understands; that the connection stands everybody hears."""

    async def scenario() -> None:
        transport = FakeUplink()
        _, session, others = await joined(transport)
        transport.connect()
        transport.arrive(Channel.RECEIPTS, b"r")
        transport.arrive(Channel.TARIFF, b"t")
        transport.arrive(Channel.JOB_NOTICE, b"j")
        transport.arrive(Channel.SETTINGS_DELTA, b"s")

        assert session == [
            Connected(),
            Arrived(Channel.RECEIPTS, b"r"),
            Arrived(Channel.TARIFF, b"t"),
        ]
        assert others == [
            Connected(),
            Arrived(Channel.JOB_NOTICE, b"j"),
            Arrived(Channel.SETTINGS_DELTA, b"s"),
        ]

    asyncio.run(scenario())


def test_a_changed_transport_carries_on() -> None:
    """The old one is stopped, the loss is told, and the new one is started and used."""

    async def scenario() -> None:
        first, second = FakeUplink(), FakeUplink()
        junction, session, _ = await joined(first)
        first.connect()

        await junction.change(second)
        second.connect()

        assert first.is_stopped
        assert [type(event) for event in session] == [Connected, Disconnected, Connected]
        assert junction.publish(Channel.JOB_UPDATE, b"done", "j-7")
        assert (second.published, second.subjects) == ([(Channel.JOB_UPDATE, b"done")], ["j-7"])

    asyncio.run(scenario())


def test_while_it_is_paused_nothing_is_taken() -> None:
    """A renewal goes by the same name: the hub's own connection is closed meanwhile."""

    async def scenario() -> None:
        first, second = FakeUplink(), FakeUplink()
        junction, session, _ = await joined(first)
        first.connect()

        await junction.pause("renewing")

        assert session[-1] == Disconnected("renewing")
        assert not junction.publish(Channel.HELLO, b"hello")
        assert not junction.recall()
        await junction.change(second)
        assert second.is_started

    asyncio.run(scenario())


def test_a_change_before_the_start_is_started_once() -> None:
    """The session may not have begun when the hub joins."""

    async def scenario() -> None:
        first, second = FakeUplink(), FakeUplink()
        junction = Junction(first)

        await junction.change(second)
        assert not second.is_started
        await junction.start(lambda _event: None)

        assert second.is_started
        await junction.stop()
        assert second.is_stopped

    asyncio.run(scenario())
