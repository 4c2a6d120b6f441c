"""Requests over a line that loses and spoils: sent again, matched, given up."""

import random

import cbor2
import pytest
from smp import packet
from smp.image_management import ImageStatesReadResponse, ImageUploadWriteResponse
from smp.message import Response
from smp.os_management import EchoWriteResponse
from smpclient.requests.image_management import ImageStatesRead, ImageUploadWrite
from smpclient.requests.os_management import EchoWrite

from firmware_bridge.display.smp_exchange import (
    GIVE_UP_MS,
    RESEND_MS_MAX,
    RESEND_MS_MIN,
    Exchange,
    refusal_of,
)
from firmware_bridge.display.stop_and_wait import Turn
from firmware_bridge.simulator.smp_flash import Flash
from firmware_bridge.simulator.smp_server import SmpServer
from tests.support.firmware import FirmwareMaker

SERVER_FLASH = Flash.with_image(FirmwareMaker().make(payload_bytes=300), sectors=2)


def lines(raw: bytes) -> list[bytes]:
    """Take bytes apart at their line ends."""
    return raw.splitlines(keepends=True)


def answered(raw: bytes, server: SmpServer | None = None) -> list[bytes]:
    """Let a server answer; return its lines."""
    server = server or SmpServer(SERVER_FLASH)
    return lines(b"".join(server.receive(line) for line in lines(raw)))


def receive_all(exchange: Exchange, answer: list[bytes], now_ms: int) -> Response | None:
    """Give an exchange lines, and return what they answer."""
    told = [exchange.receive(line, now_ms) for line in answer]
    return next((one for one in told if one is not None), None)


def test_a_request_is_answered() -> None:
    """Lines of SMP's console transport out, an answer of the request's kind in."""
    exchange = Exchange(7)
    exchange.ask(EchoWrite, 0, d="hello")

    sent = exchange.take_outgoing()
    answer = receive_all(exchange, answered(sent), 5)

    assert sent.startswith(b"\x06\x09")
    assert isinstance(answer, EchoWriteResponse)
    assert answer.r == "hello"
    assert not exchange.is_waiting


def test_a_long_request_is_cut_into_lines_that_the_console_takes() -> None:
    """At most 127 bytes each, the first marked as the first."""
    exchange = Exchange(7)
    exchange.ask(EchoWrite, 0, d="x" * 900)

    cut = lines(exchange.take_outgoing())

    assert [line[:2] for line in cut] == [b"\x06\x09"] + [b"\x04\x14"] * (len(cut) - 1)
    assert max(map(len, cut)) <= 127
    assert isinstance(receive_all(exchange, answered(b"".join(cut)), 1), EchoWriteResponse)


def test_a_lost_answer_is_asked_for_again_with_the_same_bytes() -> None:
    """So that either answer, the late or the second, is the right one."""
    exchange = Exchange(1)
    exchange.ask(EchoWrite, 0, d="again")
    first = exchange.take_outgoing()
    due_ms = exchange.due_ms()
    assert due_ms is not None

    assert exchange.advance(due_ms - 1) is Turn.WAIT
    assert exchange.advance(due_ms) is Turn.RESENT

    assert exchange.take_outgoing() == first
    assert exchange.resends == 1


def test_patience_follows_the_rounds_and_doubles() -> None:
    """A quick line is asked again quickly, a busy panel ever more slowly, within bounds."""
    exchange = Exchange(1)
    for now_ms in range(0, 40_000, 1_000):
        exchange.ask(EchoWrite, now_ms, d="quick")
        receive_all(exchange, answered(exchange.take_outgoing()), now_ms + 3)
    exchange.ask(EchoWrite, 50_000, d="slow")
    waits, sent_ms = [], 50_000
    while (due_ms := exchange.due_ms()) is not None:
        waits.append(due_ms - sent_ms)
        sent_ms = due_ms
        exchange.advance(due_ms)

    assert waits[:4] == [RESEND_MS_MIN, 100, 200, 400]
    assert max(waits) <= RESEND_MS_MAX
    assert sent_ms == 50_000 + GIVE_UP_MS


def test_what_is_never_answered_is_given_up_once() -> None:
    """Then nothing is under way, and nothing is due."""
    exchange = Exchange(1)
    exchange.ask(EchoWrite, 0, give_up_ms=300, d="nobody")
    turns = [exchange.advance(now_ms) for now_ms in range(0, 2_000, 10)]

    assert turns.count(Turn.LOST) == 1
    assert exchange.due_ms() is None
    assert not exchange.is_waiting


