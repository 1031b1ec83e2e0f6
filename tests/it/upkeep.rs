//! Stores are checked, copied, saved when they are damaged, and small.

use crate::harness::{Ended, Lab, simulated, until};
use rusqlite::Connection;
use std::fs;
use std::path::Path;

const JOBS: u32 = 40;

/// A folder with a store whose sweep is complete.
fn complete() -> Lab {
    let lab = Lab::new();
    lab.write(&simulated(JOBS, 2));
    go_on(&lab, "sweeps.db").expect(0);
    lab
}

/// Runs the sweep on the store, from where it stands to its end.
fn go_on(lab: &Lab, store: &str) -> Ended {
    let arguments = ["--store", store, "--local-workers", "1", "--slots", "2", "--simulate", "1ms"];
    lab.sweep(&arguments).process.wait()
}

/// Flips a bit of a store that lies in one file, in the last of these `bytes`, wherever they are: old copies lie in the file, too.
fn flip(store: &Path, bytes: &[u8]) {
    let mut content = fs::read(store).unwrap();
    let places: Vec<_> = (0..content.len()).filter(|&at| content[at..].starts_with(bytes)).collect();
    assert!(!places.is_empty(), "the bytes are there");
    places.iter().for_each(|at| content[at + bytes.len() - 1] ^= 1);
    fs::write(store, content).unwrap();
}

