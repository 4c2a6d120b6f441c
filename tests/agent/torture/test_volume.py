"""A volume goes read-only under an open file and is mended; without root it is said instead."""

import subprocess
import sys
from pathlib import Path

from agent.torture.cast import READ_ONLY, Cast

PROGRAM = """
import os, sys
from pathlib import Path
from agent.torture.volume import Volume, take_own_mounts

if not take_own_mounts():
    sys.exit("not permitted")
image, folder = Path(sys.argv[1]) / "card.img", Path(sys.argv[1]) / "card"
volume = Volume(image, folder)
volume.make()
(folder / "durable").write_text("kept")
os.sync()
file = os.open(folder / "open", os.O_WRONLY | os.O_CREAT)
volume.fail()
try:
    os.write(file, b"more")
except OSError as error:
    print(error.strerror)
os.close(file)
volume.mend()
(folder / "after").write_text("written")
volume.leave(Path(sys.argv[1]) / "aside")
"""


def test_a_volume_fails_under_an_open_file_and_is_mended(tmp_path: Path) -> None:
    """What was durable is there afterwards, and the folder holds it without the mount."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    if "not permitted" in done.stderr:
        assert READ_ONLY in Cast(tmp_path / "state", 1, 1).lacking()
        return
    assert (done.stdout, done.stderr) == ("Read-only file system\n", "")
    assert (tmp_path / "card" / "durable").read_text() == "kept"
    assert (tmp_path / "card" / "after").read_text() == "written"
    assert not (tmp_path / "card").is_mount()
