"""The pages on provisioning, done as they say: every `sh` block is run, against the real cloud."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.generate import ROOT
from tests.support.way import Way

BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
CLAIM = re.compile(r"hearthlink:\S+/\S+")
MAY_FIND_FAULTS = ("hearthlink doctor",)
"""What says how the hub is says that this one does not run."""


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    """The cloud, with its device service."""
    with Way(tmp_path_factory.mktemp("way")) as made:
        made.start_devices()
        yield made


def commands_of(page: str) -> list[str]:
    """List the commands of a page's `sh` blocks, in their order."""
    text = (ROOT / "docs" / "how-to" / page).read_text()
    return [
        line.strip()
        for _, block in BLOCK.findall(text)
        for line in block.splitlines()
        if line.strip()
    ]


@pytest.mark.slow
@pytest.mark.parametrize("page", ["install.md", "provision.md"])
def test_the_page_does_what_it_says(way: Way, page: str) -> None:
    """Each command ends well; the claim that one prints is what the next ones use."""
    environment = {
        **os.environ,
        **way._cloud("cloud-devices"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HEARTHLINK_HUB_STATE_DIR": str(way.folder / page),
        "HEARTHLINK_PROVISION_CLAIM_FILE": "",
        "HEARTHLINK_PAGE_PORT": "0",
        "HEARTHLINK_METER_LINK": "replay:none",
    }
    ran = commands_of(page)
    for command in ran:
        done = subprocess.run(
            ["bash", "-c", command],
            env=environment,
            cwd=way.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        said = f"{command}: {done.stdout}{done.stderr}\n{way._logs()}"
        assert done.returncode == 0 or command in MAY_FIND_FAULTS, said
        claim = CLAIM.search(done.stdout)
        if "fleet claim" in command:
            assert claim is not None, said
            environment["CLAIM"] = claim[0]

    assert any("hearthlink provision" in command for command in ran)
    assert (way.folder / page / "identity" / "current" / "device.crt").exists()
