//! Meters and status as text, one line per series: names begin with `splitsweep_`, units are those of Prometheus (seconds, bytes).

use super::meters::Telemetry;
use crate::outlook;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use proto::status::{DeviceReading, Status, SweepState, SweepStatus, WorkerStatus};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Maximum number of sweeps with series of their own: those that have not ended come first, then the newest.
pub const MAX_SWEEPS: usize = 50;
/// A worker has series of its own for this time after its last call, milliseconds: ten minutes.
const RECENT_MS: u64 = 600_000;
/// Bytes of a MiB.
const MIB: f64 = (1 << 20) as f64;

/// What the status says, for whoever reads metrics.
#[derive(Debug, Default)]
pub struct Standing {
    /// Where everything stands, as the driver has published it.
    pub status: Arc<Status>,
    /// Whether the store keeps what it is given.
    pub keeps: bool,
    /// How well sweeps are known: the widest half of an interval among their first candidates.
    pub half_widths: BTreeMap<String, f64>,
    /// The time: milliseconds since 1970, UTC.
    pub now_ms: u64,
}

/// All metrics, as OpenMetrics text.
#[must_use]
pub fn exposition(telemetry: &Telemetry, standing: Standing) -> String {
    let mut registry = Registry::with_prefix("splitsweep");
    let version = Info::new([("version", env!("SPLITSWEEP_VERSION"))]);
    registry.register("build", "The coordinator", version);
    telemetry.register(&mut registry);
    let meters = telemetry.sweep_meters();
    registry.register_collector(Box::new(Sweeps(meters.into_iter().collect())));
    registry.register_collector(Box::new(standing));
    let mut text = String::new();
    // writing to a string cannot fail
    let _ = encode(&mut text, &registry);
    text
}

/// Writes metrics of one name, one per set of labels, in their order.
fn family<L: EncodeLabelSet, M: EncodeMetric + TypedMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metrics: impl IntoIterator<Item = (L, M)>,
) -> fmt::Result {
    // a registry ends its help texts with a full stop
    let mut family = encoder.encode_descriptor(name, &format!("{help}."), None, M::TYPE)?;
    metrics.into_iter().try_for_each(|(labels, metric)| metric.encode(family.encode_family(&labels)?))
}

/// What is counted of each sweep.
#[derive(Debug)]
struct Sweeps(Vec<(String, super::SweepMeter)>);

impl Collector for Sweeps {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let label = |sweep| [("sweep", sweep)];
        let durations = self.0.iter().map(|(sweep, meter)| (label(sweep), meter.job_seconds.clone()));
        let help = "Time of the attempts that succeeded, from lease to result";
        family(&mut encoder, "job_duration_seconds", help, durations)?;
        let progress = self.0.iter().map(|(sweep, meter)| (label(sweep), meter.progress.clone()));
        let help = "When a job of the sweep was last granted, ended an epoch or succeeded, seconds since 1970";
        family(&mut encoder, "sweep_progress_timestamp_seconds", help, progress)
    }
}

impl Collector for Standing {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_sweeps(&mut encoder)?;
        self.encode_workers(&mut encoder)?;
        self.encode_devices(&mut encoder)?;
        let keeps = ConstGauge::new(u64::from(self.keeps));
        let help = "Whether the store keeps what it is given.";
        keeps.encode(encoder.encode_descriptor("store_ok", help, None, keeps.metric_type())?)
    }
}

impl Standing {
    fn encode_sweeps(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let sweeps = self.sweeps();
        let jobs = sweeps.iter().flat_map(|sweep| {
            let states = [
                ("queued", sweep.queued),
                ("running", sweep.running),
                ("succeeded", sweep.succeeded),
                ("failed", sweep.failed),
                ("cancelled", sweep.cancelled),
                ("dropped", sweep.dropped),
            ];
            let labels = |state| [("sweep", sweep.sweep.as_str()), ("state", state)];
            states.map(|(state, jobs)| (labels(state), ConstGauge::new(jobs)))
        });
        family(encoder, "jobs", "Jobs of a sweep by state", jobs)?;
        let remaining = sweeps.iter().filter_map(|sweep| {
            let left = outlook::time_left(&self.status, sweep)?;
            Some(([("sweep", sweep.sweep.as_str())], ConstGauge::new(left.as_secs())))
        });
        let help = "Time that a running sweep still takes, at the pace of the last minute";
        family(encoder, "sweep_remaining_seconds", help, remaining)?;
        let half_widths = self.half_widths.iter();
        let half_widths = half_widths.map(|(sweep, width)| ([("sweep", sweep.as_str())], ConstGauge::new(*width)));
        let help = "Half of the widest 95 % interval of a mean, for this pool, among a sweep's first five candidates";
        family(encoder, "sweep_interval_halfwidth", help, half_widths)
    }

