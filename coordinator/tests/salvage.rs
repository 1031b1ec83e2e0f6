//! Damaged stores: nothing of them is believed that is not as it was written, and what is sound is saved.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use coordinator::plan;
use coordinator::results;
use coordinator::salvage::{Saved, check, salvage};
use coordinator::scheduler::{Fact, Grade, JobState, Limits, Record, State, Timestamp};
use coordinator::store::{Reader, Store, StoreError, backup};
use proto::extras::{Artifact, Baseline, BaselineCounts, Extras, KeptWeights};
use proto::ids::{Attempt, BaselinesHash, JobId, SplitHash, Token, WeightsHash, WorkerId};
use proto::measure::{CaseCounts, Counts, Evaluation, JobResult, Measurement, Scores, Verdict};
use proto::text::Line;
use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Jobs of the sweep, and how many of them have a result.
const JOBS: usize = 40;
const DONE: usize = 30;

struct Bench {
    folder: TempDir,
    jobs: Vec<JobId>,
}

impl Bench {
    /// A store with a sweep, most of whose jobs have succeeded, the first with their second attempt.
    fn new() -> Self {
        let text = format!(
            "sweep: s\ndataset: {{name: d, format: folder}}\nsplit: {{train: 4, validation: 1, test: 1}}\n\
             grid: {{loss: [bce, dice]}}\nreplicates: {{split_seeds: {}}}\n",
            JOBS / 2
        );
        let plan = Box::new(plan::parse("s.yaml", &text).unwrap().simulated());
        let mut facts = vec![Fact::Submitted { plan, text }];
        let mut state = State::new(Limits::default(), 1);
        state.apply(Timestamp(0), &facts[0]).unwrap();
        let jobs = state.sweep("s").unwrap().jobs.to_vec();
        let mut records = Vec::new();
        for (index, job) in jobs.iter().copied().take(DONE).enumerate() {
            let granted = |attempt| Fact::Granted { job, attempt, token: Token(2), worker: WorkerId(3) };
            let result = result(index as u32);
            facts.extend([granted(Attempt(1)), Fact::Lost { job, attempt: Attempt(1) }, granted(Attempt(2))]);
            let (grade, split) = (Some(Grade::from(&result)), result.split_hash);
            facts.push(Fact::Succeeded { job, attempt: Attempt(2), grade, split });
            let measurement =
                Measurement { epoch: 1, train_loss: Some(0.5), validation: Scores::default(), seconds: 1.0 };
            records.push(Record::Measurements { job, attempt: Attempt(2), measurements: vec![measurement] });
            let (attempt, worker) = (Attempt(2), "somebody".to_owned());
            records.push(Record::Result { job, attempt, worker, result: Box::new(result) });
        }
        let bench = Self { folder: tempfile::tempdir().unwrap(), jobs };
        Store::open(&bench.path("s.db")).unwrap().append(&facts, &records).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn connection(&self) -> Connection {
        Connection::open(self.path("s.db")).unwrap()
    }

    fn salvage(&self) -> Saved {
        salvage(&self.path("s.db"), &self.path("new.db"), |_| {}).unwrap()
    }
}

fn result(index: u32) -> JobResult {
    let counts = |case| CaseCounts { case, counts: Counts { tp: 10 + index, fp: 2, fn_: 3, tn: 4 } };
    let evaluation = |case| Evaluation::of(0.25, vec![counts(case)]);
    let baseline = |baseline| BaselineCounts { baseline, validation: vec![counts(0)], test: vec![counts(1)] };
    JobResult {
        verdict: Verdict::Trained,
        epochs: 1,
        best_epoch: 1,
        validation: evaluation(0),
        test: evaluation(1),
        train_seconds: 1.5,
        parameters: 0,
        device: "made up".to_owned(),
        split_hash: Some(SplitHash(9)),
        extras: Extras {
            baselines: Baseline::ALL.map(baseline).to_vec(),
            artifacts: vec![Artifact { case: 1, rank: 1, of: 1, iou: 0.5, png: vec![7; 20] }],
            weights: Some(KeptWeights { hash: WeightsHash(1), bytes: 2, place: Line::name("host:/folder") }),
            peak_mib: Some(5),
            energy_joules: Some(6.5),
            ..Extras::default()
        },
    }
}

/// All that a reader is told of the store, or the first thing that is wrong with it.
fn content(path: &Path, jobs: &[JobId]) -> Result<String, StoreError> {
    let reader = Reader::open(path)?;
    let state = results::state(&reader)?;
    let mut told = format!("{:?}{:?}", state.status(), reader.submission("s")?.text);
    for job in jobs {
        let result = reader.result(*job)?;
        let baselines = result.as_ref().and_then(|result| result.baselines).unwrap_or(BaselinesHash(0));
        told += &format!(
            "{result:?}{:?}{:?}{:?}",
            reader.measurements(*job)?,
            reader.artifacts(*job)?,
            reader.baselines(baselines)?
        );
    }
    Ok(told)
}

#[test]
fn a_sound_store_is_sound_and_so_are_its_copies() {
    let bench = Bench::new();
    let checked = check(&bench.path("s.db"), |_| {}).unwrap();
    assert_eq!((checked.results, &checked.findings[..]), (DONE as u64, &[][..]));
    assert!(checked.is_sealed && checked.tables.len() == 10);
    // in use, with what is not yet in the one file
    let mut store = Store::open(&bench.path("s.db")).unwrap();
    store.append(&[Fact::Cancelled { sweep: "s".to_owned(), shared: true }], &[]).unwrap();
    backup(&bench.path("s.db"), &bench.path("copy.db")).unwrap();
    let taken = backup(&bench.path("s.db"), &bench.path("copy.db"));
    assert!(matches!(taken, Err(StoreError::Taken { .. })));
    let [original, copy] = ["s.db", "copy.db"].map(|name| content(&bench.path(name), &bench.jobs).unwrap());
    assert!(original == copy);
    store.append(&[Fact::Cancelled { sweep: "s".to_owned(), shared: true }], &[]).unwrap();
    drop(Store::open(&bench.path("copy.db")).unwrap());
    drop(store);
    assert_eq!(bench.salvage(), Saved { sweeps: 1, results: DONE as u64, ..Saved::default() });
    let state = results::state(&Reader::open(&bench.path("new.db")).unwrap()).unwrap();
    let is_cancelled = |job: &&JobId| state.job(**job).unwrap().state == JobState::Cancelled;
    assert_eq!(bench.jobs.iter().filter(is_cancelled).count(), JOBS - DONE);
    assert!(check(&bench.path("new.db"), |_| {}).unwrap().findings.is_empty());
}

/// Flips bits all over the file: each is found, or changes nothing of what the store tells.
#[test]
fn no_flipped_bit_is_believed() {
    let bench = Bench::new();
    let path = bench.path("s.db");
    let (sound, expected) = (fs::read(&path).unwrap(), content(&path, &bench.jobs).unwrap());
    let (mut random, mut found) = (ChaCha8Rng::seed_from_u64(1), 0);
    for _ in 0..1_000 {
        let (byte, bit) = (random.random_range(100..sound.len()), random.random_range(0..8));
        let mut bytes = sound.clone();
        bytes[byte] ^= 1 << bit;
        fs::write(&path, &bytes).unwrap();
        let is_found = check(&path, |_| {}).is_ok_and(|checked| !checked.findings.is_empty());
        found += u32::from(is_found);
        match content(&path, &bench.jobs) {
            Ok(told) => assert!(is_found || told == expected, "bit {bit} of byte {byte} is believed"),
            Err(error) => assert!(is_found, "bit {bit} of byte {byte}: {error}"),
        }
    }
    assert!(found > 300, "{found}");
}

#[test]
fn each_kind_of_row_tells_where_it_is_damaged() {
    for (change, place) in [
        ("UPDATE journal SET detail = replace(detail, 'dice', 'bice') WHERE seq = 1", "journal, seq 1"),
        ("UPDATE results SET device = 'another'", "results, job"),
        ("UPDATE measurements SET seconds = 2", "measurements, job"),
        ("UPDATE artifacts SET iou = 0.75", "artifacts, job"),
        ("UPDATE baselines SET test_cases = val_cases", "baselines, hash"),
    ] {
        let bench = Bench::new();
        bench.connection().execute_batch(change).unwrap();
        let message = content(&bench.path("s.db"), &bench.jobs).unwrap_err().to_string();
        assert!(
            message.contains(place) && message.contains("checksum") && message.contains("store salvage"),
            "{message}"
        );
        let findings = check(&bench.path("s.db"), |_| {}).unwrap().findings.concat();
        let table = place.split(',').next().unwrap();
        assert!(
            findings.contains(&format!("{table}: ")) && findings.contains("not as they were written"),
            "{findings}"
        );
    }
}

#[test]
fn facts_and_results_that_do_not_belong_together_are_found() {
    let bench = Bench::new();
    let last = bench.jobs[DONE - 1].0.to_be_bytes();
    bench.connection().execute("DELETE FROM results WHERE job = ?1", [last]).unwrap();
    let findings = check(&bench.path("s.db"), |_| {}).unwrap().findings;
    assert!(matches!(&findings[..], [one] if one.contains("its row is missing")), "{findings:?}");
    assert_eq!(bench.salvage(), Saved { sweeps: 1, results: DONE as u64 - 1, lost: 1, ..Saved::default() });
}

#[test]
fn a_journal_that_contradicts_itself_is_saved_with_all_results() {
    let bench = Bench::new();
    let path = bench.path("s.db");
    let again = Fact::Granted { job: bench.jobs[0], attempt: Attempt(3), token: Token(2), worker: WorkerId(3) };
    Store::open(&path).unwrap().append(&[again], &[]).unwrap();
    assert!(matches!(results::state(&Reader::open(&path).unwrap()), Err(StoreError::Damaged { .. })));
    assert_eq!(bench.salvage(), Saved { sweeps: 1, results: DONE as u64, ..Saved::default() });
    let reader = Reader::open(&bench.path("new.db")).unwrap();
    let saved = reader.result(bench.jobs[3]).unwrap().unwrap();
    let old = Reader::open(&path).unwrap();
    assert_eq!(saved, old.result(bench.jobs[3]).unwrap().unwrap());
    assert_eq!(reader.measurements(bench.jobs[3]).unwrap(), old.measurements(bench.jobs[3]).unwrap());
    assert_eq!(reader.artifacts(bench.jobs[3]).unwrap(), old.artifacts(bench.jobs[3]).unwrap());
}

#[test]
fn what_is_left_of_a_damaged_file_is_saved() {
    let pages = |bench: &Bench| fs::metadata(bench.path("s.db")).unwrap().len() as usize / 4096;
    let (mut saved, mut lost) = (0, 0);
    let number = pages(&Bench::new());
    // the first page is the table of contents
    for page in 1..number {
        let bench = Bench::new();
        let mut bytes = fs::read(bench.path("s.db")).unwrap();
        bytes[page * 4096..(page + 1) * 4096].fill(0);
        fs::write(bench.path("s.db"), &bytes).unwrap();
        let kept = bench.salvage();
        assert!(check(&bench.path("new.db"), |_| {}).unwrap().findings.is_empty());
        (saved, lost) = (saved + kept.results, lost + kept.lost);
    }
    assert!(saved > lost && lost > 0, "{saved} saved, {lost} lost in {number} pages");
    let bench = Bench::new();
    let bytes = fs::read(bench.path("s.db")).unwrap();
    fs::write(bench.path("s.db"), &bytes[..bytes.len() - 4096]).unwrap();
    assert!(check(&bench.path("s.db"), |_| {}).is_err(), "it is cut off");
    assert_eq!(bench.salvage().sweeps, 1);
}

#[test]
fn nothing_is_overwritten_or_taken_from_a_coordinator() {
    let bench = Bench::new();
    let _store = Store::open(&bench.path("s.db")).unwrap();
    assert!(matches!(salvage(&bench.path("s.db"), &bench.path("new.db"), |_| {}), Err(StoreError::Locked { .. })));
    drop(_store);
    fs::write(bench.path("new.db"), "mine").unwrap();
    assert!(matches!(salvage(&bench.path("s.db"), &bench.path("new.db"), |_| {}), Err(StoreError::Taken { .. })));
    assert_eq!(fs::read(bench.path("new.db")).unwrap(), b"mine");
    let names = fs::read_dir(bench.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().starts_with('.')), "nothing is left behind");
}
