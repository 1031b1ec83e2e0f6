//! Time, and the order in which everything happens.

use crate::chance::Chance;
use crate::coordinator::Coordinator;
use crate::disk::{Disk, Health};
use crate::mishaps::Mishap;
use crate::network::{Letter, Network};
use crate::promises::Promises;
use crate::worker::{Happening, Host};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Nothing goes wrong from then on.
pub(crate) const CALM_MS: u64 = 20_000;
/// Everything must have ended by then: whoever could not read the data looks again after five minutes at the latest.
const END_MS: u64 = 1_200_000;

/// A fault that is put in on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    AcknowledgesBeforeCommit,
    ExpiryKills,
    NoFence,
    GrantsLapsedToAsker,
    LockByName,
}

impl Flaw {
    pub(crate) const ALL: [Self; 5] =
        [Self::AcknowledgesBeforeCommit, Self::ExpiryKills, Self::NoFence, Self::GrantsLapsedToAsker, Self::LockByName];
}

/// Something that will happen.
pub(crate) enum Event {
    /// A call arrives at the coordinator.
    Arrival(Letter),
    /// The coordinator's driver wakes.
    Round {
        life: u64,
        round: u64,
    },
    StartCoordinator,
    Worker {
        host: usize,
        life: u64,
        happening: Happening,
    },
    StartWorker(usize),
    Mishap(Mishap),
}

/// What is told of a schedule, or of many.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) steps: u64,
    /// Of all events and their times.
    hash: u64,
    counts: BTreeMap<&'static str, u64>,
}

impl Told {
    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        for (what, count) in &other.counts {
            *self.counts.entry(what).or_default() += count;
        }
    }

    /// A fault that does not happen tests nothing.
    pub(crate) fn assert_that_all_happened(&self, schedules: u64) {
        let kinds = [
            "answers lost",
            "coordinators",
            "coordinators killed",
            "coordinators killed in a transaction",
            "coordinators paused",
            "coordinators that end by themselves",
            "disks full",
            "drains",
            "links cut",
            "messages doubled",
            "messages garbled",
            "messages lost",
            "second coordinators refused",
            "stores moved",
            "stores stolen",
            "sweeps cancelled",
            "trainings failed",
            "workers killed",
            "workers paused",
            "writes not confirmed",
        ];
        for kind in kinds {
            let count = self.counts.get(kind).copied().unwrap_or(0);
            assert!(count > 0 || schedules < 1_000, "{kind}: never happened");
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<_> = self.counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        f.write_str(&counts.join(", "))
    }
}

pub(crate) struct World {
    /// Milliseconds since the beginning.
    pub(crate) now: u64,
    pub(crate) chance: Chance,
    pub(crate) flaw: Option<Flaw>,
    pub(crate) network: Network,
    pub(crate) disk: Rc<RefCell<Disk>>,
    pub(crate) coordinators: BTreeMap<u64, Coordinator>,
    /// The coordinator that calls reach.
    pub(crate) address: Option<u64>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) progress_ms: Option<u64>,
    pub(crate) promises: Promises,
    pub(crate) told: Told,
    began: Instant,
    events: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    lives: u64,
    broken: Option<String>,
    pub(crate) is_verbose: bool,
}

impl World {
    pub(crate) fn new(seed: u64, flaw: Option<Flaw>, is_verbose: bool) -> Self {
        let mut chance = Chance::new(seed);
        let hosts = chance.within(1..=4);
        Self {
            now: 0,
            network: Network::new(&mut chance),
            progress_ms: chance.is(30).then(|| chance.within(1_500..=6_000)),
            chance,
            flaw,
            disk: Rc::default(),
            coordinators: BTreeMap::new(),
            address: None,
            hosts: (0..hosts).map(|_| Host { life: 0, worker: None, link: Default::default() }).collect(),
            promises: Promises::default(),
            told: Told::default(),
            began: Instant::now(),
            events: BTreeMap::new(),
            sequence: 0,
            lives: 0,
            broken: None,
            is_verbose,
        }
    }

    /// Runs to the end of all sweeps; an error says which promise was broken.
    pub(crate) fn run(mut self) -> Result<Told, String> {
        self.start_coordinator(false);
        for host in 0..self.hosts.len() {
            let delay = self.chance.within(0..=500);
            self.after(delay, Event::StartWorker(host));
        }
        self.plan_operations();
        self.plan_mishaps();
        while let Some(((at, sequence), event)) = self.events.pop_first() {
            self.now = at;
            self.told.steps += 1;
            self.told.hash = (self.told.hash ^ at).wrapping_mul(0x0100_0000_01b3).wrapping_add(sequence);
            self.happened(event);
            if let Some(broken) = self.broken {
                return Err(format!("{broken} ({at} ms)"));
            }
            let is_over = self.is_calm() && self.is_over();
            if is_over || at > END_MS {
                break;
            }
        }
        self.disk.borrow_mut().catch_up();
        let disk = self.disk.borrow();
        let coordinator = self.coordinators.values().next_back().ok_or("no coordinator is left")?;
        self.promises.check_end(&disk, coordinator.state())?;
        drop(disk);
        Ok(self.told)
    }

    fn happened(&mut self, event: Event) {
        match event {
            Event::Arrival(letter) => self.on_arrival(letter),
            Event::Round { life, round } => self.on_round(life, round),
            Event::StartCoordinator if self.coordinators.is_empty() => self.start_coordinator(false),
            Event::StartCoordinator => {}
            Event::Worker { host, life, happening } => self.on_worker(host, life, happening),
            Event::StartWorker(host) if self.hosts[host].worker.is_none() => self.start_worker(host),
            Event::StartWorker(_) => {}
            Event::Mishap(mishap) => self.on_mishap(mishap),
        }
    }

    /// Whether all mishaps are over.
    pub(crate) fn is_calm(&self) -> bool {
        self.now > CALM_MS
    }

    /// Whether every sweep has ended and every worker has heard of it.
    fn is_over(&self) -> bool {
        let is_idle = |host: &Host| host.worker.as_ref().is_none_or(|worker| worker.state.held().next().is_none());
        self.disk.borrow().health == Health::Fine
            && self.coordinators.len() == 1
            && self.coordinators.values().all(|of| of.state().sweeps().all(|sweep| sweep.is_ended()))
            && self.hosts.iter().all(is_idle)
    }

    pub(crate) fn after(&mut self, delay: u64, event: Event) {
        self.sequence += 1;
        self.events.insert((self.now + delay, self.sequence), event);
    }

    /// The time, as the agent knows it.
    pub(crate) fn instant(&self) -> Instant {
        self.began + Duration::from_millis(self.now)
    }

    pub(crate) fn next_life(&mut self) -> u64 {
        self.lives += 1;
        self.lives
    }

    pub(crate) fn break_promise(&mut self, promise: String) {
        self.broken.get_or_insert(promise);
    }

    pub(crate) fn say(&self, what: impl FnOnce() -> String) {
        if self.is_verbose {
            eprintln!("{:>7} ms  {}", self.now, what());
        }
    }
}
