-- Where the weights of a job's selected epoch are. Older builds pass this table over, so it needs no version of its own: a store without it
-- gets it when it is opened.
CREATE TABLE IF NOT EXISTS weights (
    job   BLOB PRIMARY KEY,
    hash  BLOB NOT NULL,                   -- of the file
    bytes INTEGER NOT NULL,
    place TEXT NOT NULL,                   -- for people
    seal  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
