"""Feed each codec frames for as long as one likes: none is lost, and memory stays flat.

`python -m tests.soak.frames --count 1000000 [PROTOCOL …]`: so many telegrams of the simulated meter
to one codec after another.
"""

import argparse
import sys
import time
from collections.abc import Iterator

from firmware_bridge.meters.codec import Telegram
from shared.progress import Progress
from tests.soak.memory import describe, resident_kib
from tests.support.codecs import STREAMS, Stream

BATCH = 1_000
ROUNDS = 10
"""Making a telegram takes as long as reading it: each new one is read ten times."""

GROWTH_LIMIT_KIB = 2 * 1024
"""From a tenth of the way on: one batch more or less, and not a byte for each frame."""


def main(arguments: list[str] | None = None) -> int:
    """Run each codec and print its figures; return 1 where frames were lost or memory grew."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.frames", description=__doc__)
    names = [name for name, stream in STREAMS.items() if name == stream.protocol]
    parser.add_argument("only", nargs="*", metavar="PROTOCOL", help=f"default {', '.join(names)}")
    parser.add_argument("--count", type=int, default=20_000, help="frames to each codec")
    options = parser.parse_args(arguments)
    if unknown := set(options.only) - set(STREAMS):
        parser.error(f"no such protocol: {', '.join(sorted(unknown))}")
    results = [run_codec(STREAMS[name], options.count) for name in options.only or names]
    return int(not all(results))


def run_codec(stream: Stream, count: int) -> bool:
    """Feed one codec; print what became of it, and tell whether it lost nothing and kept flat."""
    codec = stream.build()
    fed = read = refused = settled_kib = 0
    progress = Progress(stream.name, count)
    started_s = time.monotonic()
    for frame in _frames(stream, count):
        if fed == count // 10:
            settled_kib = resident_kib()
        found = codec.feed(frame)
        fed += 1
        good = sum(isinstance(entry, Telegram) for entry in found)
        read, refused = read + bool(good), refused + len(found) - good
        if not fed % BATCH:
            progress.show(fed)
    progress.close()
    ended_kib = resident_kib()
    took_s = max(0.001, time.monotonic() - started_s)
    print(
        f"{stream.name:13} {fed:9,} frames, {read:9,} read, {refused} refused; "
        f"{describe(settled_kib, ended_kib)}; "
        f"{fed / took_s:,.0f} frames/s, making them included",
        flush=True,
    )
    return read == fed and not refused and ended_kib - settled_kib <= GROWTH_LIMIT_KIB


def _frames(stream: Stream, count: int) -> Iterator[bytes]:
    """Give so many telegrams, each batch of new ones a few times over."""
    made = stream.endless(count)
    left = count
    while left > 0:
        batch = [frame for _, frame in zip(range(min(BATCH, left)), made, strict=False)]
        for _ in range(ROUNDS):
            yield from batch[:left]
            left -= len(batch)
            if left <= 0:
                break


if __name__ == "__main__":
    sys.exit(main())
