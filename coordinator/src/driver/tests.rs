//! What the driver does of itself.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use super::core::stood_still;
use super::*;
use crate::plan::{self, Extended};
use crate::scheduler::{Listing, WorkerInfo};
use crate::telemetry::{Standing, exposition};
use proto::ids::{Attempt, JobId, Token, WorkerId};
use proto::measure::FailureKind;
use proto::text::{Line, Tail};

#[test]
fn who_hears_nobody_for_half_a_lease_stood_still() {
    let stood_still = |lease, busy, late| {
        let [lease, busy, late] = [lease, busy, late].map(Duration::from_millis);
        stood_still(lease, busy, late)
    };
    assert!(!stood_still(30_000, 15_000, 500), "a slow disk, a busy machine");
    assert!(stood_still(30_000, 15_001, 0), "stopped while it wrote");
    assert!(stood_still(30_000, 0, 501), "stopped while it waited");
    assert!(!stood_still(200, 500, 0), "not at every transaction, however short the lease is");
}

#[test]
fn damage_of_a_large_store_ends_the_driver_beside_whose_work_it_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let granted = |job| Fact::Granted { job: JobId(job), attempt: Attempt(1), token: Token(2), worker: WorkerId(3) };
    let facts: Vec<_> = (0..1000).map(granted).collect();
    Store::open(&path).unwrap().append(&facts, &[]).unwrap();
    let sound = std::fs::read(&path).unwrap();
    let found = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let (driver, requests) = channel();
        check_beside(Reader::open(&path).unwrap(), driver);
        requests.recv().ok()
    };
    assert!(found(&sound).is_none());
    let mut damaged = sound.clone();
    damaged[sound.len() / 2..].fill(0);
    let Some(Request::Fail(error)) = found(&damaged) else { panic!("it is not found") };
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

#[test]
fn a_store_that_comes_back_is_known_to_work_though_nobody_writes() {
    let folder = tempfile::tempdir().unwrap();
    let [path, away] = ["s.db", "away.db"].map(|name| folder.path().join(name));
    let store = Store::open(&path).unwrap();
    let reader = store.reader().unwrap();
    let mut disk = Disk { store, reader, telemetry: Arc::default() };
    let written = || std::fs::metadata(folder.path().join("s.db-wal")).unwrap().len();
    let before = written();
    disk.probe().unwrap();
    assert!(written() > before, "it is tried in earnest");
    let mut core = Core::new(disk, Limits::default(), 1).unwrap();
    assert!(!core.check_place().unwrap() && core.problem().is_none());
    std::fs::rename(&path, &away).unwrap();
    assert!(core.check_place().unwrap() && core.problem().is_some(), "it is gone");
    assert!(!core.check_place().unwrap() && core.problem().is_some(), "that is no news");
    std::fs::rename(&away, &path).unwrap();
    assert!(core.check_place().unwrap() && core.problem().is_none(), "it is back");
}

#[tokio::test]
async fn the_last_change_is_published_though_the_driver_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("s.db")).unwrap();
    let (handle, driver) = start(store, Limits::default(), None).unwrap();
    let [name, host, device] = ["w", "h", "cpu"].map(Line::name);
    let info = WorkerInfo { name, host, device, slots: 1, simulated: true };
    handle.register(WorkerId(1), info).await.unwrap();
    handle.stop();
    tokio::task::spawn_blocking(move || driver.join()).await.unwrap().unwrap().unwrap();
    assert_eq!(handle.status().borrow().workers.len(), 1);
}

#[tokio::test]
async fn a_file_made_from_one_that_the_sweep_has_no_more_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let text = |width: u32| {
        format!(
            "sweep: s\ndataset: {{name: d, format: ph2}}\nmodel: {{width: {width}}}\nreplicates: {{split_seeds: 2}}\n"
        )
    };
    let submitted = |width| plan::parse("s.yaml", &text(width)).unwrap().simulated();
    let resubmit = async |handle: &Handle, width, splits| {
        let Extended { from, text, plan, .. } = plan::with_splits(&text(width), splits).unwrap().unwrap();
        let resubmitted = handle.resubmit(from.simulated(), plan.simulated(), text).await;
        resubmitted.map(|submitted| submitted.jobs).map_err(|refusal| refusal.to_string())
    };
    let (handle, driver) = start(Store::open(&path).unwrap(), Limits::default(), None).unwrap();
    for width in [8, 16] {
        handle.submit(submitted(width), text(width), None).await.unwrap();
    }
    let why = resubmit(&handle, 8, 4).await.unwrap_err();
    assert_eq!(why, "another file of sweep `s` was submitted meanwhile: look at the sweep, and ask again");
    handle.stop();
    tokio::task::spawn_blocking(move || driver.join()).await.unwrap().unwrap().unwrap();
    assert_eq!(Reader::open(&path).unwrap().submission("s").unwrap().text, text(16));
    // what the journal gives back is the same plan
    let (handle, _driver) = start(Store::open(&path).unwrap(), Limits::default(), None).unwrap();
    assert_eq!(resubmit(&handle, 16, 4).await, Ok(4));
    handle.delete("s".to_owned(), false).await.unwrap();
    assert_eq!(resubmit(&handle, 16, 4).await, Err("no sweep is named `s`".to_owned()));
}

