"""The soak runs, short: what `make soak` does for minutes, and that it would tell what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_bridge.meters.codec import Refused, Telegram, refuse
from tests.soak import bills, frames, mutations, provisioning
from tests.support.codecs import STREAMS, Emit, Found, Stream


class Faulty:
    """A codec that answers as it is told to."""

    def __init__(self, answer: Callable[[bytes], Found]) -> None:
        self._answer = answer

    def feed(self, chunk: bytes) -> list[Telegram | Refused]:
        return self._answer(chunk)


def test_no_hurt_capture_raises_hangs_or_piles_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Two thousand of them, over every codec."""
    assert mutations.main(["--count", "2000"]) == 0

    assert "2,000 inputs, no exception" in capsys.readouterr().out


def test_no_frame_is_lost_and_memory_stays_flat(capsys: pytest.CaptureFixture[str]) -> None:
    """Two thousand of them to each codec."""
    assert frames.main(["--count", "2000"]) == 0

    assert "0 refused" in capsys.readouterr().out


@pytest.mark.slow
def test_no_hub_gets_anothers_identity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fifty who join at once, and two on a real broker; the record says so."""
    record = tmp_path / "soak.json"

    assert provisioning.main(["--count", "50", "--sample", "2", "--record", str(record)]) == 0

    assert capsys.readouterr().out.count(" 0 wrong identities") == 2
    kept = json.loads(record.read_text())["provisioning"]
    assert (kept["hubs"], kept["hubs_on_a_broker"], kept["wrong_identities"]) == (50, 2, 0)


def test_codec_that_works_on_without_end_is_told() -> None:
    """By the calls it makes."""

    def work_on(chunk: bytes) -> Found:
        while chunk:
            chunk.find(b"x")
        return []

    with pytest.raises(mutations.WorkError, match="calls for 100 bytes"):
        mutations.decode_counted(Faulty(work_on), bytes(100), [])


def test_error_names_the_input_that_gives_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number is enough."""

    def fail(chunk: bytes) -> Found:
        raise IndexError(len(chunk))

    source = mutations.Source("p1", b"telegram" * 50, lambda: Faulty(fail))
    monkeypatch.setattr(mutations, "STRANGERS_ONE_IN", 10**9)

    with pytest.raises(IndexError) as failed:
        mutations.run_input(7, [source], {"p1": mutations.Tally()})

    assert failed.value.__notes__ == ["p1: run it again with --first 7 --count 1"]


def test_memory_that_grows_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """By its figures and a status."""
    assert mutations.report({}, 10_000, 10_000 + mutations.GROWTH_LIMIT_KIB + 1) == 1

    assert "9.8 MiB at 10 %" in capsys.readouterr().out


def test_frame_that_is_lost_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a status."""

    def emitter() -> Emit:
        return lambda time_ms: b"%d" % time_ms

    stream = Stream("p1", "p1", emitter)
    codec = Faulty(lambda chunk: [refuse("noise", "no telegram", chunk)])
    monkeypatch.setattr(Stream, "build", lambda _self: codec)
    monkeypatch.setitem(STREAMS, "p1", stream)

    assert frames.main(["p1", "--count", "10"]) == 1


def test_protocol_that_is_none_is_told() -> None:
    """Before anything runs."""
    with pytest.raises(SystemExit):
        frames.main(["morse"])


def test_bills_are_those_on_paper(capsys: pytest.CaptureFixture[str]) -> None:
    """A dozen household-years, to the penny, with both clock changes in each."""
    assert bills.main(["--count", "12"]) == 0

    assert "12 household-years, 0 differences" in capsys.readouterr().out
