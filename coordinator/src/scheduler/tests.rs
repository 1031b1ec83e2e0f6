//! The scheduler in a simulated world: virtual time, invariants checked after each step.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use super::*;
use crate::plan::{self, Plan};
use proto::data::{Dataset, Inventory};
use proto::ids::{ContentHash, JobId, Lease, WorkerId};
use proto::measure::{Evaluation, FailureKind, JobResult, Measurement, Outcome, Scores, Verdict};
use std::collections::BTreeSet;

const LEASE_MS: u64 = 30_000;

/// A sweep of `losses` x `seeds` jobs on a data set with a folder.
fn sweep(name: &str, losses: &str, seeds: u32) -> Plan {
    let text = format!(
        "sweep: {name}\ndataset: {{name: d, format: folder, image_size: 32}}\nsplit: {{train: 4, validation: 2, test: 2}}\n\
         grid: {{loss: {losses}}}\nreplicates: {{split_seeds: {seeds}}}\ntraining: {{epochs: 2}}\n"
    );
    plan::parse("test.yaml", &text).unwrap()
}

fn inventory(content: &str, cases: usize) -> Inventory {
    let cases = (0..cases).map(|case| format!("case{case:03}")).collect();
    Inventory { content: ContentHash::of(content.as_bytes()), cases }
}

fn result() -> Outcome {
    let evaluation = Evaluation { loss: 0.5, cases: Vec::new() };
    Outcome::Succeeded(Box::new(JobResult {
        verdict: Verdict::Trained,
        epochs: 2,
        best_epoch: 1,
        validation: evaluation.clone(),
        test: evaluation,
        train_seconds: 1.0,
        parameters: 1,
        device: "test".to_owned(),
    }))
}

fn failure() -> Outcome {
    Outcome::Failed { kind: FailureKind::Error, message: "no luck".to_owned() }
}

fn epoch(epoch: u32) -> Measurement {
    Measurement { epoch, train_loss: Some(0.5), validation: Scores::default(), seconds: 1.0 }
}

/// The coordinator's core without its shell: requests are decided, journalled and applied, as the driver does it.
#[derive(Clone)]
struct Sim {
    state: State,
    now: Timestamp,
    journal: Vec<Fact>,
    records: Vec<Record>,
}

impl Sim {
    fn new() -> Self {
        let limits = Limits { lease_ms: LEASE_MS, forget_ms: 300_000, only: None };
        Self { state: State::new(limits, 1), now: Timestamp(0), journal: Vec::new(), records: Vec::new() }
    }

    /// The coordinator after a crash that left only the first `facts` of the journal.
    fn restarted(&self, facts: usize) -> Self {
        let mut sim = Self { state: State::new(self.state.limits.clone(), 2), now: Timestamp(0), ..self.clone() };
        sim.journal.truncate(facts);
        for fact in &sim.journal {
            sim.state.apply(sim.now, fact).unwrap();
            sim.state.check_invariants();
        }
        sim
    }

    fn carry_out<R>(&mut self, decision: Decision<R>) -> R {
        for fact in decision.facts {
            self.state.apply(self.now, &fact).unwrap();
            self.state.check_invariants();
            if fact.is_durable() {
                self.journal.push(fact);
            }
        }
        self.records.extend(decision.records);
        decision.reply
    }

    fn submit(&mut self, plan: Plan) {
        let decision = self.state.submit_decision(plan, String::new()).unwrap();
        self.carry_out(decision);
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.after(ms);
        let decision = self.state.expiry_decision(self.now);
        self.carry_out(decision);
    }

    /// A worker that has the data set of [`sweep`].
    fn worker(&mut self, number: u128, slots: u32) -> WorkerId {
        let worker = self.worker_without_data(number, slots, false);
        self.offer(worker, Found::Inventory(inventory("pictures", 8)));
        worker
    }

    fn worker_without_data(&mut self, number: u128, slots: u32, simulated: bool) -> WorkerId {
        let worker = WorkerId(number);
        let name = format!("w{number}");
        let info = WorkerInfo { name, host: "h".to_owned(), device: "cpu".to_owned(), slots, simulated };
        let decision = self.state.register_decision(worker, info);
        self.carry_out(decision);
        worker
    }

    fn offer(&mut self, worker: WorkerId, found: Found) {
        let dataset = sweep("any", "bce", 1).dataset;
        let decision = self.state.offer_decision(worker, Offer { dataset, found }).unwrap();
        self.carry_out(decision);
    }

    fn synchronize(&mut self, worker: WorkerId, held: &[Lease], free_slots: u32) -> Synchronized {
        let request = Synchronization { held: held.to_vec(), free_slots, measurements: Vec::new() };
        let decision = self.state.synchronize_decision(self.now, worker, &request).unwrap();
        self.carry_out(decision)
    }

