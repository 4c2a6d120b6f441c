"""Coverage-guided mutations against the panel's C reference, by clang's libFuzzer.

`python -m tests.soak.fuzzing 600`, or `make fuzz FUZZ_S=600`; what was tried adds up in
docs/soak.json. Without clang there is nothing to run: `make test` mutates with gcc alone.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from firmware_bridge.display.body import encode_body
from tests.docs.panel_vectors import BODIES, GOOD, UNKNOWN_KEYS
from tests.soak.record import RECORD, add_run
from tests.support.panel_build import REFERENCE, TESTS

VECTORS = Path(__file__).parents[2] / "docs" / "reference" / "panel-vectors.json"
PANEL_FUZZ = "panel_fuzz"
COMPILERS = ("clang", *(f"clang-{version}" for version in range(20, 10, -1)))
FLAGS = (
    *("-std=c99", "-O1", "-g", "-DPANEL_LIBFUZZER", f"-I{REFERENCE}"),
    *("-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"),
)
FRAME, WELCOME = 1, 2
"""What an input's first byte says (tests/firmware_bridge/reference/fuzz.c)."""

INPUT_BYTES_MAX = 800
DONE = re.compile(r"^Done (\d+) runs in (\d+) second", re.MULTILINE)
HINT = "install clang with its sanitizers: apt install clang libclang-rt-dev, or clang-14 with both"


def find_clang() -> str | None:
    """Find a clang; None where there is none."""
    return next(filter(None, map(shutil.which, COMPILERS)), None)


def seeds() -> Iterator[bytes]:
    """Give what the vectors have: frames whose CRC the program adds, and streams as they come."""
    bodies = [(one.TYPE, sequence, encode_body(one)) for sequence, one in GOOD.values()]
    bodies += [(kind, 1, bytes.fromhex(body)) for kind, body in BODIES.values()]
    bodies += [(0x05, 1, UNKNOWN_KEYS)]
    for kind, sequence, body in bodies:
        yield bytes((FRAME | WELCOME, 1, kind, sequence)) + body
    vectors = json.loads(VECTORS.read_text())
    for wire in (one["wire"] for one in vectors["messages"]):
        yield bytes((WELCOME,)) + bytes.fromhex(wire)
    for stream in (one["bytes"] for one in vectors["streams"]):
        yield bytes((0,)) + bytes.fromhex(stream)


def build(clang: str, folder: Path) -> Path:
    """Build the program into a folder and return its path; RuntimeError where that fails."""
    target = folder / "fuzz"
    sources = [REFERENCE / "panel.c", TESTS / "fuzz.c"]
    done = subprocess.run(
        [clang, *FLAGS, *sources, "-o", target], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{done.stderr.strip()[-500:]}\n{HINT}")
    return target


def fuzz(program: Path, folder: Path, seconds: int) -> tuple[int, int, str]:
    """Run it for so long; return the executions, its status, and what it said."""
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    words = [f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", "-print_final_stats=1"]
    done = subprocess.run(
        [program, *words, corpus], capture_output=True, text=True, check=False, cwd=folder
    )
    found = DONE.search(done.stderr)
    return int(found[1]) if found else 0, done.returncode, done.stderr


def main(words: Sequence[str]) -> int:
    """Fuzz for so many seconds and add what came of it; 1 where anything was found."""
    if len(words) != 1 or not words[0].isdigit():
        print("say for how many seconds: python -m tests.soak.fuzzing 600")
        return 2
    clang, seconds = find_clang(), int(words[0])
    if clang is None:
        print(f"no clang is installed here, so nothing was fuzzed; {HINT}")
        return 2
    with tempfile.TemporaryDirectory(prefix="hearthlink-fuzz-") as folder:
        executions, status, said = fuzz(build(clang, Path(folder)), Path(folder), seconds)
    if status or not executions:
        print(said)
    totals = {"executions": executions, "seconds": seconds, "findings": int(status != 0)}
    print(json.dumps(add_run(RECORD, PANEL_FUZZ, totals, [])))
    return int(bool(status))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
