"""Hurt captures for as long as one likes: no exception, no hang, no growth, whatever comes.

`python -m tests.soak.mutations --count 100000`. Real captures where the shelf is on this machine,
and telegrams of every simulated meter. Work is bounded by counting calls, not by a clock, so that a
busy machine changes nothing; each input is its number's alone and can be run again by itself.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from types import FrameType

from firmware_bridge.meters.catalog import CODECS, codec_for
from firmware_bridge.meters.codec import Codec, Refused
from shared.progress import Progress
from tests.soak.memory import describe, resident_kib
from tests.support.captures import ABSENT, captures
from tests.support.codecs import KEYS, STREAMS, ZONE, Found, decode_split, mutated

MUTATIONS = (1, 2, 4, 8, 40)
"""From one wrong byte among whole telegrams to hardly one left whole."""

MAX_READS = 20
STRANGERS_ONE_IN = 4
"""So many inputs go to a codec they are not for, as after a wrong configuration."""

CALLS_A_BYTE = 100
CALLS_AT_LEAST = 20_000
"""Five times the most that was ever counted; a loop without end passes it within a second."""

GROWTH_LIMIT_KIB = 8 * 1024
"""From a tenth of the way on: what the allocator keeps, and not a byte for each input."""

SETTLED_TENTHS = 1


class WorkError(Exception):
    """A codec did more for an input than its length explains."""


@dataclass(slots=True)
class Tally:
    """What became of the inputs of one protocol."""

    inputs: int = 0
    telegrams: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    most_calls_a_byte: float = 0.0


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes to hurt, and the codec they are for."""

    protocol: str
    content: bytes
    build: Callable[[], Codec]


def main(arguments: list[str] | None = None) -> int:
    """Run the inputs and print what became of them; return 1 where memory grew."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.mutations", description=__doc__)
    parser.add_argument("--count", type=int, default=2_000, help="how many inputs")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    options = parser.parse_args(arguments)
    sources = find_sources()
    for source in sources:
        # What a codec loads when it is first used belongs to no input.
        decode_split(source.build(), source.content, [])
    if not captures():
        print(f"{ABSENT}: simulated telegrams alone")
    tallies: dict[str, Tally] = {protocol: Tally() for protocol in CODECS}
    settled_kib = 0
    progress = Progress("mutations", options.count)
    for done in range(options.count):
        if done == options.count * SETTLED_TENTHS // 10:
            settled_kib = resident_kib()
        run_input(options.first + done, sources, tallies)
        progress.show(done)
    progress.close()
    return report(tallies, settled_kib, resident_kib())


def find_sources() -> list[Source]:
    """Gather what is hurt: each capture, and a few telegrams of each simulated meter."""
    real = [
        Source(one.protocol, one.content, partial(codec_for, one.protocol, ZONE, one.keys))
        for one in captures()
        if one.protocol in CODECS
    ]
    made = [Source(one.protocol, b"".join(one.telegrams(6)), one.build) for one in STREAMS.values()]
    return real + made


def run_input(number: int, sources: list[Source], tallies: dict[str, Tally]) -> None:
    """Hurt and decode one input; an error is raised with the number that gives it again."""
    draw = random.Random(number)
    source = sources[number % len(sources)]
    protocol, build = source.protocol, source.build
    if not draw.randrange(STRANGERS_ONE_IN):
        protocol = draw.choice(list(CODECS))
        build = partial(codec_for, protocol, ZONE, KEYS)
    content = mutated(draw, source.content, draw.choice(MUTATIONS))
    reads = [draw.randrange(len(content) + 1) for _ in range(draw.randrange(MAX_READS))]
    try:
        found, calls = decode_counted(build(), content, reads)
    except Exception as error:
        error.add_note(f"{protocol}: run it again with --first {number} --count 1")
        raise
    tally = tallies[protocol]
    tally.inputs += 1
    tally.most_calls_a_byte = max(tally.most_calls_a_byte, calls / max(200, len(content)))
    for entry in found:
        if isinstance(entry, Refused):
            tally.refused[entry.reason] += 1
        else:
            tally.telegrams += 1


def decode_counted(codec: Codec, content: bytes, reads: list[int]) -> tuple[Found, int]:
    """Decode, counting every call made; raise WorkError where they are too many for the bytes."""
    limit = CALLS_AT_LEAST + CALLS_A_BYTE * len(content)
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")
        if calls > limit:
            raise WorkError(f"more than {limit} calls for {len(content)} bytes")

    sys.setprofile(count)
    try:
        return decode_split(codec, content, reads), calls
    finally:
        sys.setprofile(None)


def report(tallies: dict[str, Tally], settled_kib: int, ended_kib: int) -> int:
    """Print the figures; return 1 where memory grew more than an allocator explains."""
    for protocol, tally in tallies.items():
        refused = ", ".join(f"{reason} {count:,}" for reason, count in tally.refused.most_common())
        print(
            f"{protocol:13} {tally.inputs:8,} inputs {tally.telegrams:9,} telegrams; "
            f"at most {tally.most_calls_a_byte:.1f} calls a byte; refused: {refused or 'none'}"
        )
    grown_kib = ended_kib - settled_kib
    inputs = sum(tally.inputs for tally in tallies.values())
    print(f"{inputs:,} inputs, no exception; {describe(settled_kib, ended_kib)}")
    return int(grown_kib > GROWTH_LIMIT_KIB)


if __name__ == "__main__":
    sys.exit(main())
