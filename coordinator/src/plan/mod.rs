//! YAML -> grid -> jobs. Pure: knows neither files, nor the store, nor the wire.
//!
//! ```text
//!  text --proto::file, sweep_file--> sections and axes --grid--> Plan { candidates x replicates }
//!  sections and axes --write--> text with every default filled in;  a job --write--> its job file
//!  text --splits--> text and Plan with more splits
//! ```
//!
//! A [`Plan`] is compact: a million jobs are its candidates times its replicates. A job's specification, and so its id, exists
//! once the content of the data set is known.

mod axes;
mod grid;
mod range;
mod replicates;
mod simulation;
mod splits;
mod stopping;
mod sweep_file;
mod write;

pub use proto::file::{Mistake, Mistakes};
pub use proto::spec::Objective;
pub use splits::{Extended, NoMoreSplits, Splits, splits, with_splits};
pub use stopping::{Rule, Stopping};
pub use sweep_file::{MAX_JOBS, parse};
pub use write::{SimulatedJob, job_file, resolved};

use proto::data::{Dataset, Inventory};
use proto::extras::Wanted;
use proto::file::{KeyValue, split_on};
use proto::sizes::{Misfit, Sizes};
use proto::spec::{JobSpec, Metric, Seeds, Simulation, Split, Trainer};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What jobs hand in and keep beside their scores. It changes no number, so it is not part of a job's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifacts {
    /// Number per job, from the best to the worst test case.
    pub examples: u32,
    /// Number of replicates of each candidate whose jobs hand them in, from the first.
    pub replicates: u32,
    /// Whether each job keeps the weights of its selected epoch.
    #[serde(default, skip_serializing_if = "is_false")]
    pub weights: bool,
}

impl Default for Artifacts {
    /// The best, the median and the worst case of each candidate's first replicate.
    fn default() -> Self {
        Self { examples: 3, replicates: 1, weights: false }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// A value of an axis, as the sweep file gives it: a name, or a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AxisValue {
    /// A choice, such as an architecture.
    Name(String),
    /// A whole number.
    Integer(u64),
    /// A real number.
    Real(f64),
}

impl From<&KeyValue> for AxisValue {
    fn from(value: &KeyValue) -> Self {
        match value {
            KeyValue::Name(_) | KeyValue::Truth(_) | KeyValue::Loss(_) => Self::Name(value.to_string()),
            KeyValue::Whole(number) => Self::Integer((*number).into()),
            KeyValue::Real(number) => Self::Real(*number),
        }
    }
}

impl AxisValue {
    /// The value as people say it: a name is enough, a number needs its axis to mean anything.
    #[must_use]
    pub fn spoken(&self, axis: &str) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Integer(_) | Self::Real(_) => {
                format!("{} {self}", axis.rsplit('.').next().unwrap_or(axis).replace('_', " "))
            }
        }
    }
}

impl fmt::Display for AxisValue {
    /// The name, or the shortest text of the number; small and large numbers with an exponent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Integer(number) => number.fmt(f),
            Self::Real(number) if *number != 0.0 && !(1e-4..1e6).contains(&number.abs()) => write!(f, "{number:e}"),
            Self::Real(number) => number.fmt(f),
        }
    }
}

/// A grid point without its seeds: one row of the result table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its value on each axis of the plan; `None` where the axis is a parameter of another loss.
    pub values: Vec<Option<AxisValue>>,
    /// The specification of its jobs, but for the content of the data set and the seeds, which are zero here.
    pub template: JobSpec,
    /// The scores that its jobs make up if the sweep is simulated, where the file says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulation: Option<Simulation>,
}

