"""Jobs that bring firmware: believed, fetched, handed over, and gone on with after a kill."""

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec
import pytest

from agent.firmware.installer import Tell
from agent.firmware.panel import JOURNAL, PanelInstaller
from agent.firmware.work import FirmwareWork, UpdateByTarget
from agent.jobs.journal import Job, Journal
from agent.jobs.messages import Outcome
from agent.jobs.runner import Course
from agent.update.keys import sign
from firmware_bridge.simulator.smp_flash import Flash
from shared.errors import BadInputError, LinkError, OperatorError, RetryableError
from shared.jobs import Artefact, JobDocument, JobStatus, Operation, Target
from tests.support.artefacts import KEY_ID, Maker, serving
from tests.support.firmware import FirmwareMaker
from tests.support.governing import LATER_MS
from tests.support.panel_board import Board
from tests.support.panel_updates import NEW, OLD

FIRMWARE = FirmwareMaker()


class BoardLine:
    """A line to a board without a cable; the cable breaks after so many writes."""

    def __init__(self, board: Board, writes: int | None, cut: asyncio.Event) -> None:
        self._board = board
        self._cut = cut
        self._writes = writes
        self._now_ms = 0

    async def write(self, content: bytes) -> None:
        """Give the board bytes."""
        if self._writes is not None:
            self._writes -= 1
            if self._writes < 0:
                self._cut.set()
                await asyncio.Event().wait()
        self._board.receive(content, self._now_ms)

    async def read(self) -> bytes:
        """Wait for what the board says."""
        while True:
            self._now_ms += 5
            self._board.advance(self._now_ms)
            said = self._board.take_outgoing()
            if said:
                return said
            await asyncio.sleep(0)


class Hub:
    """A hub with a panel, through several lives."""

    def __init__(self, folder: Path) -> None:
        (folder / "maker").mkdir()
        self.folder = folder
        self.maker = Maker(folder / "maker")
        self.journal = Journal(folder / "jobs")
        (folder / "panel.pem").write_text(FIRMWARE.public_pem())
        self.board = Board(Flash.with_image(FIRMWARE.make(OLD), sectors=4), FIRMWARE.public_pem())
        self.said: list[Mapping[str, str]] = []
        self.life = 0
        self.cut = asyncio.Event()

    def artefact(self, content: bytes, url: str, target: Target = Target.PANEL) -> Artefact:
        """Describe and sign firmware, as a maker does."""
        unsigned = Artefact(
            target,
            "1.1.0",
            url,
            hashlib.sha256(content).hexdigest(),
            len(content),
            KEY_ID,
            "",
        )
        return msgspec.structs.replace(unsigned, signature=sign(unsigned, self.maker.key))

    def course(self, artefact: Artefact) -> Course:
        """Begin a job, or go on with the one in the journal, in another life."""
        self.life += 1
        asked = JobDocument(Operation.UPDATE, LATER_MS, artefact)
        job = self.journal.current() or Job("job", 1, f"life-{self.life}", asked)
        self.journal.note(job)
        return Course(job, asked, f"life-{self.life}", self.journal, self.said.append)

    def work(self, writes: int | None = None) -> FirmwareWork:
        """Make the work, with a panel whose line breaks after so many writes."""

        @contextlib.asynccontextmanager
        async def lend() -> AsyncIterator[BoardLine]:
            yield BoardLine(self.board, writes, self.cut)

        work = FirmwareWork(
            self.maker.keys_file(),
            self.folder / "firmware",
            ssl.create_default_context,
            (0.01, 0.02),
        )
        work.installers[Target.PANEL] = PanelInstaller(
            lend, self.folder / "panel.pem", self.folder / "firmware" / JOURNAL
        )
        return work


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """A hub whose panel runs 1.0.0."""
    return Hub(tmp_path)


def test_a_job_brings_firmware_into_the_panel(hub: Hub) -> None:
    """Fetched, believed, sent, tried; the cloud hears each step, and nothing is left behind."""
    content = FIRMWARE.make(NEW)
    with serving(content) as server:
        outcome = asyncio.run(hub.work()(hub.course(hub.artefact(content, server.url))))

    assert outcome.status is JobStatus.SUCCEEDED
    assert outcome.details == {"version": "1.1.0", "reason": "the panel runs version 1.1.0"}
    assert hub.board.started == ["1.0.0", "1.1.0"]
    steps = [one["step"] for one in hub.said]
    assert set(steps) <= {
        "fetching",
        "waiting for the panel",
        "uploading",
        "marking",
        "restarting",
        "confirming",
    }
    assert steps[-1] in ("confirming", "restarting")
    assert len(steps) < 40
    assert list((hub.folder / "firmware").iterdir()) == []


