-- A store of version 1 -> version 2. What version 2 adds is not known of old results.

ALTER TABLE results ADD COLUMN split_hash TEXT;
ALTER TABLE results ADD COLUMN baselines TEXT;

-- What needs no training, on the cases of a split: once for all jobs that have the same.
CREATE TABLE baselines (
    hash       TEXT NOT NULL,
    baseline   TEXT NOT NULL,              -- all_foreground, mean_mask, otsu
    val_cases  BLOB NOT NULL,              -- as in `results`
    test_cases BLOB NOT NULL,
    PRIMARY KEY (hash, baseline)
) STRICT, WITHOUT ROWID;

-- Example segmentations of a job's test cases.
CREATE TABLE artifacts (
    job        TEXT NOT NULL,
    rank       INTEGER NOT NULL,           -- by IoU: 1 is the best, `cases` the worst
    cases      INTEGER NOT NULL,
    case_index INTEGER NOT NULL,
    iou        REAL NOT NULL,
    png        BLOB NOT NULL,              -- side by side: image, probabilities, predicted mask, true mask
    PRIMARY KEY (job, rank)
) STRICT;
