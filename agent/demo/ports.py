"""Ports of loopback for what a demo or a test starts."""

import secrets
import socket

FIRST, LAST = 15_000, 32_000
"""Below those that Linux gives to outgoing connections (32768 and up): while a server is away, no
client that tries to reach it may be given its port."""

TRIES = 200


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free; raises OSError where none is found."""
    for _ in range(TRIES):
        port = FIRST + secrets.randbelow(LAST - FIRST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port in {TRIES} tries from {FIRST} to {LAST}")
