//! Workers: the product's agent, whose slots have trainers that are made up.

use crate::network::Link;
use crate::world::{CALM_MS, Event, World};
use proto::data::{Dataset, Inventory};
use proto::extras::Extras;
use proto::ids::{ContentHash, SplitHash, WorkerId};
use proto::measure::{CaseCounts, Counts, Evaluation, FailureKind, JobResult, Measurement, Outcome, Scores, Verdict};
use proto::spec::JobSpec;
use proto::text::{Line, Tail};
use proto::wire::TrainRequest;
use std::collections::{BTreeSet, VecDeque};
use worker::agent::{Action, Answer, CallId, Device, Profile, Report, State};

/// Cases of the data set that every worker has.
const CASES: u32 = 12;

/// A host's place for a worker; one that ends is followed by another.
pub(crate) struct Host {
    /// Counts its workers.
    pub(crate) life: u64,
    pub(crate) worker: Option<Worker>,
    pub(crate) link: Link,
}

/// A worker process.
pub(crate) struct Worker {
    pub(crate) id: WorkerId,
    pub(crate) state: State,
    /// The training of each slot.
    slots: Vec<Option<u64>>,
    /// When each slot has told all that its trainers have done.
    told_at: Vec<u64>,
    pub(crate) paused_until: u64,
    /// What has happened while it was paused.
    missed: VecDeque<Happening>,
    /// Its trainings fail, so often of a hundred.
    failing: u64,
    /// Calls that were dropped, whose answers do not arrive.
    abandoned: BTreeSet<CallId>,
}

/// What happens to a worker.
pub(crate) enum Happening {
    Wake,
    Answered(CallId, Answer),
    /// The trainer of a slot has done this.
    Trained(usize, u64, Report),
    /// The slot tells of it.
    Reported(usize, Report),
    Inspected(Box<Dataset>),
    /// It is told to go.
    Terminate,
}

impl World {
    /// A new worker process on a host.
    pub(crate) fn start_worker(&mut self, host: usize) {
        let slots = self.chance.within(1..=3) as usize;
        let id = WorkerId(self.chance.id());
        let profile = Profile {
            coordinator: "model".to_owned(),
            name: format!("w{host}"),
            host: format!("h{host}"),
            devices: vec![Device { name: "cpu".to_owned(), model: None, memory_mib: None, bus: None }],
            slots_each: slots,
            simulated: false,
            roots: [("d".to_owned(), "/data".into())].into(),
            idle_timeout: None,
        };
        let failing = if self.chance.is(80) { 2 } else { self.chance.within(0..=90) };
        let worker = Worker {
            id,
            state: State::new(profile, id, self.instant()),
            slots: vec![None; slots],
            told_at: vec![0; slots],
            paused_until: 0,
            missed: VecDeque::new(),
            failing,
            abandoned: BTreeSet::new(),
        };
        self.hosts[host].life += 1;
        self.hosts[host].worker = Some(worker);
        self.say(|| format!("worker {host} starts with {slots} slots"));
        self.happen(host, 0, Happening::Wake);
    }

    /// Has it happen to the worker that lives there now, after so long.
    pub(crate) fn happen(&mut self, host: usize, delay: u64, happening: Happening) {
        let life = self.hosts[host].life;
        self.after(delay, Event::Worker { host, life, happening });
    }

    pub(crate) fn on_worker(&mut self, host: usize, life: u64, happening: Happening) {
        let Host { life: lives, worker: Some(worker), .. } = &mut self.hosts[host] else { return };
        if *lives != life {
            return;
        }
        // trainers are processes of their own, and go on
        if matches!(happening, Happening::Trained(..)) {
            return self.happen_to(host, happening);
        }
        let is_alarm = matches!(happening, Happening::Wake);
        if !is_alarm || worker.missed.is_empty() {
            worker.missed.push_back(happening);
        }
        if worker.paused_until > self.now {
            if is_alarm || worker.missed.len() == 1 {
                let delay = worker.paused_until - self.now;
                self.after(delay, Event::Worker { host, life, happening: Happening::Wake });
            }
            return;
        }
        while let Some(happening) = self.hosts[host].worker.as_mut().and_then(|worker| worker.missed.pop_front()) {
            self.happen_to(host, happening);
        }
    }

    fn happen_to(&mut self, host: usize, happening: Happening) {
        let now = self.instant();
        let Some(worker) = &mut self.hosts[host].worker else { return };
        match happening {
            Happening::Wake => {}
            Happening::Answered(call, _) if worker.abandoned.remove(&call) => return,
            Happening::Answered(call, answer) => {
                if self.is_verbose {
                    eprintln!("{:>7} ms  worker {host} is answered: call {call}, {answer:?}", self.now);
                }
                if let Err(error) = worker.state.on_answer(now, call, answer) {
                    return self.end_worker(host, &error.to_string());
                }
            }
            Happening::Trained(slot, training, report) => {
                if worker.slots[slot] != Some(training) {
                    return;
                }
                if !matches!(report, Report::Measured(_)) {
                    worker.slots[slot] = None;
                }
                // a little later, in order
                worker.told_at[slot] = worker.told_at[slot].max(self.now + self.chance.within(0..=2));
                let delay = worker.told_at[slot] - self.now;
                return self.happen(host, delay, Happening::Reported(slot, report));
            }
            Happening::Reported(slot, report) => worker.state.on_report(now, slot, report),
            Happening::Inspected(dataset) => {
                let cases = (0..CASES).map(|case| format!("case{case:02}")).collect();
                let inventory = Inventory::new(ContentHash::of(b"pictures"), cases);
                let found = if self.chance.is(5) { Err("no such folder".to_owned()) } else { Ok(inventory) };
                worker.state.on_inspected(now, *dataset, found);
            }
            Happening::Terminate if worker.state.is_draining() => {}
            Happening::Terminate => worker.state.drain(now),
        }
        self.let_work(host);
    }

