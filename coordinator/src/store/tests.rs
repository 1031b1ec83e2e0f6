//! The store: what was appended is read back, and nothing else gets in.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use super::*;
use crate::scheduler::{Fact, Record};
use proto::extras::{Artifact, Baseline, BaselineCounts, Evidence, Extras, KeptWeights, Rule};
use proto::ids::{Attempt, BaselinesHash, JobId, SplitHash, Token, WeightsHash, WorkerId};
use proto::measure::{CaseCounts, Counts, Evaluation, JobResult, Measurement, Scores, Verdict};
use proto::text::Line;
use std::ops::ControlFlow;
use std::os::unix::fs::symlink;
use std::path::Path;

const JOB: JobId = JobId(7);

fn granted() -> Fact {
    Fact::Granted { job: JOB, attempt: Attempt(1), token: Token(2), worker: WorkerId(3) }
}

/// A result whose losses are not finite, as those of a diverged training are.
fn diverged() -> Record {
    let counts = Counts { tp: 1, fp: 2, fn_: 3, tn: 4 };
    let evaluation = |loss| Evaluation::of(loss, vec![CaseCounts { case: 5, counts }]);
    let result = JobResult {
        verdict: Verdict::Diverged,
        epochs: 3,
        best_epoch: 1,
        validation: evaluation(f64::NAN),
        test: evaluation(f64::INFINITY),
        train_seconds: 1.5,
        parameters: 42,
        device: "cpu".to_owned(),
        split_hash: None,
        extras: Extras::default(),
    };
    Record::Result { job: JOB, attempt: Attempt(1), worker: "w".to_owned(), result: Box::new(result) }
}

fn measurements(train_loss: f64, epochs: &[u32]) -> Record {
    let measurement = |&epoch| {
        let validation = Scores { iou: Some(0.25), ..Scores::default() };
        Measurement { epoch, train_loss: Some(train_loss), validation, seconds: f64::from(epoch) }
    };
    Record::Measurements { job: JOB, attempt: Attempt(1), measurements: epochs.iter().map(measurement).collect() }
}

fn facts(path: &Path) -> Vec<Fact> {
    let mut facts = Vec::new();
    let collect = |_, fact| {
        facts.push(fact);
        ControlFlow::Continue(())
    };
    Reader::open(path).unwrap().facts(collect).unwrap();
    facts
}

#[test]
fn what_was_appended_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let forgotten = Fact::Progressed { job: JOB, epoch: 1, seconds: 0.5, loss: None };
    let mut store = Store::open(&path).unwrap();
    store.append(&[granted(), forgotten], &[measurements(0.5, &[1, 2])]).unwrap();
    store.append(&[], &[measurements(0.9, &[2, 3]), diverged()]).unwrap();
    drop(store);
    assert_eq!(facts(&path), [granted()], "only what is durable");
    let reader = Reader::open(&path).unwrap();
    let epochs = reader.measurements(JOB).unwrap();
    let losses: Vec<_> = epochs.iter().map(|(_, m)| (m.epoch, m.train_loss.unwrap())).collect();
    assert_eq!(losses, [(1, 0.5), (2, 0.5), (3, 0.9)], "a measurement stays as it was first written");
    assert_eq!(epochs[0].1.validation, Scores { iou: Some(0.25), ..Scores::default() });
    let stored = reader.result(JOB).unwrap().unwrap();
    let Record::Result { result: expected, .. } = diverged() else { unreachable!() };
    assert_eq!((stored.result.verdict, stored.result.parameters), (Verdict::Diverged, 42));
    assert_eq!(stored.result.validation.cases, expected.validation.cases);
    assert!(stored.result.validation.loss.is_nan() && stored.result.test.scores().loss.is_none());
    assert!(reader.result(JobId(8)).unwrap().is_none());
}

