"""From a signed artefact into the spare slot: what is let in, and what is refused with a reason."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.update.download import part_of
from agent.update.fetching import in_thread
from agent.update.installing import Updater
from agent.update.slots import Trial
from agent.versions import own_version
from shared.errors import BadInputError, OperatorError, RetryableError
from shared.jobs import Artefact, Target
from tests.support.artefacts import (
    Maker,
    SlotsAs,
    content_of,
    first_slot,
    packages_in,
    serving,
)

TRIAL = Trial("", "", "1.1.0", "job/1")


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    """Who signs."""
    folder = tmp_path / "maker"
    folder.mkdir()
    return Maker(folder)


@pytest.fixture
def slots(tmp_path: Path) -> SlotsAs:
    """A hub that runs 1.0.0 from slot a."""
    return first_slot(tmp_path / "slots", "1.0.0")


@pytest.fixture
def updater(slots: SlotsAs, maker: Maker) -> Updater:
    """What installs into these slots."""
    return Updater(slots, maker.keys_file(), ssl.create_default_context, (0.001, 0.01))


def install(updater: Updater, archive: Path, artefact: Artefact) -> str:
    """Install an archive as if it had been fetched."""
    path = part_of(updater.slots.incoming(), artefact)
    path.write_bytes(archive.read_bytes())
    return updater.install(path, artefact, lambda: True)


def test_a_newer_program_goes_into_the_spare_slot(
    updater: Updater, slots: SlotsAs, maker: Maker
) -> None:
    """Byte for byte, while the one that runs is not touched; then it is on trial."""
    before = content_of(slots.folder / "a")
    archive, artefact = maker.make("1.1.0")

    updater.judge(artefact)
    slot = install(updater, archive, artefact)
    trial = updater.try_out(slot, TRIAL)

    assert (slot, slots.current) == ("b", "b")
    assert content_of(slots.folder / "b" / "site") == content_of(maker.folder / "packages-1.1.0")
    assert content_of(slots.folder / "a") == before
    assert slots.trial() == trial == Trial("b", "a", "1.1.0", "job/1")
    assert list(slots.incoming().iterdir()) == []


@pytest.mark.parametrize("version", ["1.0.0", "0.9.9", "0.0.1"])
def test_what_is_not_newer_is_refused(updater: Updater, maker: Maker, version: str) -> None:
    """A signature stays good for ever; an old hole must not come back with it."""
    _, artefact = maker.make(version)

    with pytest.raises(BadInputError, match=r"not newer than 1\.0\.0"):
        updater.judge(artefact)


def test_what_once_proved_itself_is_the_floor(
    updater: Updater, slots: SlotsAs, maker: Maker
) -> None:
    """Also after the hub went back: 1.2.0 ran here, so 1.1.0 with its holes does not come."""
    slots.raise_floor("1.2.0")
    slots.raise_floor("1.1.5")

    with pytest.raises(BadInputError, match=r"not newer than 1\.2\.0"):
        updater.judge(maker.make("1.1.0")[1])


def test_a_floor_that_cannot_be_read_lets_nothing_in(
    updater: Updater, slots: SlotsAs, maker: Maker
) -> None:
    """Doubt is no reason to go down."""
    (slots.folder / "floor.json").write_text("{")

    with pytest.raises(OperatorError, match=r"floor\.json"):
        updater.judge(maker.make("9.0.0")[1])


@pytest.mark.parametrize(("target", "word"), [(Target.PANEL, "panel"), (Target.RADIO, "radio")])
def test_what_is_not_fitted_is_refused_in_words(
    updater: Updater, maker: Maker, target: Target, word: str
) -> None:
    """Firmware of hardware that this hub does not have."""
    artefact = msgspec.structs.replace(maker.make("1.1.0")[1], target=target)

    with pytest.raises(BadInputError, match=f"no .*{word}"):
        updater.judge(artefact)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"python": "3.9"}, "Python 3.9"),
        ({"machine": "riscv128"}, "riscv128"),
        ({"readable_from": 99, "schema": 99}, "no way back"),
    ],
)
def test_a_program_that_cannot_run_or_go_back_is_refused(
    updater: Updater, slots: SlotsAs, maker: Maker, changes: dict[str, Any], words: str
) -> None:
    """Found out before the swap, from the signed manifest; nothing of it stays."""
    archive, artefact = maker.make("1.1.0", **changes)

    with pytest.raises(BadInputError, match=words):
        install(updater, archive, artefact)

    assert not (slots.folder / "b").exists()
    assert not (slots.folder / "b.new").exists()


def test_a_manifest_of_another_version_is_refused(updater: Updater, maker: Maker) -> None:
    """The archive's own word and the signed one must be the same."""
    archive, artefact = maker.make("1.1.0", version="1.1.1")

    with pytest.raises(BadInputError, match=r"signed as 1\.1\.0, the slot says 1\.1\.1"):
        install(updater, archive, artefact)


