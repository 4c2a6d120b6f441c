"""Asks the kernel whether the machine's clock is disciplined by NTP, and how well."""

import ctypes
import ctypes.util

TIME_ERROR = 5
"""adjtimex(2): the clock is not synchronised."""

TIMEX_BYTES = 256
"""More than sizeof(struct timex), 208 bytes on 64-bit Linux."""

MAXERROR_OFFSET = 24
"""Where `maxerror` (microseconds) stands in struct timex on 64-bit Linux: the fourth field."""


def clock_error_ms() -> int | None:
    """Tell the kernel's bound on the clock's error in milliseconds.

    None where the clock is not synchronised, or the kernel will not say (a strict sandbox).
    """
    libc = ctypes.CDLL(ctypes.util.find_library("c") or "libc.so.6")
    timex = ctypes.create_string_buffer(TIMEX_BYTES)
    state = libc.adjtimex(timex)
    if state < 0 or state == TIME_ERROR:
        return None
    maxerror_us = ctypes.c_long.from_buffer(timex, MAXERROR_OFFSET).value
    return maxerror_us // 1_000
