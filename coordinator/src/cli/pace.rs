//! How long the jobs of a plan will take: by the pace of past jobs, or of `worker bench`.
//!
//! Seconds are those of one job after the other on one slot. A job's arithmetic is counted before it runs (`proto::cost`); networks differ
//! in how much of a device they use, so a pace is that of an architecture, and of all past jobs only for one that has none.

use super::CliError;
use crate::plan::Plan;
use crate::results;
use crate::scheduler::{JobState, State};
use crate::store::{Reader, StoredResult};
use crate::text::{duration, flop};
use proto::cost;
use proto::ids::JobId;
use proto::spec::{Architecture, JobSpec, Trainer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Maximum number of past jobs that are looked at, the newest sweeps' first.
const MAX_PAST: usize = 400;

/// Floating-point operations per second, and where they are known from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pace {
    /// Of each architecture that is known.
    by_architecture: BTreeMap<Architecture, f64>,
    /// Of any other.
    other: f64,
    /// Whose pace it is.
    of: String,
}

/// How long a plan takes.
#[derive(Debug, Serialize)]
pub(super) struct Time {
    /// Of all jobs, one after the other.
    job_seconds: f64,
    /// On that many workers, each with one job at a time.
    seconds: f64,
    workers: u32,
    /// Whose pace it is.
    pace_of: String,
    #[serde(skip)]
    rate: String,
}

/// The result of `worker bench --json`, as far as it matters here.
#[derive(Deserialize)]
struct Bench {
    architecture: Architecture,
    device: String,
    step_gflops: f64,
}

impl Pace {
    /// The pace of past jobs in a store: of those on the device that has run most of them.
    ///
    /// # Errors
    /// If the store cannot be read, or has no result.
    pub(super) fn of_store(path: &Path) -> Result<Self, CliError> {
        let reader = Reader::open(path)?;
        let state = results::state(&reader)?;
        let mut past: BTreeMap<String, BTreeMap<Architecture, Vec<f64>>> = BTreeMap::new();
        for (id, spec) in past_jobs(&state) {
            let Some(StoredResult { result, .. }) = reader.result(id)? else { continue };
            // of one that diverged the later epochs were not trained
            let share = f64::from(result.epochs) / f64::from(spec.training.epochs.max(1));
            if result.train_seconds > 0.0 && share > 0.0 {
                let rate = cost::job_flop(&spec) * share / result.train_seconds;
                past.entry(result.device).or_default().entry(spec.architecture).or_default().push(rate);
            }
        }
        let count = |rates: &BTreeMap<Architecture, Vec<f64>>| rates.values().map(Vec::len).sum::<usize>();
        let Some((device, rates)) = past.into_iter().max_by_key(|(_, rates)| count(rates)) else {
            let store = path.display();
            let problem =
                format!("{store} has no result of a training yet: give the output of worker bench --json with --bench");
            return Err(CliError::Usage(problem));
        };
        let of = format!("{device} in {} past jobs of {}", count(&rates), path.display());
        let all = median(rates.values().flatten().copied().collect());
        let by_architecture = rates.into_iter().map(|(architecture, rates)| (architecture, median(rates))).collect();
        Ok(Self { by_architecture, other: all, of })
    }

    /// The pace that `worker bench --json` printed into a file.
    ///
    /// # Errors
    /// If the file cannot be read, or is something else.
    pub(super) fn of_bench(path: &Path) -> Result<Self, CliError> {
        let failed = |source| CliError::File { action: "read", path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let bench: Bench = serde_json::from_str(&text).map_err(|error| {
            CliError::Usage(format!("{} is not the output of worker bench --json: {error}", path.display()))
        })?;
        let Bench { architecture, device, step_gflops } = bench;
        let rate = step_gflops * 1e9;
        if !rate.is_finite() || rate <= 0.0 {
            return Err(CliError::Usage(format!("{}: step_gflops is {step_gflops}", path.display())));
        }
        let of = format!("{device} in worker bench, {architecture}");
        Ok(Self { by_architecture: BTreeMap::new(), other: rate, of })
    }

    /// How long a plan takes on that many workers, each with one job at a time.
    pub(super) fn time(self, plan: &Plan, workers: u32) -> Time {
        let job_seconds = self.seconds(plan);
        // not more at a time than there are
        let busy = (workers as usize).min(plan.jobs()).max(1);
        let rate = self.rate(plan);
        Time { job_seconds, seconds: job_seconds / busy as f64, workers, pace_of: self.of, rate }
    }

    /// Seconds of all jobs of a plan, one after the other.
    fn seconds(&self, plan: &Plan) -> f64 {
        let seconds = plan.candidates.iter().map(|candidate| {
            let job = &candidate.template;
            cost::job_flop(job) / self.by_architecture.get(&job.architecture).copied().unwrap_or(self.other)
        });
        seconds.sum::<f64>() * plan.replicates.len() as f64
    }

    /// The pace over all jobs of a plan.
    fn rate(&self, plan: &Plan) -> String {
        let all = plan.candidates.iter().map(|candidate| cost::job_flop(&candidate.template)).sum::<f64>();
        format!("{}/s", flop(all * plan.replicates.len() as f64 / self.seconds(plan)))
    }
}

impl Time {
    /// `about 9.0 h on 4 such workers (36 h of work at 2.1 TFLOP/s, as cpu in 24 past jobs of sweeps.db)`.
    pub(super) fn sentence(&self) -> String {
        let Self { job_seconds, seconds, workers, pace_of, rate } = self;
        let on = if *workers == 1 { "one such worker".to_owned() } else { format!("{workers} such workers") };
        let work = if *workers == 1 { String::new() } else { format!("{} of work ", duration(*job_seconds)) };
        format!("about {} on {on} ({work}at {rate}, as {pace_of})", duration(*seconds))
    }
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Jobs that have a result of a training, those of the newest sweeps first.
fn past_jobs(state: &State) -> Vec<(JobId, JobSpec)> {
    let mut sweeps: Vec<_> = state.sweeps().filter(|sweep| sweep.trainer() == Trainer::Candle).collect();
    sweeps.reverse();
    let mut found = BTreeMap::new();
    for (sweep, (place, id)) in
        sweeps.iter().flat_map(|sweep| sweep.jobs.iter().enumerate().map(move |job| (sweep, job)))
    {
        let has_result = || state.job(*id).is_some_and(|job| job.state == JobState::Succeeded);
        if found.len() < MAX_PAST && !found.contains_key(id) && has_result() {
            found.extend(sweep.spec(place as u32).map(|spec| (*id, spec)));
        }
    }
    found.into_iter().collect()
}
