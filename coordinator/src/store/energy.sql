-- What a job's training took of its device's energy. A store without this table gets it when it is opened, as with weights.sql.
CREATE TABLE IF NOT EXISTS energy (
    job    BLOB PRIMARY KEY,
    joules REAL NOT NULL,                  -- in equal parts for the jobs that ran on the device
    seal   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
