"""A script of faults: every word reads, every mistake is named with its fix."""

from fractions import Fraction
from pathlib import Path

import pytest

from firmware_bridge.simulator.fault_spec import read_faults
from firmware_bridge.simulator.faults import FOR_EVER_MS, Event, Happening, Rate
from shared.errors import OperatorError
from shared.units import MS_PER_DAY, MS_PER_HOUR


def test_rates_are_exact_fractions() -> None:
    """One in so many bytes or telegrams."""
    faults = read_faults("flip=1/2000, lose=3/100,drop=1/500,cut=1/9,replay=1/7,glue=1/2,trickle=1")

    assert faults.rates == {
        Rate.FLIP: Fraction(1, 2_000),
        Rate.LOSE: Fraction(3, 100),
        Rate.DROP: Fraction(1, 500),
        Rate.CUT: Fraction(1, 9),
        Rate.REPLAY: Fraction(1, 7),
        Rate.GLUE: Fraction(1, 2),
        Rate.TRICKLE: Fraction(1),
    }
    assert faults.happenings == ()


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("stall=30s@1h", Happening(Event.STALL, MS_PER_HOUR, 30_000)),
        ("unplug=250ms@1d12h", Happening(Event.UNPLUG, 36 * MS_PER_HOUR, 250)),
        ("swap@3d", Happening(Event.SWAP, 3 * MS_PER_DAY, 0)),
        ("wrap=gas", Happening(Event.WRAP, what="gas")),
        (
            "stuck=import@2d+6h",
            Happening(Event.STUCK, 2 * MS_PER_DAY, 6 * MS_PER_HOUR, "import"),
        ),
        ("stuck=gas@0s", Happening(Event.STUCK, 0, FOR_EVER_MS, "gas")),
        ("glitch=export@1m", Happening(Event.GLITCH, 60_000, 0, "export")),
        ("zero@1m", Happening(Event.ZERO, 60_000, 10_000)),
        ("zero@1m+2s", Happening(Event.ZERO, 60_000, 2_000)),
        ("invalid=import@1m+5s", Happening(Event.INVALID, 60_000, 5_000, "import")),
        (
            "clock=+1h@1d",
            Happening(Event.CLOCK, MS_PER_DAY, FOR_EVER_MS, amount_ms=MS_PER_HOUR),
        ),
        ("clock=-90s@1d+1h", Happening(Event.CLOCK, MS_PER_DAY, MS_PER_HOUR, "", -90_000)),
        ("clock=1970@1d", Happening(Event.RESET_CLOCK, MS_PER_DAY)),
        ("drift=+20s/d", Happening(Event.DRIFT, amount_ms=20_000)),
        ("reset@10m", Happening(Event.RESET, 600_000, 0)),
        ("error@1h", Happening(Event.ERROR, MS_PER_HOUR, 0)),
        ("leave@1h+5m", Happening(Event.LEAVE, MS_PER_HOUR, 300_000)),
        ("lost=gas@1d+6h", Happening(Event.LOST, MS_PER_DAY, 6 * MS_PER_HOUR, "gas")),
    ],
)
def test_each_happening_reads(word: str, expected: Happening) -> None:
    """What, when, for how long."""
    assert read_faults(word).happenings == (expected,)


def test_the_cable_and_the_meter_are_told_apart() -> None:
    """In the order they were written, with the seed of chance."""
    faults = read_faults("unplug=1s@1h,swap@1d,stall=1s@2h,seed=7")

    assert faults.seed == 7
    assert [one.event for one in faults.on_line()] == [Event.UNPLUG, Event.STALL]
    assert [one.event for one in faults.on_meter()] == [Event.SWAP]


def test_what_befalls_the_radio_is_neither_cable_nor_meter() -> None:
    """And is named, so that it can be refused where there is no radio."""
    faults = read_faults("reset@1h,air=1/5,stall=1s@2h,leave@3h+1m,swap@1d")

    assert [one.event for one in faults.in_air()] == [Event.RESET, Event.LEAVE]
    assert [one.event for one in faults.on_line()] == [Event.STALL]
    assert [one.event for one in faults.on_meter()] == [Event.SWAP]
    assert faults.of_radio() == ["air", "leave", "reset"]
    assert read_faults("stall=1s@2h,drop=1/9").of_radio() == []