#[test]
fn facts_are_found_by_their_time_and_by_their_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let lost = Fact::Lost { job: JOB, attempt: Attempt(1) };
    Store::open(&path).unwrap().append(&[granted(), lost.clone(), granted(), granted(), lost.clone()], &[]).unwrap();
    let connection = reader_of(&path);
    seal::bring_to(&connection).unwrap();
    let at = "UPDATE journal SET at = 1000 * seq; UPDATE journal SET seal = seal(seq, at, fact, job, attempt, detail)";
    connection.execute_batch(at).unwrap();
    let reader = Reader::open(&path).unwrap();
    let since = |ms| {
        let mut found = Vec::new();
        reader.since(ms, |at, _| found.push(at)).unwrap();
        found
    };
    assert_eq!(since(0), [1000, 2000, 3000, 4000, 5000]);
    assert_eq!([since(1000).len(), since(1001).len(), since(5000).len(), since(5001).len()], [5, 4, 1, 0]);
    assert_eq!((since(3500), since(u64::MAX), reader.last_ms().unwrap()), (vec![4000, 5000], vec![], 5000));
    let mut named = Vec::new();
    let each = |entry: Entry| {
        named.push((entry.seq, entry.at, entry.fact));
        Ok::<(), StoreError>(())
    };
    reader.entries(Wanted::Named(&["failed", "lost", "stalled"]), each).unwrap();
    let [two, five] = ["1970-01-01T00:00:02.000Z", "1970-01-01T00:00:05.000Z"].map(str::to_owned);
    assert_eq!(named, [(2, two, lost.clone()), (5, five, lost)]);
    let count = |wanted| {
        let mut count = 0;
        let each = |_| {
            count += 1;
            Ok::<(), StoreError>(())
        };
        reader.entries(wanted, each).unwrap();
        count
    };
    assert_eq!([Wanted::All, Wanted::Of(JOB), Wanted::Of(JobId(9))].map(count), [5, 5, 2]);
    connection.execute_batch("UPDATE journal SET at = 0 WHERE seq = 4").unwrap();
    assert!(reader.since(0, |_, _| {}).unwrap_err().to_string().contains("journal, seq 4"), "its seal does not fit");
}

#[test]
fn a_journal_without_grades_takes_them_from_the_results() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let grade = None;
    let succeeded = Fact::Succeeded { job: JOB, attempt: Attempt(1), grade, split: None };
    Store::open(&path).unwrap().append(&[granted(), succeeded], &[diverged()]).unwrap();
    let [_, Fact::Succeeded { grade: Some(grade), .. }] = facts(&path)[..] else { panic!("{:?}", facts(&path)) };
    assert_eq!(grade.verdict, Verdict::Diverged);
    assert_eq!((grade.validation.loss, grade.validation.iou), (None, Some(1.0 / 6.0)));
}

#[test]
fn a_second_result_is_refused_and_nothing_of_its_transaction_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let mut store = Store::open(&path).unwrap();
    store.append(&[granted()], &[diverged()]).unwrap();
    assert!(store.append(&[granted()], &[measurements(0.5, &[1]), diverged()]).is_err());
    assert_eq!(facts(&path).len(), 1);
    assert!(Reader::open(&path).unwrap().measurements(JOB).unwrap().is_empty());
    store.append(&[granted()], &[]).unwrap();
    assert_eq!(facts(&path).len(), 2, "the store goes on");
}

#[test]
fn one_coordinator_a_store_whatever_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let [path, link, hard] = ["s.db", "link.db", "hard.db"].map(|name| folder.path().join(name));
    let first = Store::open(&path).unwrap();
    symlink(&path, &link).unwrap();
    for name in [&path, &link] {
        let message = Store::open(name).unwrap_err().to_string();
        assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
    }
    std::fs::hard_link(&path, &hard).unwrap();
    assert!(matches!(Store::open(&hard), Err(StoreError::Linked { links: 2, .. })));
    std::fs::remove_file(&hard).unwrap();
    drop(first);
    assert!(Store::open(&link).is_ok());
}

#[test]
fn a_store_is_made_where_a_link_points_to() {
    let folder = tempfile::tempdir().unwrap();
    let [path, link] = ["s.db", "link.db"].map(|name| folder.path().join(name));
    symlink("s.db", &link).unwrap();
    Store::open(&link).unwrap().append(&[granted()], &[]).unwrap();
    assert_eq!(facts(&path), [granted()]);
}

/// What `flock` cannot prevent everywhere, such as on some network file systems.
#[test]
fn a_coordinator_that_has_lost_the_store_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let mut first = Store::open(&path).unwrap();
    first.append(&[granted()], &[]).unwrap();
    reader_of(&path).execute("UPDATE coordinator SET epoch = epoch + 1, holder = 'the other'", []).unwrap();
    let error = first.append(&[granted()], &[diverged()]).unwrap_err();
    assert!(error.is_fatal() && error.to_string().contains("taken over by the other"), "{error}");
    assert_eq!(facts(&path).len(), 1);
    assert!(Reader::open(&path).unwrap().result(JOB).unwrap().is_none());
}

#[test]
fn a_store_that_was_deleted_moved_or_replaced_takes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let [path, link, away] = ["s.db", "link.db", "away"].map(|name| folder.path().join(name));
    symlink(&path, &link).unwrap();
    let mut store = Store::open(&link).unwrap();
    for name in ["s.db", "s.db-wal", "s.db-shm", "link.db"] {
        let name = folder.path().join(name);
        std::fs::rename(&name, &away).unwrap();
        assert!(matches!(store.check_place(), Err(StoreError::Gone { .. })), "{}", name.display());
        assert!(matches!(store.append(&[granted()], &[]), Err(StoreError::Gone { .. })), "{}", name.display());
        std::fs::write(&name, "another file").unwrap();
        assert!(matches!(store.append(&[granted()], &[]), Err(StoreError::Gone { .. })), "{}", name.display());
        std::fs::rename(&away, &name).unwrap();
        store.append(&[granted()], &[]).unwrap();
    }
    assert_eq!(facts(&path).len(), 4, "what was not taken is not there");
}

