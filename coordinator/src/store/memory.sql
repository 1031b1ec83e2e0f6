-- The memory that a job's training took. A store without this table gets it when it is opened, as with weights.sql.
CREATE TABLE IF NOT EXISTS memory (
    job      BLOB PRIMARY KEY,
    peak_mib INTEGER NOT NULL,             -- the most at once, of the device or of the trainer's process
    seal     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