def test_a_whole_program_that_is_not_the_signed_one_is_refused(
    updater: Updater, slots: SlotsAs, maker: Maker
) -> None:
    """It could be unpacked and started, and says the signed version: the hash alone tells."""
    other = packages_in(maker.folder / "packages-of-another", "6.6.6")
    forged = maker.make("1.1.0", packages=other)[0].read_bytes()
    archive, artefact = maker.make("1.1.0")
    archive.write_bytes(forged)

    with pytest.raises(BadInputError, match="not what was signed"):
        install(updater, archive, artefact)

    assert not (slots.folder / "b").exists()
    assert not part_of(slots.incoming(), artefact).exists()
    assert slots.current == "a"


def test_the_slot_that_runs_is_never_written(
    updater: Updater, slots: SlotsAs, maker: Maker
) -> None:
    """After a way back that is not yet restarted into, neither slot is free."""
    install(updater, *maker.make("1.1.0"))
    slots.runs = "b"

    with pytest.raises(OperatorError, match="in use"):
        install(updater, *maker.make("1.2.0"))


def test_a_server_that_breaks_off_again_and_again_is_outlasted(
    updater: Updater, maker: Maker
) -> None:
    """Each try that brings bytes is followed by another."""
    archive, artefact = maker.make("1.1.0")
    told: list[int] = []
    with serving(archive.read_bytes()) as server:
        server.breaks_after = [100] * 5
        at = msgspec.structs.replace(artefact, url=server.url)

        path = asyncio.run(updater.fetch(at, told.append))

    assert path.read_bytes() == archive.read_bytes()
    assert told[-1] == artefact.size_bytes


def test_a_server_that_stays_away_is_given_up(
    updater: Updater, maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many tries without a byte the job fails, and the operator sees why."""
    monkeypatch.setattr("agent.update.fetching.MAX_FRUITLESS", 2)

    with pytest.raises(RetryableError, match="broke off"):
        asyncio.run(updater.fetch(maker.make("1.1.0")[1], lambda _: None))


def test_a_thread_is_told_when_its_task_is_cancelled() -> None:
    """A hub that stops waits for no server."""
    ended = threading.Event()

    def work(is_wanted: Callable[[], bool]) -> None:
        while is_wanted():
            time.sleep(0.001)
        ended.set()

    async def scenario() -> None:
        task = asyncio.create_task(in_thread(work))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert ended.wait(5)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("1.2.3", "1.2.3"), ("1.2", "1.2.0"), ("1.2.3.dev4", "1.2.3"), ("2", "2.0.0")],
)
def test_the_programs_own_version_is_three_numbers(
    monkeypatch: pytest.MonkeyPatch, said: str, meant: str
) -> None:
    """What follows them (a development's mark) does not count."""
    monkeypatch.setattr("agent.versions.VERSION", said)

    assert own_version() == meant
