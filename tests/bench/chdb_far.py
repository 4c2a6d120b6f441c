"""How many bytes chDB, the ClickHouse that runs in a process, keeps half hours in.

Run by the interpreter of an environment of its own (`requirements/chdb.lock`), which has nothing of
the project's: reads rows of CSV, answers with the bytes of its parts on disk once they are one.
"""

import sys
from importlib import import_module
from pathlib import Path

TABLE = (
    "CREATE TABLE bench.half_hours (meter UInt32, register UInt8, slot UInt32,"
    " opening_at_ms Int64, opening Int64, closing_at_ms Int64, closing Int64)"
    " ENGINE = MergeTree ORDER BY (meter, register, slot)"
)
SIZE = (
    "SELECT sum(bytes_on_disk) FROM system.parts"
    " WHERE active AND database = 'bench' AND table = 'half_hours'"
)


def main(rows: Path, folder: str) -> None:
    """Load the rows, have them merged into one part, and say how large it is."""
    # It has no type hints, and only this environment has it.
    session = import_module("chdb.session").Session(folder)
    session.query("CREATE DATABASE bench")
    session.query(TABLE)
    session.query(f"INSERT INTO bench.half_hours FROM INFILE '{rows}' FORMAT CSV")
    session.query("OPTIMIZE TABLE bench.half_hours FINAL")
    print(int(session.query(SIZE, "CSV").bytes()))
    session.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
