-- The rules by which a job's training was found not to be a model. A store without this table gets it when it is opened, as with weights.sql.
CREATE TABLE IF NOT EXISTS evidence (
    job   BLOB NOT NULL,
    place INTEGER NOT NULL,                -- 1 for the rule that gave the verdict
    rule  TEXT NOT NULL,
    found REAL NOT NULL,                   -- the number that was found
    bound REAL NOT NULL,                   -- the bound that it does not keep
    seal  INTEGER NOT NULL,
    PRIMARY KEY (job, place)
) STRICT, WITHOUT ROWID;
