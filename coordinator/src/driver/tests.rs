//! What the driver does of itself.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use super::core::stood_still;
use super::*;
use proto::ids::{Attempt, JobId, Token, WorkerId};

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
