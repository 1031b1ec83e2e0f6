//! What a worker may ask of the scheduler at most.

use super::*;
use std::sync::Arc;

const MINUTE: u64 = 60_000;

#[test]
fn a_worker_that_calls_and_does_not_work_loses_its_jobs_to_one_that_works() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 4));
    let (idle, other) = (sim.worker(1, 4), sim.worker(2, 1));
    let held = sim.fetch(idle, 4);
    sim.call_for(&[(idle, &held), (other, &[])], 120 * MINUTE - 1);
    assert_eq!((sim.synchronize(idle, &held, 0).stops, sim.fetch(other, 1)), (vec![], vec![]), "not yet");
    sim.pass(1);
    let reply = sim.synchronize(idle, &held, 4);
    assert_eq!((reply.stops.len(), reply.grants.len()), (4, 0));
    assert_eq!(sim.finish(other).len(), 4, "the other gets them, one after the other");
    for lease in held {
        assert_eq!(sim.complete(idle, lease, failure()), Completed::StaleLease);
    }
    sim.restarted(sim.journal.len());
}

/// A worker that has stalled with two jobs, and another; what it held.
fn stalled() -> (Sim, [WorkerId; 2], Vec<Lease>) {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 2));
    let (idle, other) = (sim.worker(1, 2), sim.worker(2, 1));
    let held = sim.fetch(idle, 2);
    sim.call_for(&[(idle, &held), (other, &[])], 120 * MINUTE);
    assert_eq!(sim.synchronize(idle, &held, 2).stops.len(), 2);
    (sim, [idle, other], held)
}

#[test]
fn a_worker_that_stalled_gets_jobs_again_once_nobody_else_is_there() {
    let (mut sim, [idle, other], _) = stalled();
    let reply = sim.synchronize(idle, &[], 2);
    assert!(reply.grants.is_empty() && reply.notices[0].contains("--progress-timeout"), "{:?}", reply.notices);
    sim.drain(other, &[]);
    assert_eq!(sim.fetch(idle, 2).len(), 2);
}

#[test]
fn the_answer_to_a_late_result_does_not_grant_what_else_its_worker_may_have_finished() {
    let (mut sim, [idle, other], held) = stalled();
    sim.drain(other, &[]);
    // it had finished both, and the messages were held up: the second is still on its way
    assert_eq!(sim.complete_with(idle, held[0], result(), &[], 1), RECORDED, "nothing is granted");
    assert_eq!(sim.complete(idle, held[1], result()), RECORDED);
}

#[test]
fn a_slow_worker_is_better_than_none() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 1));
    let slow = sim.worker(1, 1);
    let held = sim.fetch(slow, 1);
    sim.call_for(&[(slow, &held)], 24 * 60 * MINUTE);
    assert_eq!(sim.complete(slow, held[0], result()), RECORDED);
}

#[test]
fn long_epochs_are_progress() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 2));
    let (slow, other) = (sim.worker(1, 2), sim.worker(2, 1));
    let held = sim.fetch(slow, 2);
    sim.call_for(&[(slow, &held), (other, &[])], 14 * MINUTE);
    let measured = vec![(held[0], vec![epoch(1)])];
    let measured = Synchronization { held: held.clone(), measurements: measured, ..Synchronization::default() };
    sim.say(slow, &measured);
    // four times the longest epoch of the sweep, for the job that has none as well
    sim.call_for(&[(slow, &held), (other, &[])], 42 * MINUTE - 1);
    assert_eq!(sim.synchronize(slow, &held, 0).stops, []);
    sim.pass(1);
    assert_eq!(sim.synchronize(slow, &held, 0).stops, held[1..]);
    // to say the same again is no progress
    sim.call_for(&[(slow, &held[..1]), (other, &[])], 14 * MINUTE);
    assert_eq!(sim.say(slow, &Synchronization { held: held[..1].to_vec(), ..measured }).stops, held[..1]);
}

#[test]
fn a_data_set_that_no_sweep_names_is_not_kept() {
    let mut sim = Sim::new();
    let worker = sim.worker(1, 1);
    assert!(sim.state.workers[&worker].offers.is_empty());
    sim.submit(sweep("a", "bce", 1));
    assert_eq!(sim.synchronize(worker, &[], 1).wanted, [sweep("a", "bce", 1).dataset], "it is asked for");
    sim.offer(worker, Found::Inventory(inventory("pictures", 8).into()));
    assert_eq!(sim.fetch(worker, 1).len(), 1);
}

#[test]
fn an_inventory_that_many_workers_offer_is_kept_once() {
    let mut sim = Sim::new();
    for name in ["a", "b"] {
        sim.submit(sweep(name, "bce", 1));
    }
    let workers: Vec<_> = (1..=9).map(|number| sim.worker(number, 1)).collect();
    let pinned = |sim: &Sim, name| Arc::clone(sim.state.sweep(name).unwrap().inventory.as_ref().unwrap());
    let kept = pinned(&sim, "a");
    // here, and by two sweeps and nine workers
    assert_eq!(Arc::strong_count(&kept), 1 + 2 + 9);
    // of the same content, it says, but other cases
    sim.offer(workers[0], Found::Inventory(Inventory { content: kept.content, ..inventory("", 9) }.into()));
    assert_eq!(Arc::strong_count(&kept), 1 + 2 + 8);
    assert_eq!(pinned(&sim.restarted(sim.journal.len()), "a"), kept);
}

#[test]
fn workers_that_only_register_push_nobody_out() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 1));
    let (busy, honest) = (sim.worker(1, 1), sim.worker(2, 1));
    let held = sim.fetch(busy, 1);
    sim.fetch(honest, 1);
    sim.pass(1000);
    for number in 10..10_000 {
        sim.worker_without_data(number, 1, false);
    }
    assert_eq!(sim.state.status().workers.len(), 4096);
    assert_eq!(sim.synchronize(busy, &held, 0).stops, []);
    sim.fetch(honest, 1);
}

impl Sim {
    /// The workers call every ten seconds for that long, with nothing to tell.
    fn call_for(&mut self, workers: &[(WorkerId, &[Lease])], ms: u64) {
        let end = self.now.after(ms);
        while self.now < end {
            for (worker, held) in workers {
                self.synchronize(*worker, held, 0);
            }
            self.pass(10_000.min(end.0 - self.now.0));
        }
    }
}