/// A value of some row, as it lies in the file.
fn bytes(store: &Path, select: &str) -> Vec<u8> {
    Connection::open(store).unwrap().query_row(select, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_flipped_bit_is_said_and_only_its_result_is_made_again() {
    let lab = complete();
    lab.run(["store", "check"]).expect(0);
    let table = lab.rows("jobs");
    // a row of `results` has the worker's name behind the job, and that of an attempt that is 1 takes no byte
    flip(&lab.store(), &[&bytes(&lab.store(), "SELECT job FROM results LIMIT 1")[..], b"local-1"].concat());
    let checked = lab.run(["store", "check", "sweeps.db"]).expect(1);
    assert!(checked.stdout.contains("1 of 40 rows are not as they were written"), "{}", checked.stdout);
    for arguments in [&["tables"][..], &["jobs"], &["report", "--out", "report"]] {
        let ended = lab.run(arguments).expect(1);
        assert!(ended.stderr.contains("sweeps.db is damaged at results, job "), "{}", ended.stderr);
        assert!(ended.stderr.contains("coordinator store salvage"), "{}", ended.stderr);
    }
    let damaged = fs::read(lab.store()).unwrap();
    let saved = lab.run(["store", "salvage", "sweeps.db", "--into", "new.db"]).expect(0);
    assert!(saved.stdout.contains("1 sweeps and 39 results"), "{}", saved.stdout);
    assert!(saved.stdout.contains("lost: 1 results"), "{}", saved.stdout);
    assert!(fs::read(lab.store()).unwrap() == damaged, "what is damaged stays as it is");
    go_on(&lab, "new.db").expect(0);
    fs::rename(lab.path("new.db"), lab.store()).unwrap();
    lab.run(["store", "check"]).expect(0);
    let again = lab.rows("jobs");
    assert_eq!((again.len(), table.len()), (JOBS as usize, JOBS as usize));
    let changed = again.iter().filter(|row| !table.contains(row)).count();
    assert!(changed <= 1, "{changed} rows have changed");
}

#[test]
fn a_flipped_bit_in_a_fact_keeps_the_coordinator_from_starting() {
    let lab = complete();
    let grade = bytes(&lab.store(), "SELECT detail FROM journal WHERE fact = 'succeeded' LIMIT 1");
    flip(&lab.store(), &grade);
    let ended = lab.run(["serve", "--listen", "127.0.0.1:0"]).expect(1);
    assert!(ended.stderr.contains("damaged at journal, seq "), "{}", ended.stderr);
    lab.run(["store", "journal"]).expect(1);
    lab.run(["store", "check"]).expect(1);
    let saved = lab.run(["store", "salvage", "sweeps.db", "--into", "new.db"]).expect(0);
    assert!(saved.stdout.contains("40 results"), "the results are sound: {}", saved.stdout);
}

#[test]
fn a_result_whose_row_is_gone_is_missed_by_the_tables() {
    let lab = complete();
    let store = Connection::open(lab.store()).unwrap();
    store.execute("DELETE FROM results WHERE job = (SELECT max(job) FROM results)", []).unwrap();
    drop(store);
    for command in ["tables", "jobs"] {
        let ended = lab.run([command]).expect(1);
        assert!(ended.stderr.contains("it has succeeded, but its row is missing"), "{}", ended.stderr);
    }
}

#[test]
fn a_store_is_copied_while_its_coordinator_works() {
    const LONG: u32 = 400;
    let lab = Lab::new();
    lab.write(&simulated(LONG, 2));
    let coordinator = lab.serve(&[]);
    lab.submit(&coordinator.url, &["--simulated"]);
    let _worker = lab.worker(&coordinator.url, "w", &["--simulate", "5ms", "--slots", "2"]);
    let succeeded = || lab.history().succeeded().len();
    until("some results", || (succeeded() > 5).then_some(()));
    let before = succeeded();
    lab.run(["store", "backup", "sweeps.db", "--into", "copy.db"]).expect(0);
    let refused = lab.run(["store", "backup", "sweeps.db", "--into", "copy.db"]).expect(2);
    assert!(refused.stderr.contains("copy.db is there already"), "{}", refused.stderr);
    let after = succeeded();
    assert!(after < LONG as usize, "it was at work meanwhile");
    until("more results", || (succeeded() > after).then_some(()));
    coordinator.ended(&lab);
    lab.check_complete(LONG as usize);
    lab.run(["store", "check", "copy.db"]).expect(0);
    let copied = Connection::open(lab.path("copy.db")).unwrap();
    let copied: i64 = copied.query_row("SELECT count(*) FROM results", [], |row| row.get(0)).unwrap();
    assert!((before..=after).contains(&(copied as usize)), "{copied} results, {before} before and {after} after");
    go_on(&lab, "copy.db").expect(0);
}

#[test]
fn an_older_store_is_copied_before_it_is_brought_up() {
    let old = include_str!("../../coordinator/tests/golden/store/version_3.sql");
    let lab = Lab::new();
    Connection::open(lab.store()).unwrap().execute_batch(old).unwrap();
    // its journal is of no sweep, so the coordinator ends once it has brought it up
    let said = lab.run(["serve", "--listen", "127.0.0.1:0"]).expect(1).stderr;
    assert!(said.contains("from version 3 to 4") && said.contains("sweeps.db.version-3 is as it was"), "{said}");
    let version = |name: &str| -> i64 {
        Connection::open(lab.path(name)).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    assert_eq!((version("sweeps.db"), version("sweeps.db.version-3")), (4, 3));
}

#[test]
fn the_journal_is_printed_as_json() {
    let lab = complete();
    let journal = lab.run(["store", "journal"]).expect(0).stdout;
    let facts: Vec<serde_json::Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!((1..).zip(&facts).all(|(seq, fact): (u64, _)| fact["seq"] == seq));
    let of = |name: &str| facts.iter().filter(|fact| fact["fact"] == name).cloned().collect::<Vec<_>>();
    assert_eq!(of("submitted").len(), 1);
    assert_eq!((of("granted").len(), of("succeeded").len()), (JOBS as usize, JOBS as usize));
    let jobs: Vec<_> = lab.rows("jobs").into_iter().map(|row| row["job"].clone()).collect();
    for fact in of("succeeded") {
        assert!(jobs.iter().any(|job| fact["job"] == **job), "{fact}");
        assert!(fact["at"].as_str().unwrap().ends_with('Z') && fact["grade"]["verdict"].is_string(), "{fact}");
    }
}

/// Not a limit of anything, but what keeps a sweep of a million jobs below a gigabyte.
#[test]
fn a_job_takes_less_than_a_kilobyte() {
    const MANY: u32 = 2000;
    let lab = Lab::new();
    lab.write(
        &simulated(MANY, 1)
            .replace("cases: 3,", "cases: 60,")
            .replace("train: 1, validation: 1, test: 1", "train: 30, validation: 15, test: 15"),
    );
    let arguments = ["--local-workers", "1", "--slots", "8", "--simulate", "0ms"];
    lab.sweep(&arguments).process.wait().expect(0);
    let size = fs::metadata(lab.store()).unwrap().len();
    assert!(size < u64::from(MANY) * 1000, "{} bytes per job", size / u64::from(MANY));
    assert!(!lab.path("sweeps.db-wal").exists(), "all is in the one file");
}