    /// The leases that the worker is granted.
    fn fetch(&mut self, worker: WorkerId, free_slots: u32) -> Vec<Lease> {
        self.synchronize(worker, &[], free_slots).grants.into_iter().map(|grant| grant.lease).collect()
    }

    fn complete(&mut self, worker: WorkerId, lease: Lease, outcome: Outcome) -> Completed {
        let completion = Completion { lease, measurements: vec![epoch(1), epoch(2)], outcome, free_slots: 0 };
        let decision = self.state.complete_decision(self.now, worker, completion).unwrap();
        self.carry_out(decision)
    }

    /// Works until nothing is left; returns the jobs in the order in which they ended.
    fn finish(&mut self, worker: WorkerId) -> Vec<JobId> {
        let mut ended = Vec::new();
        loop {
            let leases = self.fetch(worker, 1);
            let Some(lease) = leases.first() else { return ended };
            assert_eq!(self.complete(worker, *lease, result()), Completed::Recorded(Vec::new()));
            ended.push(lease.job);
            assert!(ended.len() < 10_000, "it does not end");
        }
    }

    fn results(&self) -> Vec<JobId> {
        let result = |record: &Record| match record {
            Record::Result { job, .. } => Some(*job),
            Record::Measurements { .. } => None,
        };
        self.records.iter().filter_map(result).collect()
    }
}

const RECORDED: Completed = Completed::Recorded(Vec::new());

#[test]
fn jobs_run_in_blocks_of_one_replicate_and_each_once() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice, focal]", 2));
    let worker = sim.worker(1, 1);
    let ended = sim.finish(worker);
    let plan = sweep("a", "[bce, dice, focal]", 2);
    let expected: Vec<_> = plan.queue().map(|(c, r)| plan.job(c, r, inventory("pictures", 8).content).id()).collect();
    assert_eq!(ended, expected);
    assert_eq!(ended.iter().collect::<BTreeSet<_>>().len(), 6);
    let sweep = sim.state.sweep("a").unwrap();
    assert!(sweep.is_ended());
    assert_eq!(sim.state.view().sweeps[0].epochs_done, 12);
}

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
fn the_first_data_set_is_pinned_and_others_get_no_jobs() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 2));
    let dataset: Dataset = sweep("a", "bce", 1).dataset;
    let first = sim.worker_without_data(1, 1, false);
    assert_eq!(sim.synchronize(first, &[], 1).wanted, [dataset]);
    sim.offer(first, Found::Inventory(inventory("pictures", 8)));
    let other = sim.worker_without_data(2, 1, false);
    sim.offer(other, Found::Inventory(inventory("other pictures", 8)));
    let reply = sim.synchronize(other, &[], 1);
    assert_eq!((reply.grants, reply.wanted), (vec![], vec![]));
    assert!(reply.notices[0].contains("first offered by w1"), "{:?}", reply.notices);
    let none = sim.worker_without_data(3, 1, false);
    sim.offer(none, Found::Problem("no folder".to_owned()));
    assert_eq!(sim.synchronize(none, &[], 1).notices, ["no jobs of sweep `a`: no folder"]);
    assert_eq!(sim.fetch(first, 1).len(), 1);
}

#[test]
fn a_data_set_that_is_too_small_rejects_the_sweep() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 2));
    let worker = sim.worker_without_data(1, 1, false);
    sim.offer(worker, Found::Inventory(inventory("pictures", 7)));
    let view = sim.state.view();
    assert_eq!(view.sweeps[0].state, SweepState::Rejected);
    assert!(view.sweeps[0].problem.contains("4 + 2 + 2 = 8 cases") && view.sweeps[0].problem.contains("has 7"));
    assert_eq!(sim.fetch(worker, 1), []);
}

#[test]
fn a_data_set_that_was_offered_before_is_pinned_at_the_submission() {
    let mut sim = Sim::new();
    let worker = sim.worker(1, 1);
    sim.submit(sweep("a", "bce", 2));
    assert_eq!(sim.finish(worker).len(), 2);
    let mut larger = sweep("a", "bce", 2);
    larger.candidates[0].template.split.test = 3;
    let facts = sim.journal.len();
    let Err(Rejection::Misfit { problem, .. }) = sim.state.submit_decision(larger.clone(), String::new()) else {
        panic!("9 cases of 8")
    };
    assert!(problem.contains("4 + 2 + 3 = 9 cases"), "{problem}");
    larger.sweep = "b".to_owned();
    assert!(
        sim.state.submit_decision(larger, String::new()).is_err(),
        "under another name, as a worker has offered it"
    );
    assert_eq!((sim.journal.len(), sim.state.view().sweeps[0].state), (facts, SweepState::Ended), "as it was before");
}

