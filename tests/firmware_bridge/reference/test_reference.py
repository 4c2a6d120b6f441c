"""The C reference: builds within its RAM, says of every frame what Python says, and is driven."""

import json
import os
import random
import re
import select
import subprocess
import time
import tty
import zlib
from pathlib import Path

import pytest

from firmware_bridge.display.body import decode_message, encode_body
from firmware_bridge.display.faults import PanelFrameError
from firmware_bridge.display.fields import Flag, Whole, Words
from firmware_bridge.display.framing import (
    Console,
    Damaged,
    PanelFrame,
    SmpLine,
    Splitter,
    open_frame,
    seal_frame,
)
from firmware_bridge.display.hub_end import HubEnd, HubEvent, Said
from firmware_bridge.display.messages import FIELDS, Button, Display, PanelMessage, Text, Welcome
from firmware_bridge.simulator.panel_picture import draw_lines, draw_png
from firmware_bridge.simulator.panel_texts import StandingTexts
from tests.docs.panel_picture import draw, pixels_of
from tests.docs.panel_vectors import BODIES, GOOD, UNKNOWN_KEYS
from tests.support.panel_build import build_fuzz, build_panel
from tests.support.panel_line import corrupted
from tests.support.pictures import read_picture

VECTORS = Path(__file__).parents[3] / "docs" / "reference" / "panel-vectors.json"
RAM_BYTES_MAX = 2_048
FUZZ_ROUNDS = 5_000
MUTATIONS = 2_000
UPDATES = 100
PRESSES = 5
LIMIT_S = 60.0
PNG_HEAD_BYTES, PNG_TAIL_BYTES = 41, 16
"""The picture has one chunk of pixels, between its header and its end."""
INK, PAPER = 0x10, 0xE8


@pytest.fixture(name="panel", scope="module")
def _panel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_panel(tmp_path_factory.mktemp("panel"))


