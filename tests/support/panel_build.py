"""The C reference of the panel protocol, built by gcc with sanitizers: any fault ends it."""

import atexit
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

from agent.demo.reference import build_reference

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "firmware_bridge" / "reference"
TESTS = ROOT / "tests" / "firmware_bridge" / "reference"
FLAGS = (
    *("-std=c99", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all", f"-I{REFERENCE}"),
)


@functools.cache
def plain_reference() -> Path:
    """Build the host program as the demo does, once for a run of the tests."""
    folder = Path(tempfile.mkdtemp(prefix="hearthlink-panel-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return build_reference("gcc", folder)


def build_panel(folder: Path) -> Path:
    """Build the host program into a folder and return its path."""
    names = ("panel.c", "panel_codec.c", "texts.c", "picture.c", "host.c")
    return _build(folder / "panel", [REFERENCE / name for name in names])


def build_fuzz(folder: Path) -> Path:
    """Build the mutation loop into a folder and return its path."""
    return _build(folder / "fuzz", [REFERENCE / "panel.c", TESTS / "fuzz.c"])


def build_drive(folder: Path) -> Path:
    """Build the panel whose clock and line are the test's into a folder and return its path."""
    sources = [REFERENCE / "panel.c", REFERENCE / "panel_codec.c", TESTS / "drive.c"]
    return _build(folder / "drive", sources)


def _build(target: Path, sources: list[Path]) -> Path:
    done = subprocess.run(
        ["gcc", *FLAGS, *sources, "-o", target], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return target
