"""The demo's second broker: a plain one on this machine, for the messages of a simulated Glow.

The hub's own broker lets nobody in without a certificate, which no Glow has. Here are its settings
and how it is started; the stage starts and stops it.
"""

from pathlib import Path

HOST = "127.0.0.1"
PREFIX = "glow"

MAX_QUEUED_MESSAGES = 50_000
"""The simulator waits once 5,000 are queued, but is told how many are only once a second."""


def write_glow_broker_config(folder: Path, port: int) -> Path:
    """Write the settings of a broker for this machine alone; return their path."""
    path = folder / "glow-broker.conf"
    lines = (
        f"listener {port} {HOST}",
        "allow_anonymous true",
        "persistence false",
        f"max_queued_messages {MAX_QUEUED_MESSAGES}",
        "sys_interval 1",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
    )
    path.write_text("\n".join(lines) + "\n")
    return path


def glow_topics(port: int) -> str:
    """Return the address the simulator publishes under; the hub subscribes to all below it."""
    return f"mqtt://{HOST}:{port}/{PREFIX}"
