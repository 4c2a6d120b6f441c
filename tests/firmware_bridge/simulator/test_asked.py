"""Meters that are asked: what they answer now is what the oracle says, and nothing before."""

import asyncio
import io
import json
import threading
from pathlib import Path

import pytest

from firmware_bridge.links import open_link
from firmware_bridge.meters.catalog import codec_for
from firmware_bridge.meters.codec import Telegram
from firmware_bridge.simulator.asked import Answer, Readouts
from firmware_bridge.simulator.cli import run
from firmware_bridge.simulator.emission import Emission
from firmware_bridge.simulator.household import LONDON
from firmware_bridge.simulator.oracle import Shown, read_lines
from firmware_bridge.simulator.play import OracleFile
from shared.clock import DrivenClock, SystemClock
from shared.errors import OperatorError
from shared.readings import Medium, Sample

PATIENCE_S = 60.0
START_MS = 1_790_000_000_000
QUESTIONS = {
    "iec62056": ("optical:{path}?every_s=5", 1),
    "mbus": ("mbus:{path}?addresses=1,2,5&every_s=5", 3),
}


def is_there(path: Path) -> bool:
    """Tell whether a port has been made."""
    return path.exists()


async def ask(address: str, protocol: str, count: int) -> list[Sample]:
    """Open a link once its port is there, and read so many samples by the codec a hub uses."""
    path = Path(address.partition(":")[2].partition("?")[0])
    codec = codec_for(protocol, LONDON, None)
    samples: list[Sample] = []
    async with asyncio.timeout(PATIENCE_S):
        while not is_there(path):  # noqa: ASYNC110 (a path has no event)
            await asyncio.sleep(0.02)
        link = await open_link(address)
        try:
            while len(samples) < count:
                for found in codec.feed(await link.read()):
                    assert isinstance(found, Telegram)
                    samples += found.samples
        finally:
            await link.close()
    return samples


@pytest.mark.parametrize("protocol", sorted(QUESTIONS))
def test_the_command_answers_questions_with_what_its_oracle_says(
    tmp_path: Path, protocol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sign-on, addresses, check characters and all, through the links that a hub has."""
    form, count = QUESTIONS[protocol]
    port, oracle = tmp_path / "port", tmp_path / "oracle"
    samples: list[Sample] = []

    def read() -> None:
        samples.extend(asyncio.run(ask(form.format(path=port), protocol, count)))

    reader = threading.Thread(target=read)
    reader.start()
    until_ms = SystemClock().utc_ms() + 6_000
    words = f"--asked --protocol {protocol} --link pty:{port} --oracle {oracle} --json"
    run([*words.split(), f"--until-ms={until_ms}"])
    reader.join(PATIENCE_S)

    shown = {
        (line.meter, line.taken_at_ms): line.registers
        for line in read_lines(oracle.read_bytes())
        if line.must_log
    }
    first = {(one.meter, one.meter_time_ms): one.registers for one in samples[:count]}
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(first) == count
    assert first.items() <= shown.items()
    assert last["emitted"] >= count
    assert not port.is_symlink()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ("--protocol p1 --link pty:x", "p1 meter speaks by itself"),
        ("--protocol mbus --link file:x", "nothing can be asked on 'file:x'"),
        ("--protocol mbus --link pty:x --history-days 1", "--history-days: not with --asked"),
        ("--protocol mbus --link pty:x --faults drop=1/9 --no-live", "--no-live, --faults: not"),
        ("--protocol iec62056 --link pty:x --shows electricity", "--shows: not with"),
    ],
)
def test_what_cannot_be_asked_is_refused(options: str, word: str) -> None:
    """Before a port is made."""
    with pytest.raises(OperatorError) as caught:
        run(["--asked", *options.split()])

    assert word in caught.value.message
    assert caught.value.hint


def answer(time_ms: int) -> Answer:
    """Return an answer in two pieces."""
    shown = Shown("m", Medium.WATER, time_ms, {"water_l": time_ms // 1_000})
    pieces = (f"{time_ms}".encode(), f"{time_ms} more".encode())
    return Answer(pieces, Emission(b"".join(pieces), (shown,)))


@pytest.fixture
def clock() -> DrivenClock:
    """Give a clock that stands still until it is moved."""
    return DrivenClock(START_MS)


def test_only_what_has_left_whole_must_be_there(clock: DrivenClock) -> None:
    """An answer that broke off may be there; one sent twice is one."""
    file = io.BytesIO()
    readouts = Readouts(clock, OracleFile(file))

    readouts.note(readouts.read("m", answer)[0])
    clock.advance_to(START_MS + 5_000)
    for piece in (*readouts.read("m", answer), *readouts.read("m", answer)):
        readouts.note(piece)
    clock.advance_to(START_MS + 10_000)
    readouts.read("m", answer)
    readouts.finish()

    lines = read_lines(file.getvalue())
    told = [(one.taken_at_ms - START_MS, one.must_log, one.is_damaged) for one in lines]
    assert sorted(told) == [(0, False, True), (5_000, True, False), (10_000, False, True)]
    assert (readouts.answered, readouts.last_ms) == (1, START_MS + 5_000)


def test_a_meter_asked_twice_in_a_second_says_the_same(clock: DrivenClock) -> None:
    """Its clock ticks whole seconds."""
    readouts = Readouts(clock, OracleFile(None))

    first = readouts.read("m", answer)
    clock.advance_to(START_MS + 400)
    again = readouts.read("m", answer)
    clock.advance_to(START_MS + 1_000)
    later = readouts.read("m", answer)

    assert first == again != later