#[test]
fn a_disk_that_does_not_confirm_ends_the_coordinator() {
    let failure = |code| {
        StoreError::sqlite(Path::new("s.db"), rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None))
    };
    assert!(failure(rusqlite::ffi::SQLITE_IOERR_FSYNC).is_fatal());
    assert!(!failure(rusqlite::ffi::SQLITE_FULL).is_fatal() && !failure(rusqlite::ffi::SQLITE_IOERR_WRITE).is_fatal());
}

#[test]
fn damaged_pages_are_found_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let results: Vec<_> = (1..200).map(|job| with_extras(job, 5)).collect();
    Store::open(&path).unwrap().append(&[granted()], &results).unwrap();
    let connection = reader_of(&path);
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap() as usize;
    let [size, root] = ["PRAGMA page_size", "SELECT rootpage FROM sqlite_master WHERE name = 'results'"].map(number);
    drop(connection);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[(root - 1) * size..root * size].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    let message = Store::open(&path).unwrap_err().to_string();
    assert!(message.contains("s.db is damaged at its pages"), "{message}");
    assert!(Reader::open(&path).unwrap().check().is_err());
    assert!(std::fs::read(&path).unwrap() == bytes);
}

#[test]
fn an_empty_file_is_not_taken_for_a_new_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    std::fs::write(&path, "").unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Empty { .. })));
    assert!(matches!(Reader::open(&path), Err(StoreError::Empty { .. })));
    assert!(std::fs::read(&path).unwrap().is_empty());
}

#[test]
fn other_files_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    assert!(matches!(Reader::open(&path), Err(StoreError::Missing { .. })));
    std::fs::write(&path, "a text that is long enough to be a header of something else entirely ".repeat(20)).unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Foreign { .. })));
    let newer = folder.path().join("newer.db");
    drop(Store::open(&newer).unwrap());
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Store::open(&newer), Err(StoreError::Version { found: 99, expected: 5, .. })));
    let foreign = folder.path().join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(Store::open(&foreign), Err(StoreError::Foreign { .. })));
    let mut names: Vec<_> = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["foreign.db", "newer.db", "s.db"], "no journal");
}

#[test]
fn damage_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    Store::open(&path).unwrap().append(&[granted()], &[diverged()]).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("UPDATE journal SET fact = '{}'; UPDATE results SET test_cases = x'00'").unwrap();
    let reader = Reader::open(&path).unwrap();
    let message = reader.facts(|_, _| ControlFlow::Continue(())).unwrap_err().to_string();
    assert!(message.contains("journal, seq 1"), "{message}");
    let message = reader.result(JOB).unwrap_err().to_string();
    assert!(message.contains(&format!("results, job {JOB}")), "{message}");
}

/// The result of `job` with baselines that count `tp`, and a picture.
fn with_extras(job: u128, tp: u32) -> Record {
    let Record::Result { mut result, worker, .. } = diverged() else { unreachable!() };
    let counts = |case| vec![CaseCounts { case, counts: Counts { tp, fp: 2, fn_: 3, tn: 4 } }];
    let baseline = |baseline| BaselineCounts { baseline, validation: counts(1), test: counts(2) };
    result.split_hash = Some(SplitHash(9));
    result.extras = Extras {
        baselines: Baseline::ALL.map(baseline).to_vec(),
        artifacts: [3, 1].map(|rank| Artifact { case: 8, rank, of: 3, iou: 0.25, png: vec![1, 2, 3] }).to_vec(),
        weights: Some(KeptWeights { hash: WeightsHash(12), bytes: 13, place: Line::name("host:/folder") }),
        evidence: [Rule::ConstantMask, Rule::NoGradient]
            .map(|rule| Evidence { rule, found: 0.25, bound: 0.5 })
            .to_vec(),
        peak_mib: Some(tp),
        energy_joules: Some(tp.into()),
    };
    Record::Result { job: JobId(job), attempt: Attempt(1), worker, result }
}