def ask(program: Path, *words: str, lines: list[str] | None = None) -> list[str]:
    """Run the program on lines and return its own; a sanitizer's word is a failure."""
    done = subprocess.run(
        [program, *words],
        input="".join(f"{line}\n" for line in lines or []),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def said_by_python(encoded: bytes) -> str:
    """Say of a frame what the C program says of it."""
    try:
        frame = open_frame(encoded)
        message = decode_message(frame)
    except PanelFrameError as error:
        return error.fault.value
    wire = seal_frame(frame.type, frame.sequence, encode_body(message)).hex()
    return " ".join(["good", wire, str(frame.type), str(frame.sequence), *written(message)])


def split_by_python(raw: bytes) -> str:
    """Say of a stream what the C program says of it."""
    smp, good, bad = "", 0, 0
    for piece in Splitter().feed(raw):
        match piece:
            case SmpLine(line):
                smp += f"{line.hex()} "
            case PanelFrame() as frame:
                is_good = said_by_python(open_bytes(frame)).startswith("good")
                good, bad = good + is_good, bad + (not is_good)
            case Damaged():
                bad += 1
            case Console():
                pass
    return f"{smp}{good} good {bad} bad"


def open_bytes(frame: PanelFrame) -> bytes:
    """Return what a frame has between its delimiters."""
    return seal_frame(frame.type, frame.sequence, frame.body, version=frame.version)[1:-1]


def written(message: PanelMessage) -> list[str]:
    """Write the fields as the C program does: integers as they are, texts as hex."""
    said = []
    for field in FIELDS[message.TYPE]:
        value = getattr(message, field.name)
        if value is not None:
            text = f"x{value.encode().hex()}" if isinstance(value, str) else str(int(value))
            said.append(f"{field.rule.key}={text}")
    return said


def encoded_vectors() -> list[bytes]:
    """What the vectors have between their delimiters."""
    bodies = [
        (kind, sequence, encode_body(one)) for sequence, one in GOOD.values() for kind in [one.TYPE]
    ]
    bodies += [(kind, 1, bytes.fromhex(body)) for kind, body in BODIES.values()]
    bodies += [(0x05, 1, UNKNOWN_KEYS)]
    return [seal_frame(*one)[1:-1] for one in bodies]


def mutated(encoded: bytes, chance: random.Random) -> bytes:
    """Change some bytes of a frame under its CRC, and sometimes one above it."""
    frame = open_frame(encoded)
    body = bytearray(frame.body)
    for _ in range(chance.randrange(1, 4)):
        body[chance.randrange(len(body))] = chance.randrange(256)
    return corrupted(seal_frame(frame.type, frame.sequence, bytes(body))[1:-1], 0.002, chance)


def test_fields_are_those_of_python(panel: Path) -> None:
    """Types, keys, kinds and ranges alike; and one panel fits its RAM."""
    ram, *rows = ask(panel, "fields")
    expected = []
    for kind, fields in sorted(FIELDS.items()):
        for field in fields:
            match field.rule:
                case Whole(key, low, high):
                    row = (kind, key, 0, int(field.is_required), low, high)
                case Words(key, most):
                    row = (kind, key, 1, int(field.is_required), 0, most)
                case Flag(key):
                    row = (kind, key, 2, int(field.is_required), 0, 1)
            expected.append(" ".join(map(str, row)))

    assert rows == expected
    assert int(ram.removeprefix("ram ")) <= RAM_BYTES_MAX


def test_vectors_come_to_the_same_in_c(panel: Path) -> None:
    """Those to be taken, with the same bytes when written again, and those to be refused."""
    frames = encoded_vectors()

    told = ask(panel, "check", lines=[one.hex() for one in frames])

    assert [line.strip() for line in told] == [said_by_python(one) for one in frames]


def test_streams_come_to_the_same_in_c(panel: Path) -> None:
    """The SMP lines in them, and how many frames are good and how many bad."""
    streams = json.loads(VECTORS.read_text())["streams"]
    chance = random.Random(8)
    raw = [bytes.fromhex(one["bytes"]) for one in streams]
    raw += [corrupted(b"".join(chance.choices(raw, k=4)), 0.02, chance) for _ in range(200)]

    told = ask(panel, "split", lines=[one.hex() for one in raw])

    assert told == [split_by_python(one) for one in raw]


def test_both_languages_agree_on_what_no_vector_shows(panel: Path) -> None:
    """Mutated frames: the same fault, or the same message."""
    chance = random.Random(5)
    frames = [mutated(one, chance) for one in chance.choices(encoded_vectors(), k=MUTATIONS)]

    told = ask(panel, "check", lines=[one.hex() for one in frames])

    assert [line.strip() for line in told] == [said_by_python(one) for one in frames]
    assert len({line.split()[0] for line in told}) >= 6


def test_both_languages_agree_where_utf_8_ends(panel: Path) -> None:
    """Overlong forms, surrogates and what lies beyond Unicode; and their neighbours."""
    edges = "c280 c181 e0a080 e09f80 ed9fbf eda080 ee8080 f0908080 f08f8080 f48fbfbf f4908080 f5"
    frames = []
    for text in map(bytes.fromhex, edges.split()):
        body = b"\xa2\x00\x01\x01" + bytes((0x60 + len(text),)) + text
        frames.append(seal_frame(Text.TYPE, 1, body)[1:-1])

    told = [line.strip() for line in ask(panel, "check", lines=[one.hex() for one in frames])]

    assert told == [said_by_python(one) for one in frames]
    assert [line.startswith("good") for line in told] == [
        *(True, False, True, False, True, False, True, True, False, True, False, False)
    ]


def test_mutations_find_nothing(tmp_path: Path) -> None:
    """Frames and streams under the address and undefined-behaviour sanitizers."""
    seeds = [
        seal_frame(one.TYPE, sequence, encode_body(one)).hex() for sequence, one in GOOD.values()
    ]

    assert ask(build_fuzz(tmp_path), "7", str(FUZZ_ROUNDS), lines=seeds) == [
        f"{FUZZ_ROUNDS} rounds"
    ]


class Driver:
    """Drives the hub's end over a terminal whose bytes it corrupts, both ways."""

    def __init__(self, line: int, rate: float) -> None:
        self.hub = HubEnd(session=1)
        self.events: list[HubEvent] = []
        self._line = line
        self._chance = random.Random(2)
        self._rate = rate

    def settle(self) -> None:
        """Let real time pass until the hub has nothing to send any more."""
        end = time.monotonic() + LIMIT_S
        while self.hub.panel is None or not self.hub.is_idle:
            assert time.monotonic() < end
            self._turn()

    def _turn(self) -> None:
        now_ms = time.monotonic_ns() // 1_000_000
        self.events += self.hub.advance(now_ms)
        os.write(self._line, corrupted(self.hub.take_outgoing(), self._rate, self._chance))
        if select.select([self._line], [], [], 0.01)[0]:
            received = corrupted(os.read(self._line, 4_096), self._rate, self._chance)
            self.events += self.hub.receive(received, now_ms)


def test_c_panel_shows_what_the_hub_says_over_a_bad_line(panel: Path, tmp_path: Path) -> None:
    """With 0.05 % of bytes changed both ways: each update once, in order; presses, a picture."""
    ours, theirs = os.openpty()
    tty.setraw(ours)
    tty.setraw(theirs)
    picture = tmp_path / "panel.png"
    words = ["run", "--line", os.ttyname(theirs), "--png", str(picture), "--press", str(PRESSES)]
    with subprocess.Popen([panel, *words], stderr=subprocess.PIPE, text=True) as program:
        driver = Driver(ours, 0.0005)
        for power_w in range(UPDATES):
            driver.settle()
            now_ms = time.monotonic_ns() // 1_000_000
            driver.hub.show(
                Display(power_w=power_w, today_wh=5_600, link=0, currency="GBP"), now_ms
            )
        driver.settle()
        os.close(theirs)
        os.close(ours)
        assert program.stderr is not None
        told = program.stderr.read()

    shown = [int(power) for power in re.findall(r"^5 \d+ 0=(\d+) ", told, re.MULTILINE)]
    pressed = [one.message for one in driver.events if isinstance(one, Said)]
    assert program.returncode == 0
    assert shown == list(range(UPDATES))
    assert [one.event_id for one in pressed if isinstance(one, Button)] == [*range(1, PRESSES + 1)]
    assert "| NOW 0.099 KW" in told
    assert "| TODAY     5.600" in told
    assert read_picture(picture.read_bytes()).size == (432, 256)
    assert set(zlib.decompress(picture.read_bytes()[PNG_HEAD_BYTES:-PNG_TAIL_BYTES])) >= {
        INK,
        PAPER,
    }


def moves_of(chance: random.Random) -> Text | Welcome:
    """What a hub may say of a dozen messages, and now and then that it was started anew."""
    if chance.random() < 0.04:
        return Welcome(version=1, boot_id=0, session=chance.randrange(1, 3))
    number = chance.randrange(12)
    return Text(message_id=number, text=f"£{number} due" if chance.random() < 0.7 else "")


def test_both_languages_have_the_same_message_standing(panel: Path, tmp_path: Path) -> None:
    """Told, told again, taken back and forgotten at random: the picture is the same."""
    chance, picture = random.Random(6), tmp_path / "panel.png"
    for _ in range(6):
        told = [moves_of(chance) for _ in range(chance.randrange(1, 40))]
        texts = StandingTexts()
        for one in (Welcome(version=1, boot_id=0, session=1), *told):
            texts.take(one)

        draw(panel, Display(), picture, told)

        drawn = draw_png(draw_lines(Display(), texts.shown))
        assert pixels_of(picture.read_bytes()) == pixels_of(drawn)
