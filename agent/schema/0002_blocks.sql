-- Rows of a log, packed: what is in a block is not in `samples`, and the other way round. `detail`
-- says what of it is left: -1 a commit's rows as they came, 0 every row of a full segment, 1
-- half-hours, 2 days; of the sequences from `first_seq` to `last_seq` that a block has no row of,
-- the detail was given up to make room.
CREATE TABLE blocks (
    log INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    row_count INTEGER NOT NULL,
    detail INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (log, first_seq)
);

-- Sequences that will never have a row: a salvaged database lost them, and the cloud is told.
CREATE TABLE damaged_ranges (
    log INTEGER NOT NULL REFERENCES logs (log),
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (log, first_seq)
);
