//! YAML -> grid -> jobs. Pure: knows neither files, nor the store, nor the wire.
//!
//! ```text
//!  text --config--> sections and axes --grid--> Plan { candidates x replicates }
//! ```
//!
//! A [`Plan`] is compact: a million jobs are its candidates times its replicates. A job's specification, and so its id, exists
//! once the content of the data set is known.

use proto::data::Dataset;
use proto::ids::ContentHash;
use proto::spec::{EpochChoice, JobSpec, Metric, Seeds, Subset};
use serde::{Deserialize, Serialize};

/// By what candidates are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// The metric.
    pub metric: Metric,
    /// The subset it is reported on.
    pub subset: Subset,
    /// Which epoch's weights count.
    pub epoch: EpochChoice,
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

impl std::fmt::Display for AxisValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => f.pad(name),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Real(number) => write!(f, "{number:e}"),
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
}

/// An expanded sweep file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The sweep's name.
    pub sweep: String,
    /// The data set.
    pub dataset: Dataset,
    /// By what candidates are compared.
    pub objective: Objective,
    /// Names of the axes, in the order of the table: `architecture`, `loss`, `learning_rate`, then the file's others in its order.
    pub axes: Vec<String>,
    /// The grid points, in the file's order (the last axis varies fastest), then the included ones.
    pub candidates: Vec<Candidate>,
    /// The replicates, in the file's order.
    pub replicates: Vec<Seeds>,
}

impl Plan {
    /// Number of jobs.
    #[must_use]
    pub fn jobs(&self) -> usize {
        self.candidates.len() * self.replicates.len()
    }

    /// The jobs in queue order, as (candidate, replicate): one replicate of every candidate before the next, so that a sweep
    /// cut short has equal n.
    pub fn queue(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let candidates = self.candidates.len();
        (0..self.jobs()).map(move |place| (place % candidates, place / candidates))
    }

    /// The specification of one job.
    #[must_use]
    pub fn job(&self, candidate: usize, replicate: usize, content: ContentHash) -> JobSpec {
        let mut spec = self.candidates[candidate].template.clone();
        spec.data.content = content;
        spec.seeds = self.replicates[replicate];
        spec
    }
}
