"""Makes the source tree what an installed hub is: compiled.

pip compiles what it installs. A tree that is only read (PYTHONDONTWRITEBYTECODE) would be compiled
anew with every start, and the compiler's memory counted as the hub's.
"""

import compileall
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("agent", "cloud", "firmware_bridge", "shared")


def compile_packages() -> None:
    """Compile the four packages, as far as they are not."""
    for name in PACKAGES:
        assert compileall.compile_dir(ROOT / name, quiet=1), f"{name} does not compile"
