-- The store of a coordinator, version 4 (`PRAGMA user_version`). One coordinator writes; anyone may read.
--
-- `seal` is a checksum of the row's other columns, in their order: `seal(...)` is a function that the coordinator brings along, see seal.rs.
-- The tables `weights`, `measured`, `evidence`, `memory` and `energy` are made by files of these names, which older stores of this version get, too.
-- Ids and hashes are 16 bytes: `lower(hex(job))` is the id that the tables show. `coordinator store journal` prints the facts as JSON.

-- Who writes. A coordinator that takes the store raises the epoch, and writes nothing once another has raised it.
CREATE TABLE coordinator (
    epoch  INTEGER NOT NULL,
    holder TEXT NOT NULL                   -- for people
) STRICT;
INSERT INTO coordinator VALUES (0, '');

-- What happened, in order. The coordinator's state is the fold of these facts.
CREATE TABLE journal (
    seq     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,              -- milliseconds since 1970, UTC
    fact    TEXT NOT NULL,                 -- its name
    job     BLOB,                          -- of `granted` and `succeeded`, as is
    attempt INTEGER,
    detail  ANY NOT NULL,                  -- JSON; of these two it is packed, see facts.rs
    seal    INTEGER NOT NULL
) STRICT;

-- The result of each job that succeeded: each job at most once. A number that is not finite is NULL.
CREATE TABLE results (
    job           BLOB PRIMARY KEY,
    attempt       INTEGER NOT NULL,
    worker        TEXT NOT NULL,
    verdict       TEXT NOT NULL,           -- trained, trivial, degenerate, diverged
    epochs        INTEGER NOT NULL,
    best_epoch    INTEGER NOT NULL,
    train_seconds REAL NOT NULL,
    parameters    INTEGER NOT NULL,
    device        TEXT NOT NULL,
    val_loss      REAL,
    val_cases     BLOB NOT NULL,           -- five numbers per case in LEB128: index, TP, FP, FN, TN
    test_loss     REAL,
    test_cases    BLOB NOT NULL,
    split_hash    BLOB,                    -- of the content and the subsets' cases
    baselines     BLOB,                    -- hash in `baselines`
    seal          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The numbers of each epoch of each attempt.
CREATE TABLE measurements (
    job                 BLOB NOT NULL,
    attempt             INTEGER NOT NULL,
    epoch               INTEGER NOT NULL,
    train_loss          REAL,
    val_loss            REAL,
    val_iou             REAL,
    val_thresholded_iou REAL,
    val_dice            REAL,
    val_sensitivity     REAL,
    val_specificity     REAL,
    val_accuracy        REAL,
    seconds             REAL NOT NULL,
    seal                INTEGER NOT NULL,
    PRIMARY KEY (job, attempt, epoch)
) STRICT, WITHOUT ROWID;

-- What needs no training, on the cases of a split: once for all jobs that have the same.
CREATE TABLE baselines (
    hash       BLOB NOT NULL,
    baseline   TEXT NOT NULL,              -- all_foreground, mean_mask, otsu
    val_cases  BLOB NOT NULL,              -- as in `results`
    test_cases BLOB NOT NULL,
    seal       INTEGER NOT NULL,
    PRIMARY KEY (hash, baseline)
) STRICT, WITHOUT ROWID;

-- Example segmentations of a job's test cases.
CREATE TABLE artifacts (
    job        BLOB NOT NULL,
    rank       INTEGER NOT NULL,           -- by IoU: 1 is the best, `cases` the worst
    cases      INTEGER NOT NULL,
    case_index INTEGER NOT NULL,
    iou        REAL NOT NULL,
    png        BLOB NOT NULL,              -- side by side: image, probabilities, predicted mask, true mask
    seal       INTEGER NOT NULL,
    PRIMARY KEY (job, rank)
) STRICT;
