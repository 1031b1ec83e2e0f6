//! Where sweeps and workers stand, for people and for programs: the coordinator makes it, the command line shows it, `status --json`
//! prints it as it is serialised here.

use crate::ids::{Attempt, JobId, named};
use crate::text::Line;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// Where everything stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Status {
    /// Every sweep, in the order of submission.
    pub sweeps: Vec<SweepStatus>,
    /// Every worker that is connected or holds a lease.
    pub workers: Vec<WorkerStatus>,
    /// Epochs per second over the last minute, all workers together.
    pub epochs_per_second: f64,
    /// When this was said, by the coordinator's clock: milliseconds since 1970, UTC; 0 if no coordinator says it.
    pub at_ms: u64,
}

/// Where a sweep stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct SweepStatus {
    /// Its name.
    pub sweep: String,
    /// Its state.
    pub state: SweepState,
    /// Number of its jobs.
    pub jobs: u64,
    /// Jobs that wait for a worker.
    pub queued: u64,
    /// Jobs that a worker has.
    pub running: u64,
    /// Jobs with a result.
    pub succeeded: u64,
    /// Jobs that failed.
    pub failed: u64,
    /// Jobs that were cancelled.
    pub cancelled: u64,
    /// Jobs that will not be needed, as their candidates were stopped before.
    pub dropped: u64,
    /// Epochs of all its jobs, without the dropped.
    pub epochs: u64,
    /// Epochs of the jobs that succeeded, and of the running attempts so far.
    pub epochs_done: u64,
    /// Whether its results are made up.
    pub simulated: bool,
    /// The last failure, or why the sweep was rejected; empty if there is neither.
    pub problem: String,
}

/// The state of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SweepState {
    /// No worker has offered the data set yet.
    #[default]
    WaitingForData,
    /// Jobs wait or run.
    Running,
    /// Every job has ended.
    Ended,
    /// The data set cannot serve the sweep.
    Rejected,
}

impl SweepState {
    /// Whether nothing will happen to the sweep but a new submission.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Ended | Self::Rejected)
    }
}

/// Where a worker stands.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct WorkerStatus {
    /// Its alias: it tells workers of one name apart, and nobody can call with it.
    pub worker: String,
    /// Its name.
    pub name: String,
    /// Its host.
    pub host: String,
    /// The device that it computes on.
    pub device: String,
    /// Number of jobs that it runs at once.
    pub slots: u32,
    /// The jobs that it runs.
    pub running: Vec<RunningJob>,
    /// Why it gets no jobs of some sweep.
    pub notices: Vec<String>,
    /// Whether it has registered since the coordinator started.
    pub connected: bool,
    /// Whether its last jobs failed, so that it gets none that another worker can take.
    pub quarantined: bool,
    /// Whether it is overdue: it calls every third of a lease, and has not called for two thirds.
    pub silent: bool,
    /// When it last called, by the coordinator's clock: milliseconds since 1970, UTC.
    pub last_seen_ms: Option<u64>,
    /// What its devices last said of themselves.
    pub readings: Vec<DeviceReading>,
}

impl WorkerStatus {
    /// As the log names it: `gpu1 (0123456789ab)`.
    #[must_use]
    pub fn named(&self) -> String {
        named(&self.name, &self.worker)
    }

    /// How long an epoch takes on it, seconds: the mean over the epochs of its running jobs; `None` before the first has been measured.
    #[must_use]
    pub fn seconds_per_epoch(&self) -> Option<f64> {
        let measured = || self.running.iter().filter(|job| job.epoch > 0 && job.seconds.is_finite());
        let epochs: f64 = measured().map(|job| f64::from(job.epoch)).sum();
        (epochs > 0.0).then(|| measured().map(|job| job.seconds).sum::<f64>() / epochs)
    }
}

/// What a device says of itself; `None` where it does not.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DeviceReading {
    /// Its name among the worker's devices.
    pub device: Line,
    /// Its memory in use, MiB, whoever uses it.
    pub memory_used_mib: u64,
    /// All of its memory, MiB.
    pub memory_total_mib: u64,
    /// Share of the last moments in which it computed, 0 to 1.
    pub utilization: Option<f64>,
    /// What it takes, watts.
    pub power_watts: Option<f64>,
    /// What it has taken since the worker started, joules.
    pub energy_joules: Option<f64>,
    /// Its temperature, degrees Celsius.
    pub temperature_celsius: Option<f64>,
}

impl fmt::Display for DeviceReading {
    /// What it says, for people: `cuda:0: 34.1 of 80.0 GiB, 97 % busy, 312 W, 64 °C`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gib = |mib: u64| mib as f64 / 1024.0;
        write!(f, "{}: {:.1} of {:.1} GiB", self.device, gib(self.memory_used_mib), gib(self.memory_total_mib))?;
        let numbers = [
            (self.utilization.map(|share| 100.0 * share), "% busy"),
            (self.power_watts, "W"),
            (self.temperature_celsius, "\u{b0}C"),
        ];
        for (number, unit) in numbers {
            number.map_or(Ok(()), |number| write!(f, ", {number:.0} {unit}"))?;
        }
        Ok(())
    }
}

/// A running attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunningJob {
    /// The sweep.
    pub sweep: String,
    /// The job.
    pub job: JobId,
    /// The attempt.
    pub attempt: Attempt,
    /// The candidate and the split seed, for people; programs have the job's id.
    #[serde(skip)]
    pub label: String,
    /// The last epoch that was measured.
    pub epoch: u32,
    /// Number of epochs of the job.
    pub epochs: u32,
    /// The mean training loss of the last epoch that was measured, if it is finite.
    pub loss: Option<f64>,
    /// How long the training had taken at the end of that epoch.
    pub seconds: f64,
    /// When that epoch was measured, or when the attempt began, by the coordinator's clock: milliseconds since 1970, UTC; `None` if the
    /// coordinator has not seen that: it was started later, it has read its state back from the store, or the attempt goes on after its
    /// lease had ended.
    pub measured_ms: Option<u64>,
}

impl RunningJob {
    /// How long the attempt has been running at a time by the coordinator's clock, if that is known.
    #[must_use]
    pub fn elapsed(&self, at_ms: u64) -> Option<Duration> {
        let trained = Duration::try_from_secs_f64(self.seconds).ok()?;
        Some(trained + Duration::from_millis(at_ms.saturating_sub(self.measured_ms?)))
    }

    /// How long it still runs if its other epochs take as long as those that were measured, seconds; `None` before the first was.
    #[must_use]
    pub fn seconds_left(&self, at_ms: u64) -> Option<f64> {
        let since = at_ms.saturating_sub(self.measured_ms?) as f64 / 1000.0;
        let left = f64::from(self.epochs.saturating_sub(self.epoch)) * self.seconds / f64::from(self.epoch);
        (self.epoch > 0 && left.is_finite()).then(|| (left - since).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_says_what_it_knows() {
        let device = Line::name("cuda:0");
        let silent = DeviceReading { device, memory_used_mib: 1_536, memory_total_mib: 81_920, ..Default::default() };
        assert_eq!(silent.to_string(), "cuda:0: 1.5 of 80.0 GiB");
        let told = DeviceReading { utilization: Some(0.97), power_watts: Some(311.6), ..silent };
        assert_eq!(told.to_string(), "cuda:0: 1.5 of 80.0 GiB, 97 % busy, 312 W");
    }
}
