"""The score of the captures: what is a fault, and that a peer that hangs costs only itself."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import peers, score
from tests.support.captures import ABSENT, SHELF, Capture, captures

CAPTURE = Capture(SHELF / "p1" / "made_up.txt", "p1", b"/EXM5\r\n\r\n!\r\n")


def row(good: int, decoded: int, compared: int = 4, equal: int = 4, *refused: str) -> score.Row:
    """Make a row of one file."""
    return score.Row(CAPTURE, good, good, decoded, refused, compared, equal)


def test_a_good_telegram_that_is_lost_is_a_fault() -> None:
    """Unless it is encrypted and no key is known."""
    assert row(2, 1).is_fault
    assert not row(2, 2).is_fault
    assert not row(1, 0, 0, 0, "encrypted").is_fault


def test_a_value_that_differs_is_a_fault() -> None:
    """Of however many that are right."""
    assert row(1, 1, 40, 39).is_fault


@pytest.mark.skipif(not SHELF.is_dir(), reason=ABSENT)
@pytest.mark.parametrize("capture", captures(), ids=[one.name for one in captures()])
def test_no_capture_is_a_fault(capture: Capture) -> None:
    """Each good telegram decodes, and to the values published or printed."""
    scored = score._row(capture)

    assert not scored.is_fault


def test_page_without_the_shelf_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """In plain words."""
    monkeypatch.setattr(score, "take", tuple)

    assert ABSENT in score.section()


def test_page_has_a_line_for_each_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is refused, in words, and what a peer made of it."""
    one = row(2, 1, 4, 4, "bad-crc")
    one.peers = {"dsmr-parser": peers.Answer(fault="hangs"), "amshan": peers.Answer(1, 1)}
    monkeypatch.setattr(score, "take", lambda: (one,))
    monkeypatch.setattr(score, "version", lambda _name: "1.0")

    page = score.section()

    assert "| made_up | 2 | 2 | 1 | 4 of 4 | hangs | 1 | 1 wrong checksum |" in page
    assert "1 files, 2 telegrams, 2 good, 1 decoded; 4 of 4 values equal." in page


def test_peer_that_hangs_or_ends_costs_one_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stopped, and started anew for the next one."""
    programs = iter(
        [
            "input(); import time; time.sleep(60)",
            "input()",
            'input(); print(\'{"framed": 2, "decoded": 1}\')',
        ]
    )

    def start(_peer: str) -> subprocess.Popen[bytes]:
        program = next(programs, "input()")
        return subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    monkeypatch.setattr(peers, "_start", start)
    monkeypatch.setattr(peers, "PATIENCE_S", 1)

    answers = list(peers.ask("any", [CAPTURE] * 3))

    assert [one.fault for one in answers] == ["hangs", "ends", ""]
    assert answers[2].framed == 2


def test_peer_answers_from_a_process_of_its_own() -> None:
    """One that is not installed, or raises, decodes nothing."""
    broken = Capture(Path("x.bin"), "dlms", b"\x7e\xa0")

    (answer,) = peers.ask("dlms-cosem", [broken])

    assert answer == peers.Answer()


def test_amshans_fields_are_translated_to_registers() -> None:
    """Totals to thousandths, volts and amperes likewise, its own words left out."""
    fields = {
        "meter_id": "1",
        "active_power_import": 280,
        "active_power_import_l2": 90,
        "current_l1": 1.3,
        "active_power_import_total": 22_721_380.0,
    }

    assert peers._registers(fields) == {
        "power_import_w": 280,
        "power_import_l2_w": 90,
        "current_l1_ma": 1_300,
        "import_mwh": 22_721_380_000,
    }
