//! Broken workers and broken jobs, told apart.

use super::*;

/// Has the worker fail whatever it gets, until it gets nothing; returns the attempts.
fn fail_all(sim: &mut Sim, worker: WorkerId) -> Vec<Lease> {
    let mut failed = Vec::new();
    while let Some(&lease) = sim.fetch(worker, 1).first() {
        assert_eq!(sim.complete(worker, lease, failure()), RECORDED);
        failed.push(lease);
        assert!(failed.len() < 1000, "it does not end");
    }
    failed
}

fn is_quarantined(sim: &Sim, name: &str) -> bool {
    let view = sim.state.status();
    view.workers.into_iter().find(|worker| worker.name == name).unwrap().quarantined
}

#[test]
fn a_broken_worker_fails_three_jobs_and_no_more() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice]", 10));
    let (broken, sound) = (sim.worker(1, 1), sim.worker(2, 1));
    let busy = sim.fetch(sound, 1)[0];
    assert_eq!(fail_all(&mut sim, broken).len(), 3);
    let reply = sim.synchronize(broken, &[], 1);
    assert!(reply.notices[0].contains("no luck") && reply.notices[0].contains("restart the worker"), "{reply:?}");
    assert!(is_quarantined(&sim, "w1") && !is_quarantined(&sim, "w2"));
    assert_eq!(sim.complete(sound, busy, result()), RECORDED);
    assert_eq!(sim.finish(sound).len(), 19);
    assert_eq!(sim.state.sweep("a").unwrap().counts.succeeded, 20);
    let again = sim.worker(3, 1);
    sim.submit(sweep("a", "[bce, dice]", 11));
    assert_eq!(sim.fetch(broken, 1), []);
    assert_eq!(sim.fetch(again, 1).len(), 1, "its next life starts afresh");
}

#[test]
fn a_job_that_failed_goes_to_another_worker_if_there_is_one() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 2));
    let (first, second) = (sim.worker(1, 1), sim.worker(2, 1));
    let failed = sim.fetch(first, 1)[0];
    let other = sim.fetch(second, 1)[0];
    assert_eq!(sim.complete(first, failed, failure()), RECORDED);
    assert_eq!(sim.fetch(first, 1), [], "it waits for the second, which is busy");
    assert_eq!(sim.complete(second, other, result()), RECORDED);
    let again = sim.fetch(second, 1)[0];
    assert_eq!((again.job, again.attempt.0), (failed.job, 2));
    assert_eq!(sim.complete(second, again, failure()), RECORDED);
    assert_eq!(sim.fetch(first, 1)[0].attempt.0, 3, "it has failed on both");
}

#[test]
fn a_job_does_not_wait_for_a_worker_that_is_gone() {
    for gone in ["silent", "told to go", "without the data"] {
        let mut sim = Sim::new();
        sim.submit(sweep("a", "bce", 1));
        let (first, second) = (sim.worker(1, 1), sim.worker(2, 1));
        let lease = sim.fetch(first, 1)[0];
        sim.synchronize(second, &[], 0);
        assert_eq!(sim.complete(first, lease, failure()), RECORDED);
        assert_eq!(sim.fetch(first, 1), [], "the second can have it");
        match gone {
            "silent" => sim.pass(LEASE_MS),
            "told to go" => drop(sim.drain(second, &[])),
            _ => sim.offer(second, Found::Problem(Line::message("no folder"))),
        }
        assert_eq!(sim.fetch(first, 1).len(), 1, "{gone}");
    }
}

#[test]
fn a_sweep_ends_however_many_workers_are_broken() {
    for workers in 1..=4 {
        let mut sim = Sim::new();
        sim.submit(sweep("a", "[bce, dice]", 5));
        let workers: Vec<_> = (1..=workers).map(|number| sim.worker(number, 1)).collect();
        let mut attempts = 0;
        loop {
            let failed: usize = workers.iter().map(|&worker| fail_all(&mut sim, worker).len()).sum();
            attempts += failed;
            if failed == 0 {
                break;
            }
        }
        assert_eq!(attempts, 3 * 10, "each job is tried three times");
        assert_eq!(sim.state.sweep("a").unwrap().counts.failed, 10);
    }
}

#[test]
fn jobs_that_fail_everywhere_are_not_held_against_their_workers() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice, focal]", 2));
    let (first, second) = (sim.worker(1, 1), sim.worker(2, 1));
    // one replicate of each candidate that no worker can train
    let bad: Vec<_> = sim.state.sweep("a").unwrap().jobs[..3].to_vec();
    for (worker, attempts) in [(first, 3), (second, 6)] {
        for _ in 0..attempts {
            let lease = sim.fetch(worker, 1)[0];
            assert!(bad.contains(&lease.job));
            assert_eq!(sim.complete(worker, lease, failure()), RECORDED);
        }
    }
    assert!(is_quarantined(&sim, "w1") && is_quarantined(&sim, "w2"), "for all that is known both are broken");
    let lease = sim.fetch(first, 1)[0];
    assert_eq!(sim.complete(first, lease, result()), RECORDED);
    assert!(!is_quarantined(&sim, "w1") && !is_quarantined(&sim, "w2"), "now it is known that the jobs are");
    assert_eq!(sim.finish(second).len(), 2);
}

#[test]
fn the_conduct_of_workers_follows_from_the_journal() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice]", 5));
    let (broken, sound) = (sim.worker(1, 1), sim.worker(2, 1));
    let lease = sim.fetch(sound, 1)[0];
    fail_all(&mut sim, broken);
    sim.complete(sound, lease, result());
    let restarted = sim.restarted(sim.journal.len());
    assert_eq!(restarted.state.conduct, sim.state.conduct);
    assert!(restarted.state.is_quarantined(broken) && !restarted.state.is_quarantined(sound));
}

fn too_large() -> Outcome {
    Outcome::Failed { kind: FailureKind::TooLarge, message: Line::message("too large"), log: Tail::default() }
}

#[test]
fn a_job_that_is_too_large_goes_to_another_worker_and_fails_at_once_without_one() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 5));
    let (small, large) = (sim.worker(1, 1), sim.worker(2, 1));
    for _ in 0..4 {
        let lease = sim.fetch(small, 1)[0];
        assert_eq!(sim.complete(small, lease, too_large()), RECORDED);
    }
    assert!(!is_quarantined(&sim, "w1"), "a small worker is not broken");
    let fifth = sim.fetch(small, 1)[0];
    assert_eq!(sim.complete(small, fifth, result()), RECORDED);
    assert_eq!(sim.fetch(small, 1), [], "the others are not for it");
    let given_back = sim.fetch(large, 1)[0];
    assert_eq!((given_back.attempt.0, sim.state.sweep("a").unwrap().counts.failed), (2, 0));
    assert_eq!(sim.complete(large, given_back, too_large()), RECORDED);
    let counts = sim.state.sweep("a").unwrap().counts;
    assert_eq!((counts.failed, counts.queued), (1, 3), "it fits nowhere");
    assert_eq!(sim.state.job(given_back.job).unwrap().message.as_deref(), Some("too large"));
    // with nobody else it is tried where it was too large before, and ends there
    sim.drain(large, &[]);
    for _ in 0..3 {
        let lease = sim.fetch(small, 1)[0];
        assert_eq!(sim.complete(small, lease, too_large()), RECORDED);
    }
    assert_eq!(sim.state.sweep("a").unwrap().counts.failed, 4);
    let restarted = sim.restarted(sim.journal.len());
    assert_eq!(restarted.state.sweep("a").unwrap().counts.failed, 4);
}
