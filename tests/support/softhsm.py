"""A software token for tests: SoftHSM with one token, made once for the whole run.

The module reads its configuration when it is loaded into a process, and keeps it.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from agent.identity.token import Token

LABEL = "hearthlink-tests"
PIN = "4711-tests"
MODULES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
_made: list[Token] = []


def software_token() -> Token:
    """Return the run's token, made on first use."""
    if not _made:
        module = next((Path(one) for one in MODULES if Path(one).exists()), None)
        assert module is not None, "SoftHSM is not installed: run 'make setup'"
        folder = Path(tempfile.mkdtemp(prefix="hearthlink-softhsm-"))
        (folder / "tokens").mkdir()
        config = folder / "softhsm2.conf"
        config.write_text(
            f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n"
        )
        os.environ["SOFTHSM2_CONF"] = str(config)
        tool = shutil.which("softhsm2-util")
        assert tool is not None, "softhsm2-util is not installed: run 'make setup'"
        subprocess.run(
            [tool, "--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", PIN],
            check=True,
            capture_output=True,
        )
        _made.append(Token(module, LABEL, PIN))
    return _made[0]