#[test]
fn a_fact_that_does_not_fit_those_before_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.db");
    let cancelled = (0..1500).map(|_| Fact::Cancelled { sweep: "s".to_owned(), shared: true });
    let granted = Fact::Granted { job: JobId(1), attempt: Attempt(1), token: Token(2), worker: WorkerId(3) };
    let facts: Vec<_> = cancelled.clone().chain([granted]).chain(cancelled).collect();
    Store::open(&path).unwrap().append(&facts, &[]).unwrap();
    let restored = restore(&Reader::open(&path).unwrap(), Timestamp(0), Limits::default(), 1);
    let message = restored.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains("journal, seq 1501: job 00000000000000000000000000000001 is Cancelled"), "{message}");
}

fn metrics(telemetry: &Telemetry) -> String {
    exposition(telemetry, Standing::default())
}

#[test]
fn every_end_of_an_attempt_has_a_series_before_the_first() {
    let telemetry = Arc::new(Telemetry::default());
    let series = || {
        let text = metrics(&telemetry);
        let ends = text.lines().filter(|line| line.starts_with("splitsweep_attempts_total"));
        ends.filter_map(|line| line.rsplit_once(' ')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let before: Vec<(String, String)> = series();
    assert!(before.iter().all(|(_, value)| value == "0"), "{before:?}");
    let (job, attempt) = (JobId(1), Attempt(1));
    let failed = |kind| {
        let (message, worker, log) = (Line::message("m"), Line::name("w"), Tail::default());
        Fact::Failed { job, attempt, kind, message, worker, log }
    };
    use FailureKind::{Crashed, Data, Error, OutOfMemory, TooLarge};
    let mut ends: Vec<_> = [Error, Crashed, OutOfMemory, Data, TooLarge].map(failed).into();
    ends.extend([true, false].map(|too_large| Fact::Released { job, attempt, too_large }));
    ends.push(Fact::Succeeded { job, attempt, grade: None, split: None });
    ends.extend([Fact::Recalled { job, attempt }, Fact::Lost { job, attempt }, Fact::Stalled { job, attempt }]);
    Observer::new(Arc::clone(&telemetry), 0).see(Timestamp(0), &State::new(Limits::default(), 1), &ends);
    let after = series();
    assert_eq!(before.len(), ends.len());
    assert!(after.iter().all(|(_, value)| value == "1"), "{after:?}");
    assert_eq!(after.len(), before.len());
}

#[test]
fn what_was_granted_before_a_restart_is_progress_too() {
    let text = "sweep: s\ndataset: {name: d, format: synthetic, cases: 6, seed: 0, image_size: 32}\n\
                split: {train: 3, validation: 2, test: 1}\nreplicates: {split_seeds: 1}\ntraining: {epochs: 2}\n";
    let plan = plan::parse("s.yaml", text).unwrap().simulated();
    let data = State::data_of(&plan).unwrap();
    let job = Listing::of(&plan, &data).between(&(JobId(0)..=JobId(u128::MAX))).next().unwrap().0;
    let (attempt, token, worker) = (Attempt(1), Token(2), WorkerId(3));
    let facts = [
        Fact::Submitted { plan: Box::new(plan), text: text.to_owned() },
        Fact::Granted { job, attempt, token, worker },
        Fact::Progressed { job, epoch: 1, seconds: 1.0, loss: None },
        Fact::Succeeded { job, attempt, grade: None, split: None },
    ];
    let [_, _, epoch, result] = &facts;
    let mut state = State::new(Limits::default(), 1);
    facts[..2].iter().for_each(|fact| state.apply(Timestamp(0), fact).unwrap());
    let telemetry = Arc::new(Telemetry::default());
    let mut observer = Observer::new(Arc::clone(&telemetry), 1_000_000);
    for (at, fact, progress) in [(5000, epoch, "1005.0"), (9000, result, "1009.0")] {
        state.apply(Timestamp(at), fact).unwrap();
        observer.see(Timestamp(at), &state, std::slice::from_ref(fact));
        let text = metrics(&telemetry);
        let series = format!("splitsweep_sweep_progress_timestamp_seconds{{sweep=\"s\"}} {progress}\n");
        assert!(text.contains(&series), "{series} is missing in\n{text}");
    }
}
