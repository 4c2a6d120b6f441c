"""How much memory the process holds."""

import os
import resource
from pathlib import Path

PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


def resident_kib() -> int:
    """Return the resident memory now, shared pages included."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KIB


def describe(settled_kib: int, ended_kib: int) -> str:
    """Say what was held a tenth of the way on, and in the end."""
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (
        f"resident {settled_kib / 1024:.1f} MiB at 10 %, {ended_kib / 1024:.1f} MiB at 100 %, "
        f"the process's peak {peak_kib / 1024:.1f} MiB"
    )
