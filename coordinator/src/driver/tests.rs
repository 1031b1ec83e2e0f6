//! What the driver does of itself.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use super::core::stood_still;
use super::*;
use crate::scheduler::WorkerInfo;
use proto::ids::{Attempt, JobId, Token, WorkerId};
use proto::text::Line;

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
    let (handle, driver) = start(store, Limits::default()).unwrap();
    let [name, host, device] = ["w", "h", "cpu"].map(Line::name);
    let info = WorkerInfo { name, host, device, slots: 1, simulated: true };
    handle.register(WorkerId(1), info).await.unwrap();
    handle.stop();
    tokio::task::spawn_blocking(move || driver.join()).await.unwrap().unwrap().unwrap();
    assert_eq!(handle.status().borrow().workers.len(), 1);
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
