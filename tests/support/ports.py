"""Free loopback ports for the real processes that tests start."""

import socket


def free_port() -> int:
    """Return a TCP port that nothing on 127.0.0.1 listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
