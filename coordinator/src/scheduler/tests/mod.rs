//! The scheduler in a simulated world: virtual time, invariants checked after each step.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod accounts;
mod leases;
mod limits;
mod listings;
mod plausible;
mod quarantine;
mod racing;
mod restarts;
mod sweeps;

use super::*;
use crate::plan::{self, Plan};
use proto::data::{Dataset, Inventory};
use proto::extras::Extras;
use proto::ids::{ContentHash, JobId, Lease, WorkerId};
use proto::measure::{CaseCounts, Counts, Evaluation, FailureKind, JobResult, Measurement, Outcome, Scores, Verdict};
use proto::spec::Architecture;
use proto::text::{Line, Tail};
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
    Inventory::new(ContentHash::of(content.as_bytes()), cases)
}

/// The result of a job of [`sweep`].
fn result() -> Outcome {
    let evaluation = |cases: [u32; 2]| {
        let counts = Counts { tp: 1, fp: 2, fn_: 3, tn: 4 };
        Evaluation::of(0.5, cases.map(|case| CaseCounts { case, counts }).to_vec())
    };
    Outcome::Succeeded(Box::new(JobResult {
        verdict: Verdict::Trained,
        epochs: 2,
        best_epoch: 1,
        validation: evaluation([0, 1]),
        test: evaluation([2, 3]),
        train_seconds: 1.0,
        parameters: proto::cost::parameters(Architecture::UNet, proto::spec::Model::default(), 256),
        device: "test".to_owned(),
        split_hash: None,
        extras: Extras::default(),
    }))
}

fn failure() -> Outcome {
    Outcome::Failed { kind: FailureKind::Error, message: Line::message("no luck"), log: Tail::of("line 1\nline 2") }
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
        let limits = Limits { lease_ms: LEASE_MS, forget_ms: 300_000, only: None, progress_ms: None };
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
        self.take_looks();
        decision.reply
    }

    /// Takes every look that is due, as the driver does after each request and when it starts.
    fn take_looks(&mut self) {
        for job in self.state.take_ungraded() {
            let grade = self.journal.iter().rev().find_map(|fact| match fact {
                Fact::Succeeded { job: of, grade, .. } if *of == job => *grade,
                _ => None,
            });
            self.state.note_grade(job, grade.as_ref());
        }
        let decision = self.state.look_decision();
        if !decision.facts.is_empty() {
            self.carry_out(decision);
        }
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
        self.offer(worker, Found::Inventory(inventory("pictures", 8).into()));
        worker
    }

    fn worker_without_data(&mut self, number: u128, slots: u32, simulated: bool) -> WorkerId {
        self.worker_on("cpu (some model)", number, slots, simulated)
    }

    fn worker_on(&mut self, device: &str, number: u128, slots: u32, simulated: bool) -> WorkerId {
        let worker = WorkerId(number);
        let [name, host, device] = [&format!("w{number}"), "h", device].map(Line::name);
        let info = WorkerInfo { name, host, device, slots, simulated };
        let decision = self.state.register_decision(worker, info);
        self.carry_out(decision);
        worker
    }

    fn offer(&mut self, worker: WorkerId, found: Found) {
        let dataset = sweep("any", "bce", 1).dataset;
        let decision = self.state.offer_decision(worker, 0, Offer { dataset, found }).unwrap();
        self.carry_out(decision);
    }

    fn synchronize(&mut self, worker: WorkerId, held: &[Lease], free_slots: u32) -> Synchronized {
        let request = Synchronization { held: held.to_vec(), free_slots, ..Synchronization::default() };
        self.say(worker, &request)
    }

    /// The worker was told to go, and says so.
    fn drain(&mut self, worker: WorkerId, held: &[Lease]) -> Synchronized {
        let request = Synchronization { held: held.to_vec(), draining: true, ..Synchronization::default() };
        self.say(worker, &request)
    }

    fn say(&mut self, worker: WorkerId, request: &Synchronization) -> Synchronized {
        let decision = self.state.synchronize_decision(self.now, worker, request).unwrap();
        self.carry_out(decision).unwrap()
    }

    /// The leases that the worker is granted.
    fn fetch(&mut self, worker: WorkerId, free_slots: u32) -> Vec<Lease> {
        self.synchronize(worker, &[], free_slots).grants.into_iter().map(|grant| grant.lease).collect()
    }

    fn complete(&mut self, worker: WorkerId, lease: Lease, outcome: Outcome) -> Completed {
        self.complete_with(worker, lease, outcome, &[], 0)
    }

    fn complete_with(
        &mut self,
        worker: WorkerId,
        lease: Lease,
        outcome: Outcome,
        held: &[Lease],
        free_slots: u32,
    ) -> Completed {
        let (measurements, held) = (vec![epoch(1), epoch(2)], held.to_vec());
        let completion = Completion { lease, measurements, outcome, held, free_slots };
        let decision = self.state.complete_decision(self.now, worker, completion).unwrap();
        self.carry_out(decision).unwrap()
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

    /// The listed jobs that have a result.
    fn succeeded(&self) -> BTreeSet<JobId> {
        let listed = self.state.sweeps().flat_map(|sweep| sweep.jobs.iter().copied());
        listed.filter(|id| self.state.has_succeeded(id)).collect()
    }

    fn results(&self) -> Vec<JobId> {
        let result = |record: &Record| match record {
            Record::Result { job, .. } => Some(*job),
            Record::Measurements { .. } | Record::Erased { .. } => None,
        };
        self.records.iter().filter_map(result).collect()
    }
}

const RECORDED: Completed = Completed::Recorded(Vec::new());
