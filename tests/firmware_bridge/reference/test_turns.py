"""The C panel's turns on a clock of the test's: what it says when; Python's panel says the same."""

import random
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from firmware_bridge.display.body import decode_message, encode_body
from firmware_bridge.display.framing import PanelFrame, Splitter, seal_frame
from firmware_bridge.display.messages import (
    Ack,
    Button,
    Display,
    Hello,
    PanelMessage,
    Ping,
    Refused,
    Text,
    Time,
    Welcome,
)
from firmware_bridge.display.panel_end import HELLO_MS, HUB_SILENT_MS, NO_NEWS_MS, REFUSED_MS
from firmware_bridge.display.stop_and_wait import RESEND_MS
from tests.support.panel_build import build_drive
from tests.support.panel_script import PythonPanel

BOOT_ID = 77
LIMIT_S = 30.0
STEPS = 3_000
WRAP_MS = 1 << 32


@pytest.fixture(name="program", scope="module")
def _program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_drive(tmp_path_factory.mktemp("drive"))


def heard(message: PanelMessage, sequence: int = 0) -> str:
    """Write that the panel hears this message."""
    return f"rx {seal_frame(message.TYPE, sequence, encode_body(message)).hex()}"


def welcome(session: int = 1, boot_id: int = BOOT_ID) -> str:
    """Write that the panel is taken in."""
    return heard(Welcome(version=1, boot_id=boot_id, session=session))


def ack(sequence: int, kind: int = Button.TYPE) -> str:
    """Write that the hub acknowledges a frame."""
    return heard(Ack(acknowledged_sequence=sequence, acknowledged_type=kind))


