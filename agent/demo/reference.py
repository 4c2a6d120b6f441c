"""Builds the panel's C reference, which lies in the installation, with this machine's compiler."""

import shutil
import subprocess
from pathlib import Path

from shared.errors import OperatorError

FOLDER = Path(__file__).parents[2] / "firmware_bridge" / "reference"
SOURCES = ("panel.c", "panel_codec.c", "texts.c", "picture.c", "host.c")
BUILD_S_MAX = 120.0
"""It takes a second on a laptop, and some on a Pi of the first kind."""


def find_compiler() -> str | None:
    """Find a C compiler; None where there is none."""
    return shutil.which("gcc") or shutil.which("cc")


def build_reference(compiler: str, folder: Path) -> Path:
    """Build the host program into a folder and return its path; OperatorError where that fails."""
    target = folder / "panel-reference"
    done = subprocess.run(  # noqa: S603 (our own sources)
        [compiler, "-std=c99", "-O1", *(str(FOLDER / name) for name in SOURCES), "-o", str(target)],
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_S_MAX,
    )
    if done.returncode:
        raise OperatorError(
            f"the panel's C reference does not build: {done.stderr.strip()[-500:]}",
            hint="apt install gcc libc6-dev",
        )
    return target
