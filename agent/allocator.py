"""Tells the C library to give memory back: one process, one heap, on a board of 512 MB.

Without it glibc keeps a heap for each thread, and lets every large buffer that was freed raise the
size from which buffers are given back. Knows no other C library: there it does nothing.
"""

import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""mallopt(3)."""

LARGE_BYTES = 64 * 1024
"""Frames and TLS records are below it; what is above is used once, and given back at once."""

ARENAS = 1


def spare_memory() -> bool:
    """Set it for this process, before its threads are started; tell whether it was taken."""
    if not is_glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    wanted = {
        M_ARENA_MAX: ARENAS,
        M_MMAP_THRESHOLD: LARGE_BYTES,
        M_TRIM_THRESHOLD: LARGE_BYTES,
    }
    return all(mallopt(name, value) == 1 for name, value in wanted.items())


def is_glibc() -> bool:
    """Tell whether this process runs on glibc."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (OSError, ValueError):
        return False
