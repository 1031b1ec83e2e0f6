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
    let Completed::Recorded(next) = sim.complete_with(worker, leases[0], result(), &leases[1..], 7) else {
        panic!("the lease is good")
    };
    assert_eq!(next.len(), 1, "one ended, one begins, in the same answer");
}

#[test]
fn a_silent_worker_loses_its_job_and_the_first_result_counts() {
    for is_first in [true, false] {
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
        assert_eq!(sim.complete(slow, old, failure()), Completed::StaleLease, "it is not its to fail");
        assert_eq!(sim.complete(slow, old, Outcome::Released), Completed::StaleLease, "nor to give back");
        let [(first, won), (second, lost)] =
            if is_first { [(slow, old), (other, new)] } else { [(other, new), (slow, old)] };
        assert_eq!(sim.complete(first, won, result()), RECORDED);
        assert_eq!(sim.complete(first, won, result()), RECORDED, "it is said twice");
        assert_eq!(sim.complete(second, lost, result()), Completed::StaleLease);
        assert_eq!(sim.synchronize(second, &[lost], 0).stops, [lost]);
        assert_eq!(sim.results(), [old.job]);
        let sim = sim.restarted(sim.journal.len());
        assert_eq!(sim.state.job(old.job).unwrap().ended, Some((won.attempt, won.token.into())));
    }
}

#[test]
fn a_running_attempt_whose_job_is_another_s_is_stopped() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 1));
    let (slow, other) = (sim.worker(1, 1), sim.worker(2, 1));
    let old = sim.fetch(slow, 1)[0];
    sim.pass(LEASE_MS);
    let new = sim.fetch(other, 1)[0];
    assert_eq!(sim.synchronize(slow, &[old], 0).stops, [old]);
    assert_eq!(sim.synchronize(other, &[new], 0).stops, []);
}

#[test]
fn a_job_that_was_lost_for_good_is_not_lost_to_its_result() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 1));
    let worker = sim.worker(1, 1);
    let leases: Vec<_> = (0..5)
        .map(|_| {
            let lease = sim.fetch(worker, 1)[0];
            sim.pass(LEASE_MS);
            lease
        })
        .collect();
    assert_eq!(sim.state.sweep("a").unwrap().counts.failed, 1);
    assert_eq!(sim.complete(worker, leases[2], result()), RECORDED);
    assert_eq!(sim.state.sweep("a").unwrap().counts.succeeded, 1);
    sim.restarted(sim.journal.len());
}

/// A worker with several slots that could not call for any time, and whose calls arrive in any order.
#[test]
fn what_a_worker_finished_while_it_was_cut_off_is_taken() {
    const SLOTS: u32 = 8;
    for first in 0..SLOTS as usize {
        for says_what_it_holds in [true, false] {
            let mut sim = Sim::new();
            sim.submit(sweep("a", "[bce, dice, focal]", 16));
            let worker = sim.worker(1, SLOTS);
            let (mut held, mut finished) = (sim.fetch(worker, SLOTS), 0);
            for cut in 1..=4 {
                sim.pass(cut * LEASE_MS);
                held.rotate_left(first);
                for lease in held.clone() {
                    held.retain(|held| *held != lease);
                    let others = if says_what_it_holds { held.clone() } else { Vec::new() };
                    let completed = sim.complete_with(worker, lease, result(), &others, 1);
                    let Completed::Recorded(grants) = completed else { panic!("a finished training is refused") };
                    finished += 1;
                    assert!(grants.iter().all(|grant| grant.lease.attempt.0 == 1), "what it holds is trained again");
                    held.extend(grants.iter().map(|grant| grant.lease));
                }
                let grants = sim.synchronize(worker, &held, SLOTS - held.len() as u32).grants;
                held.extend(grants.iter().map(|grant| grant.lease));
            }
            assert_eq!((sim.results().len(), finished), (4 * SLOTS as usize, 4 * SLOTS as usize));
        }
    }
}

#[test]
fn what_a_worker_still_runs_after_a_cut_stays_its_own() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice]", 4));
    let (worker, other) = (sim.worker(1, 4), sim.worker(2, 8));
    let held = sim.fetch(worker, 4);
    sim.pass(LEASE_MS);
    let completed = sim.complete_with(worker, held[0], result(), &held[1..], 1);
    let Completed::Recorded(grants) = completed else { panic!("the lease is good") };
    assert_eq!(grants.len(), 1, "a slot, a job");
    assert_eq!(sim.fetch(other, 8).len(), 3, "what nobody holds");
    assert_eq!(sim.synchronize(worker, &[&held[1..], &[grants[0].lease]].concat(), 0).stops, []);
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
    let completed = sim.complete_with(first, leases[0], Outcome::Released, &[], 2);
    assert_eq!(completed, RECORDED, "nor does giving back bring a job");
    assert_eq!(sim.state.status().workers.len(), 1, "it is gone");
    assert_eq!(sim.fetch(second, 5).len(), 5);
}

#[test]
fn a_worker_that_registers_again_drains_no_more() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 2));
    let worker = sim.worker(1, 2);
    sim.drain(worker, &[]);
    assert_eq!(sim.fetch(worker, 2), []);
    let worker = sim.worker(1, 2);
    assert_eq!(sim.fetch(worker, 2).len(), 2);
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
    sim.offer(cuda, Found::Inventory(inventory("pictures", 8).into()));
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
