"""Frames as hubs send them, from memory: some twice, some late; for the benches of ingest."""

import random
from collections.abc import Sequence
from typing import NamedTuple

from cloud.ingest.intake import Message
from shared.clock import SystemClock
from shared.frames import encode_frame, frame_of
from shared.readings import StampedSample
from shared.units import MS_PER_DAY

EVERY_MS = 10_000
LATE_SHARE, TWICE_SHARE = 0.05, 0.10
LATE_FRAMES = 24
"""How much later one comes that is late, or that comes again."""


class Feed(NamedTuple):
    """So many hubs of one meter, each of which sends so many frames of so many samples.

    `is_backlog` says that each hub's frames come together, else every hub's next one in turn.
    """

    hubs: int
    frames: int
    samples: int
    is_backlog: bool

    @property
    def frame_count(self) -> int:
        """Frames of all hubs, each once, but for the first of each, which makes it known."""
        return self.hubs * (self.frames - 1)

    @property
    def sample_count(self) -> int:
        """Samples of these frames."""
        return self.frame_count * self.samples


def history(number: int, feed: Feed) -> list[bytes]:
    """Frame the ten-second samples of one hub's meter, two months old at most."""
    rng = random.Random(number)
    start_ms = SystemClock().utc_ms() // MS_PER_DAY * MS_PER_DAY - 60 * MS_PER_DAY
    log_id, meter = number.to_bytes(16), f"M{number}"
    imported, exported, payloads = 10**9, 10**6, []
    for first in range(0, feed.frames * feed.samples, feed.samples):
        samples = []
        for seq in range(first, first + feed.samples):
            power_w = rng.randint(100, 3_000)
            imported += power_w * 1_000 * EVERY_MS // 3_600_000
            exported += rng.randint(0, 1) * 1_000
            registers = {
                "import_mwh": imported,
                "export_mwh": exported,
                "power_import_w": power_w,
            }
            samples.append(StampedSample(seq, start_ms + (seq + 1) * EVERY_MS, registers))
        payloads.append(encode_frame(frame_of(log_id, meter, 0, samples)))
    return payloads


def arrivals(payloads: Sequence[bytes], rng: random.Random) -> list[bytes]:
    """Put frames in the order they arrive in: some twice, some late."""
    placed = []
    for place, payload in enumerate(payloads):
        late = rng.randrange(1, LATE_FRAMES) + 0.5 if rng.random() < LATE_SHARE else 0
        placed.append((place + late, payload))
        if rng.random() < TWICE_SHARE:
            placed.append((place + rng.randrange(1, LATE_FRAMES) + 0.25, payload))
    return [payload for _, payload in sorted(placed, key=lambda one: one[0])]


def first_of(messages: Sequence[Message]) -> tuple[list[Message], list[Message]]:
    """Part each hub's first message from all others."""
    first = {one.thing: place for place, one in reversed(list(enumerate(messages)))}
    chosen = set(first.values())
    others = [one for place, one in enumerate(messages) if place not in chosen]
    return [messages[place] for place in sorted(chosen)], others


def messages_of(numbers: Sequence[int], feed: Feed) -> list[Message]:
    """Make what a worker takes that hears these hubs."""
    now_ms = SystemClock().utc_ms()
    lists = [
        [Message(f"hub-{number}", payload, now_ms) for payload in queue]
        for number in numbers
        for queue in [arrivals(history(number, feed), random.Random(number))]
    ]
    if feed.is_backlog:
        return [one for queue in lists for one in queue]
    longest = max(map(len, lists))
    return [queue[place] for place in range(longest) for queue in lists if place < len(queue)]