/// An expanded sweep file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The sweep's name.
    pub sweep: String,
    /// The data set.
    pub dataset: Dataset,
    /// How candidates are compared.
    pub objective: Objective,
    /// Names of the axes, in the order of the table: `architecture`, `loss`, `learning_rate`, then the file's others in its order.
    pub axes: Vec<String>,
    /// The grid points, in the file's order (the last axis varies fastest), then the included ones.
    pub candidates: Vec<Candidate>,
    /// The replicates, in the file's order.
    pub replicates: Vec<Seeds>,
    /// The sizes of the subsets, where they depend on the data set. The templates then have those of 1,000 cases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sizes: Option<Sizes>,
    /// What jobs hand in and keep beside their scores.
    #[serde(default)]
    pub artifacts: Artifacts,
    /// Number of epochs between two checkpoints of a job; 0: none are written. Not part of a job's id.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub checkpoint_every: u32,
    /// When the sweep stops a candidate before its last replicate; without it every candidate has all replicates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopping: Option<Stopping>,
}

impl Plan {
    /// Number of jobs.
    #[must_use]
    pub fn jobs(&self) -> usize {
        self.candidates.len() * self.replicates.len()
    }

    /// The jobs as (candidate, replicate) in the order of the queue: one replicate of every candidate before the next, so that
    /// a sweep that is cut short has compared its candidates on the same splits.
    pub fn queue(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (candidates, replicates) = (self.candidates.len(), self.replicates.len());
        (0..replicates).flat_map(move |replicate| (0..candidates).map(move |candidate| (candidate, replicate)))
    }

    /// The same sweep without training: its jobs wait and make their metrics up.
    #[must_use]
    pub fn simulated(mut self) -> Self {
        for candidate in &mut self.candidates {
            candidate.template.trainer = Trainer::Simulated;
            candidate.template.simulation = candidate.simulation;
        }
        self
    }

    /// What executes the jobs.
    #[must_use]
    pub fn trainer(&self) -> Trainer {
        self.candidates.first().map_or(Trainer::Candle, |candidate| candidate.template.trainer)
    }

    /// What the jobs measure on the masks beside what every epoch has.
    #[must_use]
    pub fn metrics(&self) -> &[Metric] {
        self.candidates.first().map_or(&[], |candidate| &candidate.template.metrics)
    }

    /// What a job of that replicate hands in and keeps.
    #[must_use]
    pub fn wanted(&self, replicate: usize) -> Wanted {
        let Artifacts { examples, replicates, weights } = self.artifacts;
        let examples = if replicate < replicates as usize { examples } else { 0 };
        Wanted { examples, weights, checkpoint_every: self.checkpoint_every }
    }

    /// How a replicate divides a data set; every candidate is split alike.
    ///
    /// # Errors
    /// If the data set cannot be divided so.
    pub fn split(&self, replicate: usize, data: &Inventory) -> Result<Split, Misfit> {
        let split = self.drawn();
        let seed = self.replicates.get(replicate).map_or(0, |seeds| seeds.split_seed);
        split_on(&split, self.sizes.as_ref(), &self.dataset.lists, data, seed)
    }

    /// How every replicate is divided, as far as that does not depend on the data set.
    #[must_use]
    pub fn drawn(&self) -> Split {
        self.candidates.first().map(|candidate| candidate.template.split).unwrap_or_default()
    }

    /// The specification of one job on a data set that can be divided so.
    #[must_use]
    pub fn job(&self, candidate: usize, replicate: usize, data: &Inventory) -> JobSpec {
        let mut spec = self.candidates[candidate].template.clone();
        spec.data.content = data.content;
        spec.seeds = self.replicates[replicate];
        // a data set that cannot be divided so is not pinned
        spec.split = self.split(replicate, data).unwrap_or(spec.split);
        spec
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![expect(clippy::unwrap_used, reason = "the text is valid")]

    use super::{Plan, parse};

    /// A sweep of two candidates on synthetic cases, for tests of what takes sweeps.
    pub(crate) fn sample(name: &str, split_seeds: u32) -> Plan {
        let text = format!(
            "sweep: {name}\ndataset: {{name: blobs, format: synthetic, cases: 60, seed: 0, image_size: 32}}\n\
             split: {{train: 30, validation: 15, test: 15}}\ngrid: {{learning_rate: [1.0e-2, 1.0e-3]}}\n\
             replicates: {{split_seeds: {split_seeds}}}\n"
        );
        parse("sweep.yaml", &text).unwrap()
    }
}
