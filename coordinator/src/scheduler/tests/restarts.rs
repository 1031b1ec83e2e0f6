//! The journal is all that outlives the coordinator.

use super::*;
use proto::cases::{CaseLists, Partition};

/// Two workers, failures, losses, a cancellation, an extension: a history with every kind of durable fact.
fn eventful() -> Sim {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice]", 2));
    let (first, second) = (sim.worker(1, 2), sim.worker(2, 1));
    let leases = sim.fetch(first, 2);
    let other = sim.fetch(second, 1)[0];
    sim.complete(first, leases[0], failure());
    sim.complete(second, other, Outcome::Released);
    sim.submit(sweep("b", "[dice, focal]", 1));
    let decision = sim.state.cancel_decision("b").unwrap();
    sim.carry_out(decision);
    sim.pass(LEASE_MS);
    sim.complete(first, leases[1], result());
    sim.submit(sweep("a", "[bce, dice, focal]", 2));
    sim.submit(sweep("b", "focal", 2));
    sim.finish(second);
    sim
}

#[test]
fn a_crash_after_any_fact_loses_nothing_and_repeats_nothing() {
    let whole = eventful();
    assert!(whole.state.sweeps().all(Sweep::is_ended));
    for facts in 0..=whole.journal.len() {
        let mut sim = whole.restarted(facts);
        let before = sim.succeeded();
        // the holders died with the coordinator: their leases run out, then a new worker does the rest
        sim.pass(LEASE_MS);
        let worker = sim.worker(3, 1);
        let ended: BTreeSet<_> = sim.finish(worker).into_iter().collect();
        assert!(ended.is_disjoint(&before), "after {facts} facts: a job with a result was run again");
        assert!(sim.state.sweeps().all(Sweep::is_ended), "after {facts} facts");
    }
}

#[test]
fn a_worker_outlives_a_restart_with_its_lease() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 1));
    let worker = sim.worker(1, 1);
    let lease = sim.fetch(worker, 1)[0];
    sim.pass(LEASE_MS - 1);
    let mut sim = sim.restarted(sim.journal.len());
    sim.pass(LEASE_MS - 1);
    let worker = sim.worker_without_data(worker.0, 1, false);
    assert_eq!(sim.synchronize(worker, &[lease], 0).stops, [], "a fresh full term");
    assert_eq!(sim.complete(worker, lease, result()), RECORDED);
}

/// When the only running attempt was last seen to go on.
fn seen(state: &State) -> Option<u64> {
    state.status().workers[0].running[0].measured_ms
}

#[test]
fn when_an_attempt_began_is_known_only_to_whoever_saw_it() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 1));
    let worker = sim.worker(1, 1);
    sim.pass(1000);
    let lease = sim.fetch(worker, 1)[0];
    assert_eq!(seen(&sim.state), Some(1000));
    // a transaction was refused at this time, and the state is read back
    sim.now = Timestamp(5000);
    let mut state = State::new(sim.state.limits.clone(), 1);
    for fact in &sim.journal {
        state.apply(sim.now, fact).unwrap();
    }
    sim.state = state.restored(sim.now);
    assert_eq!(seen(&sim.state), None);
    sim.pass(1000);
    sim.worker_without_data(1, 1, false);
    let measurements = vec![(lease, vec![epoch(1)])];
    sim.say(worker, &Synchronization { held: vec![lease], measurements, ..Synchronization::default() });
    assert_eq!(seen(&sim.state), Some(6000));
    sim.pass(LEASE_MS);
    assert_eq!(sim.synchronize(worker, &[lease], 0).stops, [], "it goes on");
    assert_eq!(seen(&sim.state), None, "it began before that, and its epochs are not known any more");
}

#[test]
fn a_damaged_journal_is_noticed() {
    let sim = eventful();
    let succeeded = sim.journal.iter().find(|fact| matches!(fact, Fact::Succeeded { .. })).unwrap();
    let mut state = sim.state.clone();
    assert!(state.apply(sim.now, succeeded).is_err(), "a second result of a job");
    let mut state = State::new(Limits::default(), 1);
    assert!(state.apply(sim.now, succeeded).is_err(), "a result of an unknown job");
}

#[test]
fn facts_are_read_back_from_their_json() {
    let partitions = [(7, Partition { train: vec!["a".to_owned()], ..Partition::default() })].into();
    let mut listed = sweep("listed", "bce", 1);
    listed.dataset.lists = Box::new(CaseLists { partitions, ..CaseLists::default() });
    let listed = Fact::Submitted { plan: Box::new(listed), text: String::new() };
    for fact in eventful().journal.into_iter().chain([listed]) {
        let json = serde_json::to_string(&fact).unwrap();
        assert_eq!(serde_json::from_str::<Fact>(&json).unwrap(), fact, "{json}");
    }
}
