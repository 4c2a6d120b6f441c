"""Clocks that a test sets."""


class StillClock:
    """A machine's clock that a test sets: its boot has a name, its wall time may be wrong."""

    def __init__(self, boot_id: str = "boot", utc_ms: int = 1_000) -> None:
        self.boot_id = boot_id
        self.monotonic = 0
        self.wall_ms = utc_ms

    def monotonic_ms(self) -> int:
        """Milliseconds since the boot."""
        return self.monotonic

    def utc_ms(self) -> int:
        """What the machine takes for the time."""
        return self.wall_ms
