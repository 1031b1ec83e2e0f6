-- The store of a coordinator, version 3 (`PRAGMA user_version`). One coordinator writes; anyone may read.

-- Who writes. A coordinator that takes the store raises the epoch, and writes nothing once another has raised it.
CREATE TABLE coordinator (
    epoch  INTEGER NOT NULL,
    holder TEXT NOT NULL                   -- for people
) STRICT;
INSERT INTO coordinator VALUES (0, '');

-- What happened, in order. The coordinator's state is the fold of these facts.
CREATE TABLE journal (
    seq  INTEGER PRIMARY KEY,
    at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    fact TEXT NOT NULL                     -- JSON
) STRICT;

-- The result of each job that succeeded: each job at most once. A number that is not finite is NULL.
CREATE TABLE results (
    job           TEXT PRIMARY KEY,
    attempt       INTEGER NOT NULL,
    worker        TEXT NOT NULL,
    verdict       TEXT NOT NULL,           -- trained, trivial, degenerate, diverged
    epochs        INTEGER NOT NULL,
    best_epoch    INTEGER NOT NULL,
    train_seconds REAL NOT NULL,
    parameters    INTEGER NOT NULL,
    device        TEXT NOT NULL,
    val_loss      REAL,
    val_cases     BLOB NOT NULL,           -- five u32, little-endian, a case: index, TP, FP, FN, TN
    test_loss     REAL,
    test_cases    BLOB NOT NULL,
    split_hash    TEXT,                    -- of the content and the subsets' cases; since version 2
    baselines     TEXT                     -- hash in `baselines`; since version 2
) STRICT, WITHOUT ROWID;

-- The numbers of each epoch of each attempt.
CREATE TABLE measurements (
    job                 TEXT NOT NULL,
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
    PRIMARY KEY (job, attempt, epoch)
) STRICT, WITHOUT ROWID;

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

INSERT INTO journal (fact) VALUES ('{"fact":"granted","job":"00000000000000000000000000000007","attempt":1,"token":"00000000000000000000000000000002","worker":"00000000000000000000000000000003"}');
INSERT INTO results VALUES ('00000000000000000000000000000007', 1, 'w', 'trained', 3, 2, 1.5, 42, 'cpu', 0.5, x'', 0.25, x'0500000001000000020000000300000004000000', NULL, NULL);
INSERT INTO measurements VALUES ('00000000000000000000000000000007', 1, 1, 0.5, NULL, 0.25, NULL, NULL, NULL, NULL, NULL, 1.5);
INSERT INTO results VALUES ('00000000000000000000000000000009', 1, 'w', 'trained', 3, 2, 1.5, 42, 'cpu', 0.5, x'', 0.25, x'', '0000000000000000000000000000000a', '0000000000000000000000000000000b');
INSERT INTO baselines VALUES ('0000000000000000000000000000000b', 'otsu', x'', x'0500000001000000020000000300000004000000');
INSERT INTO artifacts VALUES ('00000000000000000000000000000009', 1, 3, 8, 0.25, x'010203');
PRAGMA application_id = 1397771347;
PRAGMA user_version = 3;