def test_a_file_says_the_same_as_the_line(tmp_path: Path) -> None:
    """A key a word; a list where a word comes more than once."""
    path = tmp_path / "bad day.toml"
    path.write_text(
        'flip = "1/2000"\nswap = "@3d"\nstall = ["30s@1h", "5s@2h"]\nzero = "@1d+5s"\nseed = 4\n'
    )

    assert read_faults(str(path)) == read_faults(
        "flip=1/2000,swap@3d,stall=30s@1h,stall=5s@2h,zero@1d+5s,seed=4"
    )


@pytest.mark.parametrize(
    ("spec", "word", "fix"),
    [
        ("flop=1/2", "'flop=1/2'", "flip"),
        ("", "''", "use one of"),
        ("drop=1/5,,", "''", "use one of"),
        ("Flip=1/2", "'Flip=1/2'", "use one of"),
        ("flip", "'flip'", "flip=1/500"),
        ("flip=0/5", "'flip=0/5'", "flip=1/500"),
        ("flip=2/1", "'flip=2/1'", "flip=1/500"),
        ("flip=1/0", "'flip=1/0'", "flip=1/500"),
        ("drop=0.1", "'drop=0.1'", "drop=1/500"),
        ("drop=1/9@1h", "'drop=1/9@1h'", "drop=1/500"),
        ("seed=x", "'seed=x'", "seed=7"),
        ("stall=30s", "'stall=30s'", "stall=30s@1h"),
        ("stall=30@1h", "'stall=30@1h'", "stall=30s@1h"),
        ("stall=30s@1h+2h", "'stall=30s@1h+2h'", "stall=30s@1h"),
        ("unplug@1h", "'unplug@1h'", "unplug=10s@2h"),
        ("swap=1@1h", "'swap=1@1h'", "swap@3d"),
        ("swap", "'swap'", "swap@3d"),
        ("wrap=heat", "'wrap=heat'", "wrap=import"),
        ("wrap=gas@1h", "'wrap=gas@1h'", "wrap=import"),
        ("stuck=power@1h", "'stuck=power@1h'", "stuck=import@2d+6h"),
        ("stuck=import@", "'stuck=import@'", "stuck=import@2d+6h"),
        ("glitch=import@1h+x", "'glitch=import@1h+x'", "glitch=import@2d"),
        ("zero=import@1h", "'zero=import@1h'", "zero@2d+10s"),
        ("clock=1h@1d", "'clock=1h@1d'", "clock=+1h@1d"),
        ("clock=+1h", "'clock=+1h'", "clock=+1h@1d"),
        ("drift=+20s", "'drift=+20s'", "drift=+20s/d"),
        ("drift=+20s/d@1h", "'drift=+20s/d@1h'", "drift=+20s/d"),
        ("reset", "'reset'", "reset@1h"),
        ("reset=1@1h", "'reset=1@1h'", "reset@1h"),
        ("error@1h+5m", "'error@1h+5m'", "error@1h"),
        ("leave@1h", "'leave@1h'", "leave@1h+5m"),
        ("leave@1h+0s", "'leave@1h+0s'", "leave@1h+5m"),
        ("air=6/5", "'air=6/5'", "air=1/500"),
        ("lost=water@1h", "'lost=water@1h'", "lost=gas@1d+6h"),
    ],
)
def test_a_mistake_names_the_word_and_the_fix(spec: str, word: str, fix: str) -> None:
    """Whoever wrote the script sees what to write instead."""
    with pytest.raises(OperatorError) as caught:
        read_faults(spec)

    assert word in caught.value.message
    assert fix in caught.value.hint


@pytest.mark.parametrize("content", [None, "flip = ", b"\xff\xfe"])
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, content: str | bytes | None) -> None:
    """It is missing, no TOML, or no text."""
    path = tmp_path / "faults.toml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(OperatorError, match=r"faults\.toml cannot be read"):
        read_faults(str(path))


def test_what_no_oracle_can_answer_for_is_named() -> None:
    """Changed bytes where nothing checks them, and a wrong clock anywhere."""
    faults = read_faults("flip=1/9,cut=1/9,drop=1/9,clock=+1h@1d,drift=+1s/d,swap@1d")

    assert faults.unprovable(is_checked=True) == ["clock"]
    assert faults.unprovable(is_checked=False) == ["clock", "cut", "flip"]
    assert read_faults("drop=1/9,swap@1d").unprovable(is_checked=False) == []


def test_every_word_is_explained() -> None:
    """The page for people has each word that the grammar knows."""
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "simulate.md").read_text()

    with pytest.raises(OperatorError) as caught:
        read_faults("?")

    for word in caught.value.hint.removeprefix("use one of: ").split(", "):
        assert f"`{word}=" in page or f"`{word}@" in page
