"""Fuzzing the panel's C reference: what it begins with, records, and says without clang."""

import json
import stat
from pathlib import Path

import pytest

from firmware_bridge.display.framing import SmpLine, Splitter
from tests.soak import fuzzing
from tests.soak.fuzzing import FRAME, PANEL_FUZZ, WELCOME, build, main, seeds

COMPILER = """#!/bin/sh
while [ "$1" != -o ]; do shift; done
cat > "$2" <<'PROGRAM'
#!/bin/sh
for last in "$@"; do :; done
ls "$last" | wc -l
echo "Done 4321 runs in 2 second(s)" >&2
exit STATUS
PROGRAM
chmod +x "$2"
"""


def compiler(folder: Path, status: int) -> str:
    """Make what stands in for clang: its programs say what libFuzzer says, and end as they are."""
    path = folder / "clang"
    path.write_text(COMPILER.replace("STATUS", str(status)))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture(name="record")
def _record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(fuzzing, "RECORD", tmp_path / "soak.json")
    return tmp_path / "soak.json"


def test_it_begins_with_every_message_and_every_stream() -> None:
    """Frames without their CRC, for no mutation would find one; and what a line carries."""
    first = list(seeds())

    frames = [one for one in first if one[0] & FRAME]
    streams = [one[1:] for one in first if not one[0] & FRAME]
    assert {one[2] for one in frames} >= set(range(1, 12))
    assert all(one[0] & WELCOME for one in frames)
    pieces = [piece for one in streams for piece in Splitter().feed(one)]
    assert any(isinstance(piece, SmpLine) for piece in pieces)


@pytest.mark.parametrize(("status", "findings"), [(0, 0), (77, 1)])
def test_what_was_tried_adds_up(
    tmp_path: Path, record: Path, monkeypatch: pytest.MonkeyPatch, status: int, findings: int
) -> None:
    """Executions, seconds, and the runs in which a sanitizer said something."""
    made = compiler(tmp_path, status)
    monkeypatch.setattr(fuzzing, "find_clang", lambda: made)

    assert main(["2"]) == main(["3"]) == int(status != 0)

    told = json.loads(record.read_text())[PANEL_FUZZ]
    assert (told["runs"], told["executions"], told["seconds"]) == (2, 8_642, 5)
    assert told["findings"] == 2 * findings


def test_without_clang_that_is_said_and_nothing_is_recorded(
    record: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was not run must not look as if it had found nothing."""
    monkeypatch.setattr(fuzzing, "find_clang", lambda: None)

    assert main(["2"]) == 2

    assert "apt install clang" in capsys.readouterr().out
    assert not record.exists()


def test_a_clang_without_its_sanitizers_is_told_with_the_package(tmp_path: Path) -> None:
    """It compiles and does not link."""
    broken = tmp_path / "clang"
    broken.write_text("#!/bin/sh\necho 'cannot find libclang_rt.fuzzer' >&2\nexit 1\n")
    broken.chmod(0o755)

    with pytest.raises(RuntimeError, match="apt install clang"):
        build(str(broken), tmp_path)


@pytest.mark.parametrize("words", [[], ["soon"], ["1", "2"]])
def test_it_is_told_for_how_long(words: list[str]) -> None:
    """Nothing is run for good by mistake."""
    assert main(words) == 2