    fn encode_workers(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let workers = &self.status.workers;
        let in_state = |state| workers.iter().filter(|worker| worker_state(worker) == state).count() as u64;
        let states = WORKER_STATES.map(|state| ([("state", state)], ConstGauge::new(in_state(state))));
        family(encoder, "workers", "Workers by state", states)?;
        let present = || workers.iter().filter(|worker| worker.connected && !worker.silent);
        let busy: u64 = present().map(|worker| worker.running.len() as u64).sum();
        let all: u64 = present().map(|worker| u64::from(worker.slots)).sum();
        let slots = [("busy", busy), ("free", all.saturating_sub(busy))];
        let slots = slots.map(|(state, slots)| ([("state", state)], ConstGauge::new(slots)));
        family(encoder, "slots", "Slots of the workers that call", slots)?;
        let seen = self.recent().map(|(worker, seen_ms)| {
            let labels = [("worker", worker.worker.as_str()), ("name", worker.name.as_str())];
            (labels, ConstGauge::new(seen_ms as f64 / 1e3))
        });
        let help = "When a worker last called, seconds since 1970";
        family(encoder, "worker_last_seen_timestamp_seconds", help, seen)
    }

    fn encode_devices(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut gauge = |name: &str, help: &str, value: fn(&DeviceReading) -> Option<f64>| {
            family(encoder, name, help, self.readings(value).map(|(labels, value)| (labels, ConstGauge::new(value))))
        };
        gauge("device_memory_used_bytes", "Memory of a device in use", |of| Some(of.memory_used_mib as f64 * MIB))?;
        gauge("device_memory_total_bytes", "All memory of a device", |of| Some(of.memory_total_mib as f64 * MIB))?;
        let help = "Share of the last moments in which a device computed";
        gauge("device_utilization_ratio", help, |of| of.utilization)?;
        gauge("device_power_watts", "What a device takes", |of| of.power_watts)?;
        gauge("device_temperature_celsius", "Temperature of a device", |of| of.temperature_celsius)?;
        let energy = self.readings(|of| of.energy_joules);
        let energy = energy.map(|(labels, joules)| (labels, ConstCounter::new(joules)));
        family(encoder, "device_energy_joules", "What a device has taken since its worker started", energy)
    }

    /// A number of each device of the workers that have series of their own, where it is known.
    fn readings(&self, value: fn(&DeviceReading) -> Option<f64>) -> impl Iterator<Item = ([(&str, &str); 2], f64)> {
        self.recent().flat_map(move |(worker, _)| {
            worker.readings.iter().filter_map(move |reading| {
                Some(([("worker", worker.worker.as_str()), ("device", &*reading.device)], value(reading)?))
            })
        })
    }

    /// The sweeps that have series of their own.
    fn sweeps(&self) -> Vec<&SweepStatus> {
        let newest = || self.status.sweeps.iter().rev();
        let has_ended = |sweep: &&SweepStatus| matches!(sweep.state, SweepState::Ended | SweepState::Rejected);
        let open = newest().filter(|sweep| !has_ended(sweep));
        open.chain(newest().filter(has_ended)).take(MAX_SWEEPS).collect()
    }

    /// The workers that have series of their own, and when they last called.
    fn recent(&self) -> impl Iterator<Item = (&WorkerStatus, u64)> {
        let seen = self.status.workers.iter().filter_map(|worker| Some((worker, worker.last_seen_ms?)));
        seen.filter(|(_, seen_ms)| self.now_ms.saturating_sub(*seen_ms) <= RECENT_MS)
    }
}

/// The states of workers.
const WORKER_STATES: [&str; 5] = ["idle", "busy", "quarantined", "silent", "absent"];

/// The state of a worker: of several the one that says most of what is wrong.
fn worker_state(worker: &WorkerStatus) -> &'static str {
    match worker {
        // it holds a lease of an earlier life of the coordinator
        WorkerStatus { connected: false, .. } => "absent",
        WorkerStatus { silent: true, .. } => "silent",
        WorkerStatus { quarantined: true, .. } => "quarantined",
        WorkerStatus { running, .. } if running.is_empty() => "idle",
        _ => "busy",
    }
}
