"""docs/how-to/update-a-panel.md, done as it says: imgtool's commands and ours, on a panel."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from imgtool import main  # type: ignore[import-untyped]

from agent import panel_command as cli
from firmware_bridge.simulator.smp_flash import Flash
from shared.cli import EXIT_OK
from tests.support.firmware import FirmwareMaker
from tests.support.panel_board import Board
from tests.support.panel_pty import panel_on_pty
from tests.support.panel_updates import OLD

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "update-a-panel.md"


def commands(program: str) -> list[list[str]]:
    """Take the page's own commands of one program."""
    lines = re.findall(rf"^{program} (.*)$", PAGE.read_text(), re.MULTILINE)
    return [shlex.split(line) for line in lines]


def imgtool(words: list[str]) -> None:
    """Do what the command imgtool does, with what the page redirects."""
    target = None
    if ">" in words:
        words, target = words[: words.index(">")], words[-1]
    done = CliRunner().invoke(main.imgtool, words)
    assert done.exit_code == 0, done.output
    if target is not None:
        Path(target).write_text(done.stdout)


def as_delivered() -> bytes:
    """Make the firmware that a panel is delivered with, by the page's own command."""
    ((sign),) = [words for words in commands("imgtool") if words[0] == "sign"]
    changed = {"1.1.0": "1.0.0", "panel-1.1.0.bin": "panel-1.0.0.bin"}
    imgtool([changed.get(word, word) for word in sign])
    return Path("panel-1.0.0.bin").read_bytes()


def test_the_page_leads_from_a_key_to_a_panel_that_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Key, signature, a look, and the update; with MCUboot's own tool as the maker's."""
    monkeypatch.chdir(tmp_path)
    Path("app.bin").write_bytes(bytes(range(256)) * 30)
    for words in commands("imgtool"):
        imgtool(words)
    inspect, update = commands("hearthlink panel")
    board = Board(Flash.with_image(as_delivered(), sectors=4), Path("maker.pub.pem").read_text())

    assert cli.run(inspect) == EXIT_OK
    said = capsys.readouterr().out
    assert "version        1.1.0" in said
    assert "board          panel-a" in said

    with panel_on_pty(board, Path("ttyACM0")) as port:
        assert cli.run([port if word == "/dev/ttyACM0" else word for word in update]) == EXIT_OK
    assert capsys.readouterr().out == "the panel runs version 1.1.0\n"
    assert board.started == ["1.0.0", "1.1.0"]
    assert board.flash.slots[0].is_confirmed
    assert not list(tmp_path.glob("*.journal"))


def test_the_words_that_the_page_explains_are_those_of_the_program() -> None:
    """What goes wrong is told by the sentences that stand in the table."""
    source = "".join(
        (PAGE.parents[2] / "firmware_bridge" / "display" / name).read_text()
        for name in ("update.py", "update_moves.py")
    )
    page = PAGE.read_text()

    for words in (
        "did not say HELLO within 30 s",
        "the bootloader did not take the image",
        "switch the panel off and on",
        "the panel went back to",
        "refused: ",
    ):
        assert words in page
        assert words in source


def test_each_option_that_the_page_names_is_one() -> None:
    """And the commands of the page are understood."""
    for words in commands("hearthlink panel"):
        cli.build_parser().parse_args(words)
    usage = cli.build_parser().parse_args(
        ["update", "f", "--port", "p", "--allow-older", "--json", "--config", "hub.toml"]
    )

    assert usage.allow_older
    assert FirmwareMaker().make(OLD)[:4] == b"\x3d\xb8\xf3\x96"
