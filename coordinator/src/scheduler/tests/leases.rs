//! Who holds a job, for how long, and what becomes of it when its holder is late, silent or wrong.

use super::*;

#[test]
fn a_worker_never_has_more_leases_than_slots() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice, focal]", 4));
    let worker = sim.worker(1, 2);
    let leases = sim.fetch(worker, 100);
    assert_eq!(leases.len(), 2);
    assert_eq!(sim.synchronize(worker, &leases, 5).grants, [], "two slots, two leases");
    let completion = Completion { lease: leases[0], measurements: Vec::new(), outcome: result(), free_slots: 7 };
    let decision = sim.state.complete_decision(sim.now, worker, completion).unwrap();
    let Completed::Recorded(next) = sim.carry_out(decision) else { panic!("the lease is good") };
    assert_eq!(next.len(), 1, "one ended, one begins, in the same answer");
}

#[test]
fn a_silent_worker_loses_its_job_and_its_late_result_is_refused() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 1));
    let (slow, other) = (sim.worker(1, 1), sim.worker(2, 1));
    let old = sim.fetch(slow, 1)[0];
    assert_eq!(sim.fetch(other, 1), [], "the job is out");
    sim.pass(LEASE_MS - 1);
    assert_eq!(sim.fetch(other, 1), [], "and still is");
    sim.pass(1);
    let new = sim.fetch(other, 1)[0];
    assert_eq!((new.job, new.attempt), (old.job, old.attempt.next()));
    assert_eq!(sim.complete(slow, old, result()), Completed::StaleLease);
    assert_eq!(sim.synchronize(slow, &[old], 0).stops, [old]);
    assert_eq!(sim.complete(other, new, result()), RECORDED);
    assert_eq!(sim.results(), [old.job]);
}

#[test]
fn renewals_keep_a_lease() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 1));
    let worker = sim.worker(1, 1);
    let lease = sim.fetch(worker, 1)[0];
    for _ in 0..10 {
        sim.pass(LEASE_MS - 1);
        assert_eq!(sim.synchronize(worker, &[lease], 0).stops, []);
    }
    assert_eq!(sim.complete(worker, lease, result()), RECORDED);
}

#[test]
fn a_lease_that_nobody_else_took_is_taken_up_again() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 2));
    let worker = sim.worker(1, 2);
    let leases = sim.fetch(worker, 2);
    sim.pass(2 * LEASE_MS);
    assert_eq!(sim.state.sweep("a").unwrap().counts.running, 0);
    let reply = sim.synchronize(worker, &leases[..1], 0);
    assert_eq!((reply.stops, reply.grants), (vec![], vec![]));
    assert_eq!(sim.complete(worker, leases[0], result()), RECORDED, "by a synchronisation");
    assert_eq!(sim.complete(worker, leases[1], result()), RECORDED, "by the result itself");
    assert_eq!(sim.results().len(), 2);
}

#[test]
fn what_is_said_twice_is_answered_twice_and_counted_once() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 2));
    let worker = sim.worker(1, 1);
    let lease = sim.fetch(worker, 1)[0];
    let again = sim.synchronize(worker, &[], 1).grants;
    assert_eq!(again.iter().map(|grant| grant.lease).collect::<Vec<_>>(), [lease], "the answer had been lost");
    assert_eq!(sim.complete(worker, lease, result()), RECORDED);
    let facts = sim.journal.len();
    assert_eq!(sim.complete(worker, lease, result()), RECORDED);
    assert_eq!((sim.journal.len(), sim.results().len()), (facts, 1), "nothing else came of it");
}

#[test]
fn a_forged_lease_changes_nothing() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 1));
    let (owner, thief) = (sim.worker(1, 1), sim.worker(2, 1));
    let lease = sim.fetch(owner, 1)[0];
    let facts = sim.journal.len();
    assert_eq!(sim.complete(thief, lease, result()), Completed::StaleLease, "of another worker");
    let forged = Lease { token: proto::ids::Token(7), ..lease };
    assert_eq!(sim.complete(owner, forged, result()), Completed::StaleLease, "with another token");
    let unknown = Lease { job: JobId(7), ..lease };
    assert_eq!(sim.complete(owner, unknown, result()), Completed::StaleLease, "of no job");
    assert_eq!(sim.journal.len(), facts);
}

#[test]
fn a_lease_that_is_listed_twice_is_one_lease() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 2));
    let worker = sim.worker(1, 2);
    let leases = sim.fetch(worker, 2);
    sim.pass(LEASE_MS);
    assert_eq!(sim.synchronize(worker, &[leases[0]; 2], 0).stops, [], "taken up again, once");
    sim.submit(sweep("a", "dice", 1));
    assert_eq!(sim.synchronize(worker, &[leases[0]; 2], 0).stops, [leases[0]], "given back, once");
}

#[test]
fn a_job_fails_for_good_after_three_failures_or_five_losses() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 2));
    let worker = sim.worker(1, 1);
    let mut failed = None;
    for attempt in 1..=3 {
        let lease = sim.fetch(worker, 1)[0];
        assert_eq!(lease.attempt.0, attempt);
        assert_eq!(sim.complete(worker, lease, failure()), RECORDED);
        failed = Some(lease.job);
    }
    let lost = sim.fetch(worker, 1)[0].job;
    assert_ne!(Some(lost), failed);
    for _ in 1..5 {
        sim.pass(LEASE_MS);
        assert_eq!(sim.fetch(worker, 1)[0].job, lost);
    }
    sim.pass(LEASE_MS);
    let counts = sim.state.sweep("a").unwrap().counts;
    assert_eq!((counts.failed, counts.queued, counts.running), (2, 0, 0));
    sim.submit(sweep("a", "bce", 2));
    assert_eq!(sim.finish(worker).len(), 2, "submitted again, they have another chance");
}

