//! Runs -> what is logged to MLflow: a parent run per candidate, a child run per job.
//!
//! The same runs give the same content, times included: a metric's time is that since the training began. So whoever logs can tell by the
//! hash of a run's content whether a server has it already.

use super::runs::{NotUnderstood, Run, Runs, text};
use serde::Serialize;

/// The tag with the sweep's name: by it, an export finds what an earlier one has logged.
pub const SWEEP_TAG: &str = "splitsweep.sweep";
/// The tag with the id of a child's job, and with the settings of a parent's candidate.
pub const KEY_TAGS: [&str; 2] = ["splitsweep.job", "splitsweep.candidate"];
/// The tag with the hash of all that was logged to a run; it comes last.
pub const CONTENT_TAG: &str = "splitsweep.content";
/// Most bytes of a tag's or a parameter's value.
const MAX_VALUE: usize = 5000;

/// A candidate and its jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// The candidate: what its jobs come to.
    pub parent: Logged,
    /// Its jobs.
    pub children: Vec<Logged>,
}

/// What is logged to a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Logged {
    /// The run's name.
    pub name: String,
    /// What the run is found by: one of [`KEY_TAGS`] and its value.
    pub key: Pair,
    /// Its tags.
    pub tags: Vec<Pair>,
    /// Its parameters.
    pub params: Vec<Pair>,
    /// Its metrics.
    pub metrics: Vec<Metric>,
    /// MLflow's word for how it ended.
    pub status: &'static str,
    /// How long it took, milliseconds.
    pub duration: u64,
}

/// A tag or a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl Pair {
    /// A pair; a value that is too long for MLflow is cut.
    #[must_use]
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        let mut value = value.into();
        value.truncate(value.floor_char_boundary(MAX_VALUE));
        Self { key: key.into(), value }
    }
}

/// A number at a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// Its name.
    pub key: String,
    /// The number.
    pub value: f64,
    /// Milliseconds since the training began; 0 in a parent's, which are [dated](Logged::dated) when they are logged.
    pub timestamp: u64,
    /// The epoch; 0 in a parent's.
    pub step: u64,
}

impl Logged {
    /// A hash of all of it.
    #[must_use]
    pub fn hash(&self) -> String {
        // plain data: writing it cannot fail
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        blake3::hash(&bytes).to_hex()[..32].to_owned()
    }

    /// The same with metrics of that time, milliseconds since 1970: of the numbers of a step MLflow shows the latest, of one time the greatest.
    #[must_use]
    pub fn dated(&self, timestamp: u64) -> Self {
        let mut dated = self.clone();
        dated.metrics.iter_mut().for_each(|metric| metric.timestamp = timestamp);
        dated
    }
}

/// What is logged of a sweep. `candidates` is that table in JSON: its numbers are the parents' metrics.
///
/// # Errors
/// If the table is of another version.
pub fn families(runs: &Runs, candidates: &[u8]) -> Result<Vec<Family>, NotUnderstood> {
    let means = runs.candidates(candidates)?;
    let family = |(jobs, means): (&[Run], Vec<(String, f64)>)| Family {
        parent: parent(runs, jobs, means),
        children: jobs.iter().filter(|run| run.has_begun()).map(|run| child(runs, run)).collect(),
    };
    Ok(runs.by_candidate().zip(means).map(family).collect())
}

fn parent(runs: &Runs, jobs: &[Run], means: Vec<(String, f64)>) -> Logged {
    let count = |state: &str| jobs.iter().filter(|run| run.state == state).count();
    let ended = count("succeeded");
    let metric = |(key, value)| Metric { key, value, timestamp: 0, step: 0 };
    let name = jobs.first().map(|run| run.candidate.clone()).unwrap_or_default();
    let status = match (ended == jobs.len(), count("queued") + count("running")) {
        (true, _) => "FINISHED",
        (false, 0) => "FAILED",
        (false, _) => "RUNNING",
    };
    let params = jobs.first().map(|run| settings(runs, run)).unwrap_or_default();
    // its name changes when the grid is extended
    let key: Vec<_> = params.iter().map(|param| format!("{}={}", param.key, param.value)).collect();
    Logged {
        key: Pair::new(KEY_TAGS[1], key.join(", ")),
        tags: vec![Pair::new(SWEEP_TAG, &*runs.sweep)],
        params,
        metrics: means.into_iter().map(metric).collect(),
        name,
        status,
        duration: jobs.iter().filter_map(|run| run.train_seconds).map(milliseconds).sum(),
    }
}

fn child(runs: &Runs, run: &Run) -> Logged {
    let epochs = run.epochs.iter().flat_map(|epoch| {
        let metric = move |(key, value): &(String, f64)| Metric {
            key: format!("epoch/{key}"),
            value: *value,
            timestamp: milliseconds(epoch.seconds),
            step: epoch.epoch,
        };
        epoch.numbers.iter().map(metric)
    });
    let last = run.epochs.last();
    let duration = milliseconds(run.train_seconds.or(last.map(|epoch| epoch.seconds)).unwrap_or(0.0));
    let step = run.best_epoch.or(last.map(|epoch| epoch.epoch)).unwrap_or(0);
    let results = run.scores.iter().map(|(key, value)| Metric {
        key: format!("result/{key}"),
        value: *value,
        timestamp: duration,
        step,
    });
    let facts = run.facts.iter().map(|(name, value)| (name, text(value))).filter(|(_, value)| !value.is_empty());
    let mut tags = vec![Pair::new(SWEEP_TAG, &*runs.sweep), Pair::new("splitsweep.state", &*run.state)];
    tags.extend(facts.map(|(name, value)| Pair::new(format!("splitsweep.{name}"), value)));
    let seeds = run.seeds.iter().map(|(name, seed)| Pair::new(name, seed.to_string()));
    Logged {
        name: format!("{} {}", run.candidate, run.replicate),
        key: Pair::new(KEY_TAGS[0], &*run.job),
        tags,
        params: settings(runs, run).into_iter().chain(seeds).collect(),
        metrics: epochs.chain(results).collect(),
        status: match run.state.as_str() {
            "succeeded" => "FINISHED",
            "failed" => "FAILED",
            "running" => "RUNNING",
            _ => "KILLED",
        },
        duration,
    }
}

/// The values on the axes; none where a candidate has none.
fn settings(runs: &Runs, run: &Run) -> Vec<Pair> {
    let values = runs.axes.iter().zip(run.settings.iter().map(text));
    values.filter(|(_, value)| !value.is_empty()).map(|(axis, value)| Pair::new(axis, value)).collect()
}

fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}
