//! The meters of a running coordinator. They begin at zero whenever it starts.

use super::MAX_SWEEPS;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bounds of buckets, seconds: of what the store takes to commit.
const COMMIT_SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Bounds of buckets: facts per commit.
const COMMIT_FACTS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];
/// Bounds of buckets, seconds: of calls. A worker's call waits for work for up to a third of a lease.
const CALL_SECONDS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 30.0];
/// Bounds of buckets, seconds: of jobs, from a tenth of a second to two days.
const JOB_SECONDS: [f64; 16] =
    [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14_400.0, 43_200.0, 172_800.0];

/// How an attempt ends: the outcome, and which of several reasons; empty for outcomes that have one.
const OUTCOMES: [(&str, &str); 11] = [
    ("succeeded", ""),
    ("failed", "error"),
    ("failed", "crashed"),
    ("failed", "out_of_memory"),
    ("failed", "data"),
    ("failed", "too_large"),
    ("released", ""),
    ("released", "too_large"),
    ("recalled", ""),
    ("lost", "silent"),
    ("lost", "stalled"),
];

/// Two labels and their values.
type Labels = [(&'static str, &'static str); 2];

/// What driver and services count. Cheap to count with; see the [module](super).
#[derive(Debug)]
pub struct Telemetry {
    started: Instant,
    /// When the driver last turned, milliseconds since the start.
    turned_ms: AtomicU64,
    attempts: Family<Labels, Counter>,
    lease_wait_seconds: Histogram,
    commit_seconds: Histogram,
    commit_facts: Histogram,
    refusals: Counter,
    calls: Family<Labels, Histogram, fn() -> Histogram>,
    sweeps: Mutex<BTreeMap<String, SweepMeter>>,
}

/// What is counted of one sweep. Copies count into the same meter.
#[derive(Debug, Clone)]
pub struct SweepMeter {
    pub(super) job_seconds: Histogram,
    /// When it last went on, seconds since 1970, UTC.
    pub(super) progress: Gauge<f64, AtomicU64>,
}

impl Default for Telemetry {
    fn default() -> Self {
        let attempts = Family::<Labels, Counter>::default();
        for (outcome, kind) in OUTCOMES {
            // the first end of its kind is an increase only if there was a zero before it
            drop(attempts.get_or_create(&[("outcome", outcome), ("kind", kind)]));
        }
        Self {
            started: Instant::now(),
            turned_ms: AtomicU64::new(0),
            attempts,
            lease_wait_seconds: Histogram::new(CALL_SECONDS),
            commit_seconds: Histogram::new(COMMIT_SECONDS),
            commit_facts: Histogram::new(COMMIT_FACTS),
            refusals: Counter::default(),
            calls: Family::new_with_constructor(|| Histogram::new(CALL_SECONDS)),
            sweeps: Mutex::default(),
        }
    }
}

impl Telemetry {
    /// The driver has come round once more.
    pub fn turn(&self) {
        self.turned_ms.store(self.started.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// Time since the driver last came round. It does so at least twice a second, unless it hangs.
    #[must_use]
    pub fn since_turn(&self) -> Duration {
        self.started.elapsed().saturating_sub(Duration::from_millis(self.turned_ms.load(Ordering::Relaxed)))
    }

    /// An attempt has ended; `kind` says more of some outcomes.
    pub fn ended(&self, outcome: &'static str, kind: &'static str) {
        self.attempts.get_or_create(&[("outcome", outcome), ("kind", kind)]).inc();
    }

    /// A call that asked for jobs got some, after this time.
    pub fn leased(&self, waited: Duration) {
        self.lease_wait_seconds.observe(waited.as_secs_f64());
    }

    /// The store has kept so many facts in one transaction, in this time.
    pub fn committed(&self, facts: usize, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
        self.commit_facts.observe(facts as f64);
    }

    /// The store has refused a transaction.
    pub fn refused(&self) {
        self.refusals.inc();
    }

    /// A call was answered with that code of gRPC; of a stream, its beginning.
    pub fn called(&self, method: &'static str, code: &'static str, took: Duration) {
        self.calls.get_or_create(&[("method", method), ("code", code)]).observe(took.as_secs_f64());
    }

    /// The meter of a sweep. If there are too many, that of the sweep that went on longest ago is given up.
    #[must_use]
    pub fn sweep(&self, name: &str) -> SweepMeter {
        let mut sweeps = self.sweeps();
        if let Some(known) = sweeps.get(name) {
            return known.clone();
        }
        if sweeps.len() >= MAX_SWEEPS {
            let oldest = sweeps.iter().min_by(|(_, a), (_, b)| a.progress.get().total_cmp(&b.progress.get()));
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                sweeps.remove(&oldest);
            }
        }
        let meter = SweepMeter { job_seconds: Histogram::new(JOB_SECONDS), progress: Gauge::default() };
        sweeps.entry(name.to_owned()).or_insert(meter).clone()
    }

    /// A sweep is no more.
    pub fn forget(&self, sweep: &str) {
        self.sweeps().remove(sweep);
    }

    /// The meters of all sweeps, by name.
    pub(super) fn sweep_meters(&self) -> BTreeMap<String, SweepMeter> {
        self.sweeps().clone()
    }

    fn sweeps(&self) -> MutexGuard<'_, BTreeMap<String, SweepMeter>> {
        self.sweeps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters what is not of single sweeps.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("attempts", "Attempts that have ended", self.attempts.clone());
        let help = "Time that a worker's call for jobs waited until it got some";
        registry.register("lease_wait_seconds", help, self.lease_wait_seconds.clone());
        let help = "Time that the store took to keep a transaction";
        registry.register("store_commit_seconds", help, self.commit_seconds.clone());
        registry.register("store_commit_facts", "Facts per transaction", self.commit_facts.clone());
        registry.register("store_refusals", "Transactions that the store refused", self.refusals.clone());
        let help = "Time until a call was answered; Synchronize waits for work on purpose";
        registry.register("rpc_duration_seconds", help, self.calls.clone());
    }
}

impl SweepMeter {
    /// The sweep went on at that time, milliseconds since 1970, UTC.
    pub fn went_on(&self, at_ms: u64) {
        self.progress.set(at_ms as f64 / 1e3);
    }

    /// A job of the sweep succeeded in this time, from its lease to its result.
    pub fn succeeded(&self, took: Duration) {
        self.job_seconds.observe(took.as_secs_f64());
    }
}