#[test]
fn giving_back_is_not_held_against_a_job() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 1));
    let worker = sim.worker(1, 1);
    for _ in 0..20 {
        let lease = sim.fetch(worker, 1)[0];
        assert_eq!(sim.complete(worker, lease, Outcome::Released), RECORDED);
    }
    assert_eq!(sim.finish(worker).len(), 1);
}

#[test]
fn a_worker_that_is_told_to_go_is_granted_nothing_more() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 5));
    let (first, second) = (sim.worker(1, 2), sim.worker(2, 5));
    let leases = sim.fetch(first, 2);
    assert_eq!(leases.len(), 2);
    assert_eq!(sim.drain(first, &leases[..1]), Synchronized::default());
    let counts = sim.state.sweep("a").unwrap().counts;
    assert_eq!((counts.running, counts.queued), (1, 4), "what it has not heard of is given back for it");
    assert_eq!(sim.complete(first, leases[1], Outcome::Released), RECORDED, "should it hear of it yet");
    assert_eq!(sim.synchronize(first, &leases[..1], 2).grants, [], "a call from before that comes late");
    let completion =
        Completion { lease: leases[0], measurements: Vec::new(), outcome: Outcome::Released, free_slots: 2 };
    let decision = sim.state.complete_decision(sim.now, first, completion).unwrap();
    assert_eq!(sim.carry_out(decision), RECORDED, "nor does giving back bring a job");
    assert_eq!(sim.state.view().workers.len(), 1, "it is gone");
    assert_eq!(sim.fetch(second, 5).len(), 5);
}

#[test]
fn an_unknown_worker_is_told_to_register() {
    let sim = Sim::new();
    let worker = WorkerId(9);
    let request = Synchronization::default();
    assert_eq!(sim.state.synchronize_decision(sim.now, worker, &request), Err(Rejection::UnknownWorker(worker)));
}

#[test]
fn jobs_go_to_devices_that_compute_in_their_numbers() {
    let text = "sweep: a\ndataset: {name: d, format: folder, image_size: 32}\nsplit: {train: 4, validation: 2, test: 2}\n\
         grid: {loss: bce, training.precision: [f32, f64, bf16]}\nreplicates: {split_seeds: 2}\n";
    let plan = plan::parse("test.yaml", text).unwrap();
    let precision = |grant: &Grant| grant.spec.training.precision.name();
    let mut sim = Sim::new();
    sim.submit(plan);
    let (cpu, cuda) = (sim.worker(1, 6), sim.worker_on("cuda:0 (some model)", 2, 6, false));
    sim.offer(cuda, Found::Inventory(inventory("pictures", 8)));
    let all = |sim: &mut Sim, worker| {
        let grants = sim.synchronize(worker, &[], 6).grants;
        grants.iter().map(precision).collect::<Vec<_>>()
    };
    assert_eq!(all(&mut sim, cuda), ["f32", "bf16", "f32", "bf16"]);
    assert_eq!(all(&mut sim, cpu), ["f64", "f64"]);
}

#[test]
fn a_job_that_nobody_can_compute_waits_and_says_so() {
    let text = "sweep: a\ndataset: {name: d, format: folder, image_size: 32}\nsplit: {train: 4, validation: 2, test: 2}\n\
         grid: {loss: bce}\ntraining: {precision: bf16}\nreplicates: {split_seeds: 1}\n";
    let mut sim = Sim::new();
    sim.submit(plan::parse("test.yaml", text).unwrap());
    let cpu = sim.worker(1, 1);
    let reply = sim.synchronize(cpu, &[], 1);
    assert!(reply.grants.is_empty());
    assert!(reply.notices[0].contains("does not compute in bf16; start a worker with a CUDA device"), "{reply:?}");
}

#[test]
fn nobody_was_silent_while_the_coordinator_stood_still() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 1));
    let worker = sim.worker(1, 1);
    let lease = sim.fetch(worker, 1)[0];
    sim.now = sim.now.after(10 * LEASE_MS);
    let renewal = sim.state.renewal_decision(sim.now);
    sim.carry_out(renewal);
    sim.pass(LEASE_MS - 1);
    let other = sim.worker(2, 1);
    assert_eq!(sim.fetch(other, 1), []);
    assert_eq!(sim.complete(worker, lease, result()), RECORDED);
}

#[test]
fn a_call_that_waits_keeps_no_lease_alive() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 1));
    let worker = sim.worker(1, 2);
    let lease = sim.fetch(worker, 1)[0];
    sim.pass(LEASE_MS - 1);
    let waiting = Synchronization { held: vec![lease], free_slots: 1, repeated: true, ..Synchronization::default() };
    assert_eq!(sim.say(worker, &waiting).stops, []);
    sim.pass(1);
    let other = sim.worker(2, 1);
    assert_eq!(sim.fetch(other, 1).len(), 1);
}
