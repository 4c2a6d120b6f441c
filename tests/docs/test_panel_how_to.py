"""docs/how-to/build-a-panel.md: its commands run as they stand, and its code compiles."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from agent.config import read_config
from firmware_bridge.display.messages import CLASSES
from tests.support.pictures import read_picture

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "how-to" / "build-a-panel.md").read_text()
BLOCKS = re.findall(r"```(sh|c|toml)\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    """The repository's folder, as far as the page needs it."""
    for name in ("firmware_bridge", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def run(script: str, folder: Path) -> str:
    """Run a block as a shell would, with this installation's command on the path."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_maker_comes_from_the_vectors_to_a_panel(folder: Path) -> None:
    """Every command and every file of the page, in their order."""
    told = []
    for kind, block in BLOCKS:
        if kind == "c":
            (folder / "my-panel" / "firmware.c").write_text(block)
        elif kind == "sh":
            told.append(run(block, folder))

    assert re.fullmatch(r"ram \d+\n", told[0])
    checked = (folder / "told.txt").read_text().splitlines()
    assert len(checked) >= len(CLASSES)
    assert (folder / "my-panel" / "firmware.o").exists()
    assert "set panel.port to it" in told[-1]
    assert read_picture((folder / "panel.png").read_bytes()).size == (432, 256)


@pytest.mark.parametrize("block", [block for kind, block in BLOCKS if kind == "toml"])
def test_settings_are_the_hubs(block: str, tmp_path: Path) -> None:
    """With a meter beside them they are a configuration."""
    written = tomllib.loads(block)
    written["meter"] = {"link": "replay:none"}
    written["hub"] = {"state_dir": str(tmp_path)}

    assert read_config(written, {}, "the page").panel_port.startswith("/")
