"""Processor time as the kernel counts it, of this process and of those below it."""

import os
import subprocess
import sys
import time

from tests.bench.processor import cpu_s, cpu_with_children_s

BUSY = "sum(range(3_000_000))"


def test_own_time_is_what_the_process_says() -> None:
    """To the kernel's tick."""
    assert abs(cpu_s(os.getpid()) - time.process_time()) < 0.05


def test_a_child_that_has_ended_counts() -> None:
    """Its time is in its parent's account from then on, not in the parent's own."""
    own_s, all_s = cpu_s(os.getpid()), cpu_with_children_s(os.getpid())

    subprocess.run([sys.executable, "-c", BUSY], check=True)

    assert cpu_with_children_s(os.getpid()) - all_s > cpu_s(os.getpid()) - own_s


def test_a_child_that_runs_counts() -> None:
    """Before it has ended too."""
    command = [sys.executable, "-c", f"{BUSY}; print('done', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()

        own_s, all_s = cpu_s(os.getpid()), cpu_with_children_s(os.getpid())

        assert all_s - own_s >= cpu_s(child.pid) > 0
        child.communicate(b"\n")
