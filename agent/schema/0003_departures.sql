-- What left the hub, added up: by UTC day, meter, log (0 for the live lane), and what consent
-- allowed of it. `first_seq` to `last_seq` encloses the rows the frames spoke of; `samples` of them
-- left, and `withheld` were held back.
CREATE TABLE departures (
    id INTEGER PRIMARY KEY,
    utc_day INTEGER NOT NULL,
    meter TEXT NOT NULL,
    log INTEGER NOT NULL,
    granularity TEXT NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    withheld INTEGER NOT NULL,
    UNIQUE (utc_day, meter, log, granularity)
);