    /// What the agent's loop does after each event.
    fn let_work(&mut self, host: usize) {
        let now = self.instant();
        let Some(worker) = &mut self.hosts[host].worker else { return };
        if worker.state.is_drained(now) {
            self.told.count("drains");
            return self.end_worker(host, "drained");
        }
        for action in worker.state.due(now) {
            self.carry_out(host, action);
        }
        let Some(worker) = &self.hosts[host].worker else { return };
        let wake = worker.state.next_wake(now).duration_since(now).as_millis() as u64;
        self.happen(host, wake + 1, Happening::Wake);
    }

    fn carry_out(&mut self, host: usize, action: Action) {
        self.say(|| format!("worker {host}: {action:?}"));
        let Some(worker) = &mut self.hosts[host].worker else { return };
        match action {
            Action::Call(call, content) => self.send(host, call, content),
            Action::Abandon(call) => {
                // its answer may be on its way already
                if self.chance.is(80) {
                    worker.abandoned.insert(call);
                }
            }
            Action::Train(slot, request) => self.train(host, slot, &request),
            Action::Stop(slot) => {
                if worker.slots[slot].take().is_some() {
                    let delay = self.chance.delay(20, 1_000);
                    self.happen(host, delay, Happening::Reported(slot, Report::Stopped));
                }
            }
            Action::Inspect(dataset) => {
                let delay = self.chance.delay(50, 2_000);
                self.happen(host, delay, Happening::Inspected(dataset));
            }
            Action::Discard(_) => {}
        }
    }

    fn train(&mut self, host: usize, slot: usize, request: &TrainRequest) {
        let Some(worker) = &mut self.hosts[host].worker else { return };
        let spec = JobSpec::from_json(&request.spec).unwrap();
        if worker.slots[slot].is_some() {
            return self.break_promise(format!("a job is given to slot {slot} of worker {host}, which trains"));
        }
        let training = self.promises.begin_training(worker.id, spec.id());
        worker.slots[slot] = Some(training);
        let (failing, epochs) = (if self.now > CALM_MS { 0 } else { worker.failing }, spec.training.epochs);
        let mut at = self.chance.within(1..=300);
        let fails = self.chance.is(failing).then(|| self.chance.within(1..=u64::from(epochs)) as u32);
        for epoch in 1..=epochs {
            at += self.chance.delay(400, 3_000);
            if fails == Some(epoch) {
                let kinds = [FailureKind::Error, FailureKind::Crashed, FailureKind::OutOfMemory, FailureKind::Data];
                let kind = kinds[self.chance.below(if failing > 2 { 4 } else { 3 })];
                self.told.count("trainings failed");
                let outcome = Outcome::Failed { kind, message: Line::message("no luck"), log: Tail::default() };
                return self.happen(host, at, Happening::Trained(slot, training, Report::Ended(outcome)));
            }
            let measurement = Measurement { epoch, train_loss: Some(0.5), validation: Scores::default(), seconds: 0.1 };
            self.happen(host, at, Happening::Trained(slot, training, Report::Measured(measurement)));
        }
        let outcome = Outcome::Succeeded(Box::new(result(&spec, training)));
        self.happen(host, at + 1, Happening::Trained(slot, training, Report::Ended(outcome)));
    }

    /// The process ends, and its trainers with it.
    pub(crate) fn end_worker(&mut self, host: usize, why: &str) {
        self.say(|| format!("worker {host} ends: {why}"));
        self.hosts[host].worker = None;
        self.hosts[host].life += 1;
        let delay = self.chance.delay(2_000, 8_000);
        self.after(delay, Event::StartWorker(host));
    }
}

/// The result of a job; the same whoever trains it, but for the number of the training.
fn result(spec: &JobSpec, training: u64) -> JobResult {
    let quality = spec.id().0 as u32 % 40;
    let evaluation = |cases: std::ops::Range<u32>| {
        let counts = Counts { tp: 10 + quality, fp: 50 - quality, fn_: 20, tn: 20 };
        Evaluation::of(0.5, cases.map(|case| CaseCounts { case, counts }).collect())
    };
    let validation = spec.split.validation;
    JobResult {
        verdict: Verdict::Trained,
        epochs: spec.training.epochs,
        best_epoch: 1,
        validation: evaluation(0..validation),
        test: evaluation(validation..validation + spec.split.test),
        train_seconds: training as f64,
        parameters: proto::cost::parameters(spec.architecture, spec.model, spec.data.image_size),
        device: "made up".to_owned(),
        split_hash: Some(SplitHash::of(&spec.seeds.split_seed.to_le_bytes())),
        extras: Extras::default(),
    }
}