#[test]
fn what_comes_beside_a_result_is_kept_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    Store::open(&path).unwrap().append(&[], &[with_extras(1, 5), with_extras(2, 5), with_extras(3, 6)]).unwrap();
    let reader = Reader::open(&path).unwrap();
    let stored = [1, 2, 3].map(|job| reader.result(JobId(job)).unwrap().unwrap());
    assert!(stored.iter().all(|stored| stored.result.split_hash == Some(SplitHash(9))));
    let [one, two, three] = stored.map(|stored| stored.baselines.unwrap());
    assert!(one == two && one != three, "the same baselines are one");
    let Record::Result { result, .. } = with_extras(3, 6) else { unreachable!() };
    assert_eq!(reader.baselines(three).unwrap(), result.extras.baselines);
    let rows: u32 = reader_of(&path).query_row("SELECT count(*) FROM baselines", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 6);
    let artifacts = reader.artifacts(JobId(2)).unwrap();
    assert_eq!(artifacts, [result.extras.artifacts[1].clone(), result.extras.artifacts[0].clone()], "the best first");
    assert!(reader.artifacts(JobId(4)).unwrap().is_empty());
    assert_eq!((reader.weights(JobId(2)).unwrap(), reader.weights(JobId(4)).unwrap()), (result.extras.weights, None));
    assert_eq!(
        (reader.evidence(JobId(2)).unwrap(), reader.evidence(JobId(4)).unwrap()),
        (result.extras.evidence, vec![])
    );
    assert_eq!([2, 3, 4].map(|job| reader.peak_mib(JobId(job)).unwrap()), [Some(5), Some(6), None]);
    assert_eq!([2, 3, 4].map(|job| reader.energy_joules(JobId(job)).unwrap()), [Some(5.0), Some(6.0), None]);
}

fn reader_of(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap()
}

/// The tables of a store, column by column.
fn tables(path: &Path) -> Vec<(String, String, String, bool, u32)> {
    let sql = "SELECT t.name, c.name, c.type, c.\"notnull\", c.pk FROM pragma_table_list t, pragma_table_info(t.name) c
               WHERE t.schema = 'main' AND t.name NOT LIKE 'sqlite%' ORDER BY t.name, c.cid";
    let connection = reader_of(path);
    let mut select = connection.prepare(sql).unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// `version_N.sql` is a store as version N wrote it.
#[test]
fn an_older_store_is_read_as_it_is_and_brought_up_by_its_writer() {
    let version_3 = include_str!("../../tests/golden/store/version_3.sql");
    for (version, old) in [
        (1, include_str!("../../tests/golden/store/version_1.sql")),
        (2, include_str!("../../tests/golden/store/version_2.sql")),
        (3, version_3),
    ] {
        check_migration(version, old);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    reader_of(&path).execute_batch(version_3).unwrap();
    let content = || {
        let reader = Reader::open(&path).unwrap();
        let stored = reader.result(JobId(9)).unwrap().unwrap();
        assert_eq!((stored.result.split_hash, stored.baselines), (Some(SplitHash(10)), Some(BaselinesHash(11))));
        let beside = (reader.baselines(BaselinesHash(11)).unwrap(), reader.artifacts(JobId(9)).unwrap());
        assert_eq!((beside.0.len(), beside.1.len()), (1, 1));
        (beside, reader.measurements(JOB).unwrap(), reader.submission("s").unwrap())
    };
    let before = content();
    drop(Store::open(&path).unwrap());
    assert_eq!(content(), before);
}

fn check_migration(version: i64, old: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    reader_of(&path).execute_batch(old).unwrap();
    let check = || {
        let reader = Reader::open(&path).unwrap();
        let stored = reader.result(JOB).unwrap().unwrap();
        assert_eq!((stored.result.verdict, stored.result.test.cases.len()), (Verdict::Trained, 1));
        assert_eq!((stored.result.split_hash, stored.baselines), (None, None));
        assert!(reader.artifacts(JOB).unwrap().is_empty() && reader.weights(JOB).unwrap().is_none());
        assert_eq!((reader.peak_mib(JOB).unwrap(), reader.energy_joules(JOB).unwrap()), (None, None));
        assert_eq!(facts(&path), [granted()]);
        let (mut times, mut names) = (Vec::new(), 0);
        reader.since(0, |at, _| times.push(at)).unwrap();
        let each = |_| {
            names += 1;
            Ok::<(), StoreError>(())
        };
        reader.entries(Wanted::Named(&["granted", "lost"]), each).unwrap();
        assert_eq!((times, names), (vec![reader.last_ms().unwrap()], 1));
    };
    check();
    let mut store = Store::open(&path).unwrap();
    store.append(&[], &[with_extras(2, 5)]).unwrap();
    drop(store);
    check();
    let kept = reader_of(&folder.path().join(format!("s.db.version-{version}")));
    assert_eq!(kept.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap(), version);
    assert_eq!(Reader::open(&path).unwrap().artifacts(JobId(2)).unwrap().len(), 2);
    let new = folder.path().join("new.db");
    drop(Store::open(&new).unwrap());
    assert_eq!(tables(&path), tables(&new), "a store that was brought up is as a new one");
}
