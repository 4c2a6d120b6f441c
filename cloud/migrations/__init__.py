"""The schema of the database, one numbered step a file (Alembic), and which schemas there are.

Does not load Alembic: most processes that start find nothing to migrate.
"""

from functools import cache
from pathlib import Path

_STEPS = Path(__file__).parent / "versions"


@cache
def schemas() -> tuple[str, ...]:
    """List every schema this program knows, the newest last: step `v0012_x.py` makes "0012"."""
    return tuple(sorted(path.name[1:].split("_")[0] for path in _STEPS.glob("v*_*.py")))