def test_what_must_not_be_repeated_is_sent_once() -> None:
    """A second restart would end the trial that the first began."""
    exchange = Exchange(1)
    exchange.ask(EchoWrite, 0, give_up_ms=900, is_repeated=False, d="once")
    turns = [exchange.advance(now_ms) for now_ms in range(0, 2_000, 10)]

    assert turns.count(Turn.RESENT) == 0
    assert turns.count(Turn.LOST) == 1
    assert exchange.take_outgoing().count(b"\x06\x09") == 1


def test_the_answer_to_an_earlier_request_is_passed_over() -> None:
    """It was late: its number is not the one under way."""
    exchange = Exchange(1)
    exchange.ask(EchoWrite, 0, d="old")
    late = answered(exchange.take_outgoing())
    exchange.ask(EchoWrite, 10, d="new")
    sent = exchange.take_outgoing()

    assert receive_all(exchange, late, 20) is None
    answer = receive_all(exchange, answered(sent), 21)
    assert isinstance(answer, EchoWriteResponse)
    assert answer.r == "new"


def test_the_answer_to_another_question_under_the_same_number_is_passed_over() -> None:
    """Numbers come round, and a hub that was started anew begins somewhere."""
    before, after = Exchange(4), Exchange(4)
    before.ask(EchoWrite, 0, d="before the kill")
    after.ask(ImageStatesRead, 0)

    assert receive_all(after, answered(before.take_outgoing()), 1) is None
    told = receive_all(after, answered(after.take_outgoing()), 2)
    assert isinstance(told, ImageStatesReadResponse)


def test_a_second_answer_is_passed_over() -> None:
    """Asked twice, a panel answers twice."""
    exchange = Exchange(1)
    exchange.ask(EchoWrite, 0, d="twice")
    answer = answered(exchange.take_outgoing())

    assert receive_all(exchange, answer, 1) is not None
    assert receive_all(exchange, answer, 2) is None


def test_spoilt_lines_are_counted_and_never_raise() -> None:
    """Any byte of an answer may be another; what comes through is right or nothing."""
    chance = random.Random(3)
    exchange = Exchange(1)
    heard = 0
    for number in range(200):
        exchange.ask(EchoWrite, number, d="some words to spoil")
        raw = bytearray(b"".join(answered(exchange.take_outgoing())))
        raw[chance.randrange(len(raw))] = chance.randrange(256)
        answer = receive_all(exchange, lines(bytes(raw)), number)
        if answer is not None:
            assert isinstance(answer, EchoWriteResponse)
            assert answer.r == "some words to spoil"
            heard += 1

    assert exchange.damaged > 150
    assert heard < 50


@pytest.mark.parametrize(
    "line",
    [b"\x06\x09\n", b"\x06\x09====\n", b"\x04\x14AAAA\n", b"\x06\x09AAAA\n", b"\x06\x09////\n"],
)
def test_lines_that_begin_or_end_nothing_are_passed_over(line: bytes) -> None:
    """A line that follows none, one without a length, one that is no Base64."""
    exchange = Exchange(1)
    exchange.ask(EchoWrite, 0, d="x")

    assert exchange.receive(line, 1) is None
    assert exchange.is_waiting


def test_a_body_that_is_no_map_is_counted() -> None:
    """CBOR can be anything."""
    exchange = Exchange(0)
    exchange.ask(EchoWrite, 0, d="x")
    exchange.take_outgoing()
    for body in (cbor2.dumps([1, 2]), cbor2.dumps("text"), b"\xff", b""):
        head = bytes((0x0B, 0, 0, len(body), 0, 0, 1, 0))
        for line in packet.encode(head + body):
            assert exchange.receive(line, 1) is None

    assert exchange.damaged == 4


def test_refusals_are_named_in_both_versions_of_the_protocol() -> None:
    """Version 2 names a group and code, version 1 a code; some say rc in an ordinary answer."""
    exchange = Exchange(1)
    exchange.ask(ImageUploadWrite, 0, off=0, data=b"x")
    second = receive_all(exchange, answered(exchange.take_outgoing()), 1)
    assert second is not None
    assert refusal_of(second) == "INVALID_LENGTH"

    exchange.ask(ImageUploadWrite, 0, off=0, data=bytes(1_500), len=2_000)
    first = receive_all(exchange, answered(exchange.take_outgoing()), 1)
    assert isinstance(first, ImageUploadWriteResponse)
    assert refusal_of(first) == "code 2"

    exchange.ask(EchoWrite, 0, d="fine")
    good = receive_all(exchange, answered(exchange.take_outgoing()), 1)
    assert good is not None
    assert refusal_of(good) is None


def test_forgetting_waits_for_nothing_and_sends_nothing() -> None:
    """After a line was lost the old request must not be the first thing on the new one."""
    exchange = Exchange(1)
    exchange.ask(EchoWrite, 0, d="x")
    exchange.forget()

    assert exchange.take_outgoing() == b""
    assert exchange.due_ms() is None
    assert exchange.advance(10_000) is Turn.WAIT
