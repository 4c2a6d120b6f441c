"""The words of what goes wrong at a simulated panel."""

from fractions import Fraction
from pathlib import Path

import pytest

from firmware_bridge.simulator.panel_faults import (
    BABBLE_FOR_MS,
    FlashFaults,
    PanelFaults,
    Spell,
    Trouble,
    read_panel_faults,
)
from shared.errors import OperatorError


def test_every_word_is_read() -> None:
    """Rates, times, lengths, the version and the banner."""
    text = (
        "flip=1/2000,lose=1/3000,drop=1/50,stall=3s@10s,reset@5s,loop=200ms@1m+10s,babble@2s,"
        "flood@5s+4s,version=2,banner,seed=9,brownout=40,corrupt=60"
    )

    assert read_panel_faults(text) == PanelFaults(
        flip=Fraction(1, 2000),
        lose=Fraction(1, 3000),
        drop=Fraction(1, 50),
        spells=(
            Spell(Trouble.STALL, 10_000, 3_000),
            Spell(Trouble.RESET, 5_000),
            Spell(Trouble.LOOP, 60_000, 10_000, 200),
            Spell(Trouble.BABBLE, 2_000, BABBLE_FOR_MS),
            Spell(Trouble.FLOOD, 5_000, 4_000),
        ),
        version=2,
        has_banner=True,
        seed=9,
        flash=FlashFaults(40, 60),
    )


def test_a_file_says_the_same(tmp_path: Path) -> None:
    """TOML, as for meters."""
    path = tmp_path / "bad.toml"
    path.write_text('flip = "1/10"\nreset = ["@1s", "@2s"]\nseed = 3\n')

    assert read_panel_faults(str(path)) == PanelFaults(
        flip=Fraction(1, 10),
        spells=(Spell(Trouble.RESET, 1_000), Spell(Trouble.RESET, 2_000)),
        seed=3,
    )


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("swap@1h", "use one of: babble, banner, brownout, corrupt, drop"),
        ("flip=2/1", "one in so many"),
        ("stall@3s", "stall=3s@10s"),
        ("stall=3s@1s+1s", "stall=3s@10s"),
        ("reset", "reset@5s"),
        ("reset=3s@5s", "reset@5s"),
        ("loop=200ms@5s", "loop=200ms@5s+10s"),
        ("version=0", "version=2"),
        ("version=999", "version=2"),
        ("banner=1", "banner"),
        ("brownout", "brownout=200"),
        ("corrupt=60@5s", "corrupt=200"),
        ("brownout=1h", "brownout=200"),
        ("babble@x", "babble@5s+10s"),
    ],
)
def test_a_wrong_word_is_named_with_how_to_write_it(text: str, hint: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(OperatorError) as caught:
        read_panel_faults(text)

    assert text.partition("=")[0].partition("@")[0] in caught.value.message
    assert hint in caught.value.hint


def test_a_spell_holds_for_its_time() -> None:
    """From its start, its end not included."""
    spell = Spell(Trouble.BABBLE, 1_000, 500)

    assert [spell.holds(at_ms) for at_ms in (999, 1_000, 1_499, 1_500)] == [
        False,
        True,
        True,
        False,
    ]
