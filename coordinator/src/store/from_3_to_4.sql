-- A store of version 3 -> version 4: each row has a seal, ids are bytes, times are numbers, the facts that every job has are
-- packed (`facts.rs`), counts are short (`counts.rs`). Rows are sealed as they are found.

ALTER TABLE journal RENAME TO journal_3;
CREATE TABLE journal (
    seq     INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    fact    TEXT NOT NULL,
    job     BLOB,
    attempt INTEGER,
    detail  ANY NOT NULL,
    seal    INTEGER NOT NULL
) STRICT;
INSERT INTO journal SELECT *, seal(seq, at, fact, job, attempt, detail) FROM (SELECT seq,
    CAST(round(unixepoch(at, 'subsec') * 1000) AS INTEGER) AS at, fact ->> '$.fact' AS fact, job_of(fact) AS job,
    attempt_of(fact) AS attempt, detail_of(fact) AS detail FROM journal_3);
DROP TABLE journal_3;

ALTER TABLE results RENAME TO results_3;
CREATE TABLE results (
    job           BLOB PRIMARY KEY,
    attempt       INTEGER NOT NULL,
    worker        TEXT NOT NULL,
    verdict       TEXT NOT NULL,
    epochs        INTEGER NOT NULL,
    best_epoch    INTEGER NOT NULL,
    train_seconds REAL NOT NULL,
    parameters    INTEGER NOT NULL,
    device        TEXT NOT NULL,
    val_loss      REAL,
    val_cases     BLOB NOT NULL,
    test_loss     REAL,
    test_cases    BLOB NOT NULL,
    split_hash    BLOB,
    baselines     BLOB,
    seal          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO results SELECT *, seal(job, attempt, worker, verdict, epochs, best_epoch, train_seconds, parameters, device, val_loss,
    val_cases, test_loss, test_cases, split_hash, baselines) FROM (SELECT unhex(job) AS job, attempt, worker, verdict, epochs,
    best_epoch, train_seconds, parameters, device, val_loss, short(val_cases) AS val_cases, test_loss,
    short(test_cases) AS test_cases, unhex(split_hash) AS split_hash, unhex(baselines) AS baselines FROM results_3);
DROP TABLE results_3;

ALTER TABLE measurements RENAME TO measurements_3;
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
INSERT INTO measurements SELECT *, seal(job, attempt, epoch, train_loss, val_loss, val_iou, val_thresholded_iou, val_dice,
    val_sensitivity, val_specificity, val_accuracy, seconds) FROM (SELECT unhex(job) AS job, attempt, epoch, train_loss, val_loss,
    val_iou, val_thresholded_iou, val_dice, val_sensitivity, val_specificity, val_accuracy, seconds FROM measurements_3);
DROP TABLE measurements_3;

ALTER TABLE baselines RENAME TO baselines_3;
CREATE TABLE baselines (
    hash       BLOB NOT NULL,
    baseline   TEXT NOT NULL,
    val_cases  BLOB NOT NULL,
    test_cases BLOB NOT NULL,
    seal       INTEGER NOT NULL,
    PRIMARY KEY (hash, baseline)
) STRICT, WITHOUT ROWID;
INSERT INTO baselines SELECT *, seal(hash, baseline, val_cases, test_cases) FROM (SELECT unhex(hash) AS hash, baseline,
    short(val_cases) AS val_cases, short(test_cases) AS test_cases FROM baselines_3);
DROP TABLE baselines_3;

ALTER TABLE artifacts RENAME TO artifacts_3;
CREATE TABLE artifacts (
    job        BLOB NOT NULL,
    rank       INTEGER NOT NULL,
    cases      INTEGER NOT NULL,
    case_index INTEGER NOT NULL,
    iou        REAL NOT NULL,
    png        BLOB NOT NULL,
    seal       INTEGER NOT NULL,
    PRIMARY KEY (job, rank)
) STRICT;
INSERT INTO artifacts SELECT *, seal(job, rank, cases, case_index, iou, png) FROM (SELECT unhex(job) AS job, rank, cases, case_index,
    iou, png FROM artifacts_3);
DROP TABLE artifacts_3;