@pytest.mark.parametrize("writes", [1, 9, 14])
def test_a_killed_hub_goes_on_with_the_job(hub: Hub, writes: int) -> None:
    """Killed at any request: file and journal are there, and the panel says where it is."""
    content = FIRMWARE.make(NEW)

    async def scenario(artefact: Artefact) -> Outcome:
        doing = asyncio.ensure_future(hub.work(writes)(hub.course(artefact)))
        cut = asyncio.ensure_future(hub.cut.wait())
        await asyncio.wait({doing, cut}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        for task in (doing, cut):
            task.cancel()
        await asyncio.gather(doing, cut, return_exceptions=True)
        return await hub.work()(hub.course(artefact))

    with serving(content) as server:
        outcome = asyncio.run(scenario(hub.artefact(content, server.url)))

    assert outcome.status is JobStatus.SUCCEEDED
    assert hub.board.started[-1] == "1.1.0"
    assert hub.board.flash.slots[0].is_confirmed


def test_a_job_that_was_done_is_not_done_again(hub: Hub) -> None:
    """Killed between its end and the report: the note says what came of it."""
    content = FIRMWARE.make(NEW)
    with serving(content) as server:
        artefact = hub.artefact(content, server.url)
        first = asyncio.run(hub.work()(hub.course(artefact)))
    requests = hub.board.server.requests

    again = asyncio.run(hub.work()(hub.course(artefact)))

    assert again == first
    assert hub.board.server.requests == requests


def test_a_forged_artefact_is_refused_before_a_byte_is_fetched(hub: Hub) -> None:
    """The job's signature is looked at first."""
    content = FIRMWARE.make(NEW)
    with serving(content) as server:
        artefact = hub.artefact(content, server.url)
        forged = msgspec.structs.replace(artefact, version="9.9.9")
        with pytest.raises(BadInputError, match="signature"):
            asyncio.run(hub.work()(hub.course(forged)))

        assert server.ranges == []


@pytest.mark.parametrize("kind", ["stranger", "unsigned", "version", "cut"])
def test_an_image_that_is_not_right_is_refused_before_a_byte_is_sent(hub: Hub, kind: str) -> None:
    """Whoever signed the job must still have a maker's firmware in it."""
    content = {
        "stranger": FirmwareMaker().make(NEW),
        "unsigned": FIRMWARE.make(NEW, is_signed=False),
        "version": FIRMWARE.make((1, 2, 0, 0)),
        "cut": FIRMWARE.make(NEW)[:-100],
    }[kind]
    with serving(content) as server, pytest.raises(BadInputError):
        asyncio.run(hub.work()(hub.course(hub.artefact(content, server.url))))

    hub.board.advance(0)
    assert hub.board.server.requests == 0


def test_firmware_that_does_not_stay_fails_the_job_with_the_reason(hub: Hub) -> None:
    """The journal is closed: another job may bring another image."""
    content = FIRMWARE.make(NEW)
    hub.board._says = {"1.1.0": "1.0.9"}
    with serving(content) as server, pytest.raises(OperatorError, match=r"says that it is 1\.0\.9"):
        asyncio.run(hub.work()(hub.course(hub.artefact(content, server.url))))

    assert hub.board.started == ["1.0.0", "1.1.0", "1.0.0"]
    assert not (hub.folder / "firmware" / JOURNAL).exists()


def test_a_panel_that_is_away_puts_the_job_off(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was noted stays for the next job with the same image."""
    monkeypatch.setattr("firmware_bridge.display.update_run.REOPEN_S", 0.0)
    content = FIRMWARE.make(NEW)
    work = hub.work()

    @contextlib.asynccontextmanager
    async def nothing() -> AsyncIterator[BoardLine]:
        raise LinkError("the panel's line is not open")
        yield

    work.installers[Target.PANEL] = PanelInstaller(
        nothing, hub.folder / "panel.pem", hub.folder / "firmware" / JOURNAL, cable_s_max=0.0
    )

    with serving(content) as server, pytest.raises(RetryableError, match="not open"):
        asyncio.run(work(hub.course(hub.artefact(content, server.url))))


@pytest.mark.parametrize("target", [Target.PANEL, Target.RADIO])
def test_a_hub_without_the_hardware_says_so(hub: Hub, target: Target) -> None:
    """Before anything is fetched."""
    work = hub.work()
    work.installers.clear()

    with pytest.raises(BadInputError, match="configured"):
        asyncio.run(work(hub.course(hub.artefact(b"x", "http://127.0.0.1:1/x", target))))


def test_a_radios_firmware_goes_to_the_radio(hub: Hub) -> None:
    """The panel's installer does not see it."""
    given: list[bytes] = []

    class Radio:
        """An installer that notes."""

        async def install(self, file: Path, artefact: Artefact, tell: Tell) -> str:
            given.append(await asyncio.to_thread(file.read_bytes))
            tell("uploading", 50)
            return f"the radio runs version {artefact.version}"

        def forget(self) -> None:
            given.append(b"forgotten")

    work = hub.work()
    work.installers[Target.RADIO] = Radio()
    with serving(b"GBL") as server:
        artefact = hub.artefact(b"GBL", server.url, Target.RADIO)
        outcome = asyncio.run(work(hub.course(artefact)))

    assert outcome.details["reason"] == "the radio runs version 1.1.0"
    assert given == [b"GBL", b"forgotten"]
    assert {"step": "uploading", "percent": "50"} in hub.said


def test_each_target_goes_to_its_work(hub: Hub) -> None:
    """The hub's own program is not firmware."""
    went: list[str] = []

    class Noting:
        """A work that notes its name."""

        def __init__(self, name: str) -> None:
            self._name = name

        async def __call__(self, course: Course) -> Outcome:
            went.append(self._name)
            return Outcome(JobStatus.SUCCEEDED)

    both = UpdateByTarget(Noting("agent"), Noting("firmware"))
    for target in (Target.AGENT, Target.PANEL, Target.RADIO):
        asyncio.run(both(hub.course(hub.artefact(b"x", "http://127.0.0.1:1/x", target))))

    assert went == ["agent", "firmware", "firmware"]