def told_by_c(program: Path, script: Iterable[str]) -> list[str]:
    """Play a script on the C panel and return the lines it printed."""
    done = subprocess.run(
        [program], input="\n".join(script), capture_output=True, text=True, timeout=LIMIT_S,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def play(program: Path, *script: str) -> list[str]:
    """Play a script from the panel's start, on both panels; return what the C panel printed."""
    whole = [f"boot {BOOT_ID} 0", *script]
    told = told_by_c(program, whole)
    assert sorted_by_kind(told) == sorted_by_kind(PythonPanel(BOOT_ID).play(whole))
    return told


def sorted_by_kind(told: list[str]) -> list[list[str]]:
    """Part what was printed by its first word: in C an ACK leaves before its message is taken."""
    kinds = ("boot", "tx", "took", "smp", "press", "welcome")
    return [[line for line in told if line.startswith(kind)] for kind in kinds]


def sent(told: list[str]) -> list[tuple[int, PanelMessage]]:
    """List what the panel wrote, with its sequences."""
    raw = bytes.fromhex("".join(line[3:] for line in told if line.startswith("tx ")))
    frames = [piece for piece in Splitter().feed(raw) if isinstance(piece, PanelFrame)]
    return [(frame.sequence, decode_message(frame)) for frame in frames]


def taken(told: list[str]) -> list[str]:
    """List what was handed to the firmware, as type and sequence."""
    return [line.removeprefix("took ") for line in told if line.startswith("took ")]


def test_hello_is_said_until_it_is_answered(program: Path) -> None:
    """From the panel's own copy, for the caller's is gone; each half a second, and no more then."""
    told = play(program, "at 0", "at 499", "at 500", "at 1000", welcome(), "at 1500", "at 9000")

    assert [type(one) for _, one in sent(told)] == [Hello, Hello, Hello]
    assert {one for _, one in sent(told)} == {
        Hello(version_min=1, version_max=1, boot_id=BOOT_ID, board="drive")
    }


def test_a_welcome_for_another_boot_is_ignored(program: Path) -> None:
    """It is late: the panel goes on saying HELLO, and takes nothing."""
    told = play(program, welcome(boot_id=78), heard(Display(power_w=1), 1), "at 0", "news")

    assert [type(one) for _, one in sent(told)] == [Hello]
    assert taken(told) == []
    assert told[-1] == "welcome 0 stale 1"


def test_what_comes_again_is_acknowledged_and_taken_once(program: Path) -> None:
    """Its sequence is that of the message before; the next one is new."""
    shown, text = heard(Display(power_w=1), 5), heard(Text(message_id=1, text="x"), 6)
    told = play(program, welcome(), shown, shown, text, text, shown)

    assert taken(told) == ["2 0", "5 5", "6 6", "5 5"]
    assert [one for _, one in sent(told)] == [
        Ack(acknowledged_sequence=number, acknowledged_type=kind)
        for number, kind in ((5, 5), (5, 5), (6, 6), (6, 6), (5, 5))
    ]


def test_a_hub_that_was_started_anew_counts_anew(program: Path) -> None:
    """The same sequence under another session is another message; under the same it is not."""
    shown = heard(Display(power_w=1), 1)
    told = play(program, welcome(1), shown, welcome(1), shown, welcome(2), shown)

    assert taken(told) == ["2 0", "5 1", "2 0", "2 0", "5 1"]


def test_a_refused_panel_leaves_the_hub_alone_for_a_minute(program: Path) -> None:
    """It shows why, and then asks again; until then it takes nothing."""
    refused = heard(Refused(version_min=2, version_max=3))
    shown = heard(Display(power_w=1), 1)
    told = play(program, "at 0", refused, shown, f"at {REFUSED_MS - 1}", "news", f"at {REFUSED_MS}")

    assert taken(told) == ["3 0"]
    assert told[-2:-1] == ["welcome 0 stale 1"]
    assert [type(one) for _, one in sent(told)] == [Hello, Hello]


def test_hello_is_said_whenever_it_is_asked_for(program: Path) -> None:
    """Also by a panel that is welcome; a plain PING is acknowledged and handed to nobody."""
    told = play(program, welcome(), heard(Ping(wants_hello=True)), heard(Ping(), 9))

    assert [type(one) for _, one in sent(told)] == [Hello, Ack]
    assert taken(told) == ["2 0"]


def test_a_press_is_sent_again_until_the_hub_is_given_up(program: Path) -> None:
    """Three times, each after 100 ms; then HELLO; and after a welcome the same press once more."""
    times = [f"at {number * RESEND_MS + late}" for number in range(1, 5) for late in (-1, 0)]
    told = play(
        program, welcome(), "press 3", *times, "news", welcome(), "at 450", ack(1), "at 999"
    )

    pressed = (1, Button(event_id=1, button=3, press=0))
    assert [one for one in sent(told) if isinstance(one[1], Button)] == [pressed] * 5
    assert [type(one) for _, one in sent(told)] == [*[Button] * 4, Hello, Button]
    assert "welcome 0 stale 1" in told


def test_an_acknowledgement_of_another_frame_releases_nothing(program: Path) -> None:
    """Neither another sequence nor another type; the right one lets the next press go."""
    told = play(program, welcome(), "press 1", "answer 9", ack(2), ack(1, Display.TYPE), ack(1))

    assert [one for _, one in sent(told)] == [
        Button(event_id=1, button=1, press=0),
        Button(event_id=2, button=2, press=1, message_id=9),
    ]


def test_presses_that_wait_are_bounded(program: Path) -> None:
    """Eight; one more is refused and has no number."""
    told = play(program, *["press 1"] * 9, welcome(), ack(1))

    assert told[1:10] == [*["press 1"] * 8, "press 0"]
    assert [getattr(one, "event_id", 0) for _, one in sent(told)] == [1, 2]


def test_old_figures_are_known_for_old(program: Path) -> None:
    """None before the first, none a minute after the last; other messages make none of them new."""
    told = play(
        program,
        *(welcome(), heard(Time(unix_s=1, offset_min=0), 1), "news"),
        *("at 1000", heard(Display(), 2), "news"),
        *(f"at {NO_NEWS_MS + 999}", heard(Ping(), 3), "news", f"at {NO_NEWS_MS + 1_000}", "news"),
    )

    stale = [line[-1] for line in told if line.startswith("welcome")]
    assert stale == ["1", "0", "0", "1"]


def test_a_hub_that_says_nothing_for_fifteen_seconds_is_gone(program: Path) -> None:
    """Any frame of it starts the time anew."""
    silent = HUB_SILENT_MS
    told = play(
        program,
        welcome(),
        "at 1000",
        heard(Ping(), 1),
        f"at {silent + 999}",
        f"at {silent + 1_000}",
    )

    assert [type(one) for _, one in sent(told)] == [Ack, Hello]


def test_the_clock_may_wrap(program: Path) -> None:
    """After 49 days the milliseconds begin anew, and HELLO, resends and ages go on."""
    start, after = WRAP_MS - 100, HELLO_MS - 100
    early = [f"boot {BOOT_ID} {start}", f"at {start}", f"at {WRAP_MS - 50}", "at 5"]
    assert len(sent(told_by_c(program, early))) == 1
    told = told_by_c(
        program,
        [
            *(
                f"boot {BOOT_ID} {start}",
                f"at {start}",
                "at 5",
                f"at {after}",
                f"at {after + 1}",
            ),
            *(welcome(), heard(Display(), 1), f"at {NO_NEWS_MS}", "news"),
        ],
    )

    assert [type(one) for _, one in sent(told)][:2] == [Hello, Hello]
    assert [type(one) for _, one in sent(told)].count(Hello) == 3
    assert told[-1] == "welcome 0 stale 0"


def test_a_hello_that_cannot_be_written_is_told_at_the_start(program: Path) -> None:
    """A maker finds a board's name that is too long at once; such a panel says nothing."""
    assert told_by_c(program, ["odd 1 0", "at 0", "at 5000"]) == ["boot 0"]


def test_what_is_longer_than_a_frame_is_passed_over(program: Path) -> None:
    """Not a byte more than there is room for is kept, and the next frame is heard."""
    long = ["rx 00", *["rx " + "42" * 200] * 4]
    told = play(program, *long, welcome(), heard(Display(power_w=1), 1))

    assert taken(told) == ["2 0", "5 1"]


def test_lines_of_an_update_pass_between_frames(program: Path) -> None:
    """As they came, line end included; console text goes nowhere."""
    told = play(program, "rx " + (b"I: boot\n\x06\x09AAAA\n\x00" + b"\x04\x14BB\n").hex())

    assert [line for line in told if line.startswith("smp")] == [
        "smp 0609414141410a",
        "smp 041442420a",
    ]


def test_both_panels_say_the_same_whatever_comes(program: Path) -> None:
    """Three thousand steps by chance: presses, repeats, wrong answers, lost links, new sessions."""
    chance = random.Random(20)
    script, now_ms = [], 0
    heard_now: list[tuple[str, int]] = [
        *((welcome(session), 6) for session in (1, 1, 1, 2)),
        *((heard(Ping(wants_hello=asked), 3), 1) for asked in (False, True)),
        *((heard(Display(power_w=number), number), 4) for number in range(3)),
        (heard(Text(message_id=1, text="é"), 2), 2),
        (heard(Refused(version_min=2, version_max=2)), 1),
        *((ack(number), 2) for number in range(1, 20)),
        *(("press 1", 6), ("answer 4", 2), ("news", 2)),
    ]
    lines, weights = zip(*heard_now, strict=True)
    for _ in range(STEPS):
        script.append(chance.choices(lines, weights)[0])
        if chance.random() < 0.3:
            # The first resend may come sooner in Python, which measures rounds: by whole resends.
            now_ms += RESEND_MS * chance.choice((1, 1, 2, 5, 160, 700))
            script.append(f"at {now_ms}")

    told = play(program, *script)

    assert {type(one) for _, one in sent(told)} == {Hello, Ack, Button}
    assert len(taken(told)) > 100