#[test]
fn the_sweep_submitted_last_is_the_one_that_is_meant() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 1));
    sim.submit(sweep("b", "dice", 1));
    sim.submit(sweep("a", "bce", 2));
    assert_eq!(sim.state.sweep("").unwrap().plan.sweep, "a");
    let names: Vec<_> = sim.state.view().sweeps.into_iter().map(|sweep| sweep.sweep).collect();
    assert_eq!(names, ["b", "a"]);
    let restarted = sim.restarted(sim.journal.len());
    assert_eq!(restarted.state.sweep("").unwrap().plan.sweep, "a");
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
fn a_longer_file_runs_only_what_is_new_and_a_shorter_one_stops_the_rest() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice]", 2));
    let worker = sim.worker(1, 1);
    assert_eq!(sim.finish(worker).len(), 4);
    sim.submit(sweep("a", "[bce, dice, focal]", 3));
    assert_eq!(sim.finish(worker).len(), 5, "9 jobs, 4 of them done");
    sim.submit(sweep("a", "[bce, dice, focal]", 4));
    let lease = sim.fetch(worker, 1)[0];
    sim.submit(sweep("a", "bce", 1));
    assert!(sim.state.sweep("a").unwrap().is_ended());
    assert_eq!(sim.synchronize(worker, &[lease], 0).stops, [lease], "nobody wants it any more");
}

#[test]
fn a_job_of_two_sweeps_is_trained_once() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice]", 2));
    sim.submit(sweep("b", "[dice, focal]", 2));
    let worker = sim.worker(1, 1);
    assert_eq!(sim.finish(worker).len(), 6);
    for name in ["a", "b"] {
        assert_eq!(sim.state.sweep(name).unwrap().counts.succeeded, 4);
    }
}

#[test]
fn a_coordinator_for_one_sweep_leaves_the_others_waiting() {
    let mut sim = Sim::new();
    sim.submit(sweep("older", "bce", 2));
    sim.submit(sweep("mine", "[dice, focal]", 1));
    sim.state.limits.only = Some("mine".to_owned());
    let worker = sim.worker(1, 1);
    assert_eq!(sim.finish(worker).len(), 2);
    assert_eq!(sim.state.sweep("older").unwrap().counts.queued, 2);
}

#[test]
fn cancelling_ends_what_no_other_sweep_wants() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "[bce, dice]", 1));
    sim.submit(sweep("b", "dice", 1));
    let worker = sim.worker(1, 2);
    let leases = sim.fetch(worker, 2);
    let decision = sim.state.cancel_decision("a").unwrap();
    sim.carry_out(decision);
    assert_eq!(sim.synchronize(worker, &leases, 0).stops, leases[..1], "`b` still wants dice");
    assert_eq!(sim.complete(worker, leases[0], result()), Completed::StaleLease);
    assert_eq!(sim.complete(worker, leases[1], result()), RECORDED);
    assert!(sim.state.cancel_decision("c").is_err());
}

#[test]
fn a_sweep_that_is_cancelled_before_its_data_is_found_never_runs() {
    let mut sim = Sim::new();
    sim.submit(sweep("a", "bce", 3));
    let decision = sim.state.cancel_decision("a").unwrap();
    assert_eq!(sim.carry_out(decision), 3);
    let worker = sim.worker(1, 1);
    assert_eq!(sim.fetch(worker, 1), []);
    let view = sim.restarted(sim.journal.len()).state.view();
    assert_eq!((view.sweeps[0].state, view.sweeps[0].cancelled, view.sweeps[0].queued), (SweepState::Ended, 3, 0));
    sim.submit(sweep("a", "bce", 3));
    assert_eq!(sim.finish(worker).len(), 3, "submitted again, it runs");
}

#[test]
fn made_up_results_are_never_mixed_with_real_ones() {
    let mut sim = Sim::new();
    sim.submit(sweep("real", "bce", 1));
    sim.submit(sweep("made-up", "bce", 1).simulated());
    let (real, simulated) = (sim.worker(1, 4), sim.worker_without_data(2, 4, true));
    let (a, b) = (sim.fetch(real, 4), sim.fetch(simulated, 4));
    assert_eq!((a.len(), b.len()), (1, 1));
    assert_ne!(a[0].job, b[0].job, "the same grid point, but not the same job");
}

#[test]
fn an_unknown_worker_is_told_to_register() {
    let sim = Sim::new();
    let worker = WorkerId(9);
    let request = Synchronization::default();
    assert_eq!(sim.state.synchronize_decision(sim.now, worker, &request), Err(Rejection::UnknownWorker(worker)));
}

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
        let done = |state: &State| {
            let succeeded = state.jobs.iter().filter(|(_, job)| job.state == JobState::Succeeded);
            succeeded.map(|(id, _)| *id).collect::<BTreeSet<_>>()
        };
        let before = done(&sim.state);
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
    for fact in eventful().journal {
        let json = serde_json::to_string(&fact).unwrap();
        assert_eq!(serde_json::from_str::<Fact>(&json).unwrap(), fact, "{json}");
    }
}
