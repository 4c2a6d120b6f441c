-- A hub's database as schema 2 wrote it, of a fictional meter.
BEGIN TRANSACTION;
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
CREATE TABLE boots (
    boot INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL UNIQUE
);
INSERT INTO "boots" VALUES(1,'boot-a');
CREATE TABLE clock_ledger (
    boot INTEGER NOT NULL REFERENCES boots (boot),
    monotonic_ms INTEGER NOT NULL,
    utc_ms INTEGER NOT NULL,
    uncertainty_ms INTEGER NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (boot, monotonic_ms, source)
);
INSERT INTO "clock_ledger" VALUES(1,0,1772323200000,10,'ntp');
CREATE TABLE consent (
    since_ms INTEGER PRIMARY KEY,
    granularity TEXT NOT NULL
);
INSERT INTO "consent" VALUES(1772323200000,'10s');
CREATE TABLE damaged_ranges (
    log INTEGER NOT NULL REFERENCES logs (log),
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (log, first_seq)
);
CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;
INSERT INTO "facts" VALUES('store_id',X'73746F72652D31');
CREATE TABLE folded (
    log INTEGER PRIMARY KEY REFERENCES logs (log),
    folded_seq INTEGER NOT NULL
);
CREATE TABLE held_ranges (
    log INTEGER NOT NULL REFERENCES logs (log),
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    code TEXT NOT NULL,
    PRIMARY KEY (log, first_seq, last_seq)
);
INSERT INTO "held_ranges" VALUES(1,2,2,'bad-value');
CREATE TABLE logs (
    log INTEGER PRIMARY KEY,
    log_id BLOB NOT NULL UNIQUE,
    meter TEXT NOT NULL,
    medium TEXT NOT NULL,
    next_seq INTEGER NOT NULL,
    is_open INTEGER NOT NULL
);
INSERT INTO "logs" VALUES(1,X'0E8328005D8E8A11CC9B80655F2DA6FF','M1','electricity',3,1);
CREATE TABLE meter_days (
    log INTEGER NOT NULL REFERENCES logs (log),
    register TEXT NOT NULL,
    run TEXT NOT NULL,
    utc_day INTEGER NOT NULL,
    edges BLOB NOT NULL,
    PRIMARY KEY (log, register, run, utc_day)
) WITHOUT ROWID;
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    raw BLOB NOT NULL
);
INSERT INTO "quarantine" VALUES(1,1772323200000,'link','bad-crc','CRC 1 for 2',X'726177');
CREATE TABLE quarantine_counts (
    reason TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO "quarantine_counts" VALUES('bad-crc',1);
CREATE TABLE register_names (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
INSERT INTO "register_names" VALUES(1,'import_mwh');
INSERT INTO "register_names" VALUES(2,'power_import_w');
CREATE TABLE register_runs (
    log INTEGER NOT NULL REFERENCES logs (log),
    register TEXT NOT NULL,
    from_seq INTEGER NOT NULL,
    run TEXT NOT NULL,
    modulus INTEGER NOT NULL,
    PRIMARY KEY (log, register, from_seq)
);
INSERT INTO "register_runs" VALUES(1,'import_mwh',2,'run-a',0);
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
INSERT INTO "samples" VALUES(1,1,1,10000,1772323210000,NULL,X'01060092CE000F4240CCE6',1672452515);
INSERT INTO "samples" VALUES(1,2,1,20000,1772323220000,NULL,X'01060092CE000F4628CCF0',3536368252);
CREATE TABLE stored_ranges (
    log INTEGER NOT NULL REFERENCES logs (log),
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (log, first_seq)
);
INSERT INTO "stored_ranges" VALUES(1,1,1,0);
COMMIT;
PRAGMA user_version = 2;
