"""A torture strikes as its seed says, waits for the way to carry on, and brings it to rest."""

from pathlib import Path
from typing import Any

import pytest

from agent.torture import play as playing
from agent.torture import progress
from agent.torture.cast import Cast
from agent.torture.evidence import Evidence
from agent.torture.play import play
from agent.torture.strikes import named
from shared.errors import OperatorError


class Still:
    """Stands in for the relay."""

    def set(self, *_words: Any) -> None:
        """Change nothing."""


class StandIn(Cast):
    """A cast without processes, whose cloud stores a sample more each time it is asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 1, 1)
        self.asked = 0
        self.done: list[str] = []
        self.gone: list[str] = []
        self.missing_here: dict[str, str] = {}

    def lacking(self) -> dict[str, str]:
        """Lack what the test says."""
        return self.missing_here

    @property
    def relay(self) -> Any:
        """A link that nothing hangs on."""
        return Still()

    def stored(self, hub: str | None = None) -> dict[str, list[tuple[int, int]]]:
        """Tell of more and more."""
        self.asked += 1
        return {"log": [(1, self.asked)]}

    def ended(self) -> list[str]:
        """List what has ended by itself."""
        return self.gone

    def again(self, name: str) -> None:
        """Note a start."""
        self.done.append(f"start {name}")

    def stop(self, name: str) -> None:
        """Note a stop."""
        self.done.append(f"stop {name}")

    def resume(self, name: str) -> None:
        """Do nothing."""


class Held(Evidence):
    """A hub that holds one log of three samples."""

    def look(self, database: Path | None = None) -> dict[str, tuple[int, int]]:
        """Tell what it holds."""
        return {"log": (1, 3)}


@pytest.fixture
def strikes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the faults with two that only leave their name."""
    struck: list[str] = []
    names = {name: lambda *_words, name=name: struck.append(name) for name in ("one", "two")}
    monkeypatch.setattr(playing, "STRIKES", names)
    monkeypatch.setattr(playing, "BETWEEN_S", 0)
    monkeypatch.setattr(progress, "POLL_S", 0)
    return struck


def test_a_seed_strikes_the_same_every_time(tmp_path: Path, strikes: list[str]) -> None:
    """The schedule is the seed's, and counted."""
    course = play(StandIn(tmp_path), Held(tmp_path / "hub.sqlite"), 5, 6)
    first = list(strikes)
    strikes.clear()
    play(StandIn(tmp_path), Held(tmp_path / "hub.sqlite"), 5, 6)

    assert strikes == first
    assert sum(course.struck.values()) == len(first) == 6


def test_each_fault_strikes_before_one_does_again(tmp_path: Path, strikes: list[str]) -> None:
    """A run as long as the list of faults leaves none out; one that is chosen strikes alone."""
    play(StandIn(tmp_path), Held(tmp_path / "hub.sqlite"), 5, 4)
    every = list(strikes)
    strikes.clear()
    play(StandIn(tmp_path), Held(tmp_path / "hub.sqlite"), 5, 3, ["two"])

    assert set(every[:2]) == set(every[2:]) == {"one", "two"}
    assert strikes == ["two"] * 3


def test_a_fault_that_is_not_known_is_said() -> None:
    """Names come with commas."""
    assert named("kill-hub,link-down") == ["kill-hub", "link-down"]
    with pytest.raises(OperatorError, match="no fault 'kill-cat'"):
        named("kill-hub,kill-cat")


def test_at_the_end_everything_runs_and_the_hub_is_stopped(
    tmp_path: Path, strikes: list[str]
) -> None:
    """Each process is started where it is not running, and the hub stopped once all is stored."""
    cast = StandIn(tmp_path)

    play(cast, Held(tmp_path / "hub.sqlite"), 5, 3)

    assert strikes != []
    assert [one for one in cast.done if one.startswith("start")][:5] == [
        f"start {name}" for name in (*playing.ALL, "hub")
    ]
    assert cast.done[-1] == "stop hub"


def test_what_cannot_strike_here_is_left_out(tmp_path: Path, strikes: list[str]) -> None:
    """It is said why; and where nothing is left to strike with, the torture ends."""
    cast = StandIn(tmp_path)
    cast.missing_here = {"one": "needs root"}

    play(cast, Held(tmp_path / "hub.sqlite"), 5, 2)

    assert strikes == ["two", "two"]
    with pytest.raises(OperatorError, match="needs root"):
        play(cast, Held(tmp_path / "hub.sqlite"), 5, 2, ["one"])


def test_nothing_more_stored_ends_the_torture(
    tmp_path: Path, strikes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A way that does not carry on is found, and said of which hub."""
    monkeypatch.setattr(progress, "RECOVERY_S_MAX", 0.01)
    cast = StandIn(tmp_path)
    monkeypatch.setattr(cast, "stored", lambda _hub: {"log": [(1, 5)]})

    with pytest.raises(OperatorError, match="nothing more of hub"):
        play(cast, Held(tmp_path / "hub.sqlite"), 5, 1)
    assert len(strikes) == 1


def test_a_process_that_ends_by_itself_ends_the_torture(tmp_path: Path, strikes: list[str]) -> None:
    """A crash is never passed over."""
    cast = StandIn(tmp_path)
    cast.gone = ["ingest-1"]

    with pytest.raises(OperatorError, match="ingest-1 ended"):
        play(cast, Held(tmp_path / "hub.sqlite"), 5, 1)
    assert len(strikes) == 1
