"""What the hub's process loads, and what it leaves until it is wanted."""

import subprocess
import sys

LARGE = ("awscrt", "cryptography", "paho", "pydantic", "smp", "smpclient", "zigpy")
"""Libraries of megabytes, each for one way to the cloud, one kind of meter or one rare deed."""

PROGRAM = """
import sys
import agent.app
print(*sorted(sys.modules))
"""


def test_a_hub_loads_no_large_library_before_it_is_wanted() -> None:
    """On a board of 512 MB each would stay for as long as the hub runs."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )

    assert not set(LARGE) & set(done.stdout.split())
