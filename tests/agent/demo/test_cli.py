"""What `hearthlink demo` returns, with nothing behind it that would run."""

import signal
from pathlib import Path
from typing import Any, Self

import pytest

from agent.demo import check, cli, play, stage
from agent.demo.check import Summary

WHOLE = Summary(*(10, 10, 10, 10), *(0, 0, 0), *(0, 0, 0))
LOSSY = Summary(*(10, 10, 9, 10), *(1, 0, 0), *(0, 0, 0))


class EmptyStage:
    """A stage on which nothing plays."""

    def __init__(self, _chosen: object, *, has_panel: bool) -> None:
        del has_panel
        self.has_ended_readings = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        """Nothing was started."""

    def end_readings(self) -> None:
        """Note that it was asked for."""
        self.has_ended_readings = True


def _run(
    monkeypatch: pytest.MonkeyPatch, summary: Summary | None, folder: Path, *words: str
) -> int:
    def judge(shown: EmptyStage) -> Any:
        assert shown.has_ended_readings
        assert summary is not None, "nobody has asked what came of it"
        return summary

    monkeypatch.setattr(stage, "Stage", EmptyStage)
    monkeypatch.setattr(play, "play_demo", lambda _stage, _seconds: None)
    monkeypatch.setattr(check, "check_demo", judge)
    monkeypatch.setattr(signal, "signal", lambda *_handler: None)
    return cli.run([f"--state={folder}", *words])


def test_a_demo_that_was_looked_at_ends_well(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ended by hand without a word of a summary: nothing is judged."""
    assert _run(monkeypatch, None, tmp_path) == 0


@pytest.mark.parametrize("words", [("--json",), ("--seconds=1",)])
@pytest.mark.parametrize(("summary", "status"), [(WHOLE, 0), (LOSSY, 1)])
def test_a_demo_that_is_judged_says_whether_all_is_there(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    words: tuple[str, ...],
    summary: Summary,
    status: int,
) -> None:
    """By its exit status too, for a script."""
    assert _run(monkeypatch, summary, tmp_path, *words) == status
