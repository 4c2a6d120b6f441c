"""Processor time that processes have taken, as the kernel counts it; not only one's own."""

import os
from pathlib import Path


def cpu_s(pid: int) -> float:
    """Tell how long a process has computed, without its children, in seconds."""
    user, system, _, _ = _times(pid)
    return (user + system) / os.sysconf("SC_CLK_TCK")


def cpu_with_children_s(pid: int) -> float:
    """Tell the same of a process, of its children, and of those that have ended and been awaited.

    Children of children count once they have ended, as far as their parents awaited them.
    """
    taken = sum(_times(pid)) / os.sysconf("SC_CLK_TCK")
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            taken += cpu_s(int(child))
        except FileNotFoundError:
            # It has ended in between: its parent's account has it at the next look.
            continue
    return taken


def _times(pid: int) -> tuple[int, int, int, int]:
    """Read user and system time, then those of children that were awaited, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    user, system, user_below, system_below = map(int, fields[11:15])
    return user, system, user_below, system_below
