-- The log and what surrounds it. One append-only log per meter; a row is freed only when a receipt
-- says it is stored and its retention has passed.

CREATE TABLE boots (
    boot INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL UNIQUE
);

-- What was believed about the time, and when: rows are never rewritten, they are read through this.
CREATE TABLE clock_ledger (
    boot INTEGER NOT NULL REFERENCES boots (boot),
    monotonic_ms INTEGER NOT NULL,
    utc_ms INTEGER NOT NULL,
    uncertainty_ms INTEGER NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (boot, monotonic_ms, source)
);

-- `next_seq` is a fact of its own, never derived from the rows: freeing rows must not reuse numbers.
CREATE TABLE logs (
    log INTEGER PRIMARY KEY,
    log_id BLOB NOT NULL UNIQUE,
    meter TEXT NOT NULL,
    medium TEXT NOT NULL,
    next_seq INTEGER NOT NULL,
    is_open INTEGER NOT NULL
);

-- Register names are written once; rows carry their numbers.
CREATE TABLE register_names (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- `log` names a row of logs, which is never deleted; a foreign key would be looked up for every row.
CREATE TABLE samples (
    log INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    boot INTEGER NOT NULL,
    monotonic_ms INTEGER NOT NULL,
    meter_clock_ms INTEGER,
    captured_at_ms INTEGER,
    body BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (log, seq)
) WITHOUT ROWID;

-- A register's run and modulus from a sequence on; a register with no row is in its first run.
CREATE TABLE register_runs (
    log INTEGER NOT NULL REFERENCES logs (log),
    register TEXT NOT NULL,
    from_seq INTEGER NOT NULL,
    run TEXT NOT NULL,
    modulus INTEGER NOT NULL,
    PRIMARY KEY (log, register, from_seq)
);

-- What the cloud's receipts list as stored, and what it refused twice and the hub holds.
CREATE TABLE stored_ranges (
    log INTEGER NOT NULL REFERENCES logs (log),
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (log, first_seq)
);

CREATE TABLE held_ranges (
    log INTEGER NOT NULL REFERENCES logs (log),
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    code TEXT NOT NULL,
    PRIMARY KEY (log, first_seq, last_seq)
);

-- Openings and closings for the page, folded from rows up to `folded_seq`.
CREATE TABLE meter_days (
    log INTEGER NOT NULL REFERENCES logs (log),
    register TEXT NOT NULL,
    run TEXT NOT NULL,
    utc_day INTEGER NOT NULL,
    edges BLOB NOT NULL,
    PRIMARY KEY (log, register, run, utc_day)
) WITHOUT ROWID;

CREATE TABLE folded (
    log INTEGER PRIMARY KEY REFERENCES logs (log),
    folded_seq INTEGER NOT NULL
);

-- Bad input, with the reason: the newest are kept whole, all are counted.
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    raw BLOB NOT NULL
);

CREATE TABLE quarantine_counts (
    reason TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) WITHOUT ROWID;

-- Small facts: the cloud's store id, the household's own settings, tariffs.
CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- What the household allowed to leave the hub, from when on.
CREATE TABLE consent (
    since_ms INTEGER PRIMARY KEY,
    granularity TEXT NOT NULL
);
