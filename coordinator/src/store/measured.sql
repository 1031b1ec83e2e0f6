-- What was measured on a job's masks beside the pixel counts, case by case. Older builds pass this table over, so it needs no version of its
-- own: a store without it gets it when it is opened.
CREATE TABLE IF NOT EXISTS measured (
    job        BLOB NOT NULL,
    metric     TEXT NOT NULL,              -- hd95, assd, ...
    val_cases  BLOB NOT NULL,              -- f64, little-endian, a case each in the order of `results`; NaN where a case has none
    test_cases BLOB NOT NULL,
    seal       INTEGER NOT NULL,
    PRIMARY KEY (job, metric)
) STRICT, WITHOUT ROWID;
