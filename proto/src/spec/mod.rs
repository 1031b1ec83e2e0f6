//! What determines a job's result, and the id made of it.
//!
//! A [`JobSpec`] holds everything that can change a number in the result table, the content of the data set included, and
//! nothing else: no folder, no host, no name. Its canonical JSON travels to the worker and is hashed to the [`JobId`]. A key
//! added later must be left out of the JSON at its default, or every id changes.

mod augmentation;
mod choices;
mod evaluating;
mod loss;
mod metric;
mod objective;
mod schedule;
mod split;
mod term;
mod training;

pub use augmentation::Augmentation;
pub use choices::{
    Architecture, Convolution, EpochChoice, Initialization, LossName, Norm, Optimizer, Postprocess, Precision, Preset,
    ScheduleName, Scheme, Stratify, Subset, Trainer,
};
pub use evaluating::Evaluating;
pub use loss::{Loss, Weighted};
pub use metric::Metric;
pub use objective::{Objective, Selection};
pub use schedule::Schedule;
pub use split::Split;
pub use term::Term;
pub use training::{Model, Training};

use crate::ids::{ContentHash, JobId};
use serde::{Deserialize, Serialize};

/// The images a job works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Content of the data set.
    pub content: ContentHash,
    /// Height and width of the resized images, pixels.
    pub image_size: u32,
}

/// The reference protocol's learning rate, Adam's default in PyTorch.
pub const DEFAULT_LEARNING_RATE: f64 = 1e-3;

/// The reference protocol's height and width of resized images, pixels.
pub const DEFAULT_IMAGE_SIZE: u32 = 256;

/// One replicate: the seeds of the three named random streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seeds {
    /// Which cases fall in which subset.
    pub split_seed: u64,
    /// The initial weights.
    pub init_seed: u64,
    /// The order of the training cases.
    pub order_seed: u64,
}

/// The scores that a simulated job makes up. Real jobs have none, so it does not change their ids.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Simulation {
    /// Mean IoU of the candidate over all splits.
    pub mean: f64,
    /// Standard deviation of what a split adds to the IoU of every candidate.
    pub split_sd: f64,
    /// Standard deviation of what a single job adds.
    pub residual_sd: f64,
    /// Share of the jobs that collapse.
    pub collapse: f64,
}

/// Everything that determines a job's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    /// What executes the job; simulated rows are never mixed with real ones.
    pub trainer: Trainer,
    /// The images.
    pub data: Data,
    /// The sizes of the subsets.
    pub split: Split,
    /// The network.
    pub architecture: Architecture,
    /// Its size.
    pub model: Model,
    /// The loss.
    pub loss: Loss,
    /// The learning rate.
    pub learning_rate: f64,
    /// How it is trained.
    pub training: Training,
    /// How training images are changed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub augmentation: Augmentation,
    /// How the network is evaluated.
    #[serde(default, skip_serializing_if = "is_default")]
    pub evaluating: Evaluating,
    /// Which epoch counts.
    pub selection: Selection,
    /// The replicate.
    pub seeds: Seeds,
    /// The scores that a simulated job makes up, where the sweep file says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulation: Option<Simulation>,
    /// What is measured on the masks of the selected epoch beside what every epoch has: some of [`Metric::MEASURED`], in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
}

/// What the hash of a job begins with.
const ID_PREFIX: &str = "splitsweep job 1\n";

/// The JSON of plain structs of numbers and names, which can always be written.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| unreachable!("{error}"))
}

/// Whether a key that was added later is left out of the JSON.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Default for JobSpec {
    /// A job of the reference protocol, on a data set of content 0, with the seeds 0.
    fn default() -> Self {
        Self {
            trainer: Trainer::Candle,
            data: Data { content: ContentHash(0), image_size: DEFAULT_IMAGE_SIZE },
            split: Split::default(),
            architecture: Architecture::UNet,
            model: Model::default(),
            loss: LossName::Bce.into(),
            learning_rate: DEFAULT_LEARNING_RATE,
            training: Training::default(),
            augmentation: Augmentation::default(),
            evaluating: Evaluating::default(),
            selection: Selection::default(),
            seeds: Seeds { split_seed: 0, init_seed: 0, order_seed: 0 },
            simulation: None,
            metrics: Vec::new(),
        }
    }
}

/// A text that is not a job specification.
#[derive(Debug, thiserror::Error)]
#[error("not a job specification")]
pub struct InvalidSpec(#[from] serde_json::Error);

impl JobSpec {
    /// The canonical JSON: fields in the order of this file, no white space, shortest floats.
    #[must_use]
    pub fn to_json(&self) -> String {
        json(self)
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// If the text is not a specification of this version.
    pub fn from_json(text: &str) -> Result<Self, InvalidSpec> {
        Ok(serde_json::from_str(text)?)
    }

    /// The job's id.
    #[must_use]
    pub fn id(&self) -> JobId {
        JobId::of(format!("{ID_PREFIX}{}", self.to_json()).as_bytes())
    }

    /// The ids of the jobs that differ from this one in their seeds only, in the order of `seeds`. What stands before the seeds is hashed
    /// once for all of them.
    #[must_use]
    pub fn ids_at(&self, seeds: &[Seeds]) -> Vec<JobId> {
        let (whole, own) = (self.to_json(), json(&self.seeds));
        let Some((before, after)) = whole.split_once(&own) else { unreachable!("{whole} has the seeds {own}") };
        let mut hasher = blake3::Hasher::new();
        hasher.update(ID_PREFIX.as_bytes()).update(before.as_bytes());
        let id = |seeds: &Seeds| {
            let mut hasher = hasher.clone();
            hasher.update(json(seeds).as_bytes()).update(after.as_bytes());
            JobId::first_of(hasher.finalize())
        };
        seeds.iter().map(id).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// A job as it was written before `convolution` and `precision` were keys, and its id then.
    const JSON: &str = r#"{"trainer":"candle","data":{"content":"00000000000000000000000000000000","image_size":256},"split":{"scheme":"random","train":100,"validation":50,"test":50},"architecture":"unet","model":{"width":64},"loss":{"bce":{}},"learning_rate":0.001,"training":{"epochs":40,"batch_size":10,"optimizer":"adam","weight_decay":0.0,"momentum":0.0,"initialization":"pytorch"},"selection":{"metric":"thresholded_iou","epoch":"last"},"seeds":{"split_seed":0,"init_seed":0,"order_seed":0}}"#;
    const ID: &str = "417bcb3e4556da2fc18240fac289160a";

    #[test]
    fn ids_at_other_seeds_are_those_of_the_jobs_with_these_seeds() {
        let simulation = Simulation { mean: 0.5, split_sd: 0.125, residual_sd: 0.25, collapse: 0.0 };
        let seeds = [0, 1, 9, 10, u64::MAX].map(|seed| Seeds { split_seed: seed, init_seed: 3, order_seed: seed / 2 });
        for simulation in [None, Some(simulation)] {
            let job = JobSpec { simulation, seeds: seeds[3], ..JobSpec::default() };
            let ids = seeds.map(|seeds| JobSpec { seeds, ..job.clone() }.id());
            assert_eq!(job.ids_at(&seeds), ids);
        }
    }

    #[test]
    fn keys_that_were_added_later_leave_the_ids_alone() {
        let mut job = JobSpec::from_json(JSON).unwrap();
        assert_eq!((job.to_json(), job.id().to_string()), (JSON.to_owned(), ID.to_owned()));
        job.training.convolution = Convolution::Winograd4;
        job.training.precision = Precision::Tf32;
        let json = job.to_json();
        assert!(json.contains(r#""initialization":"pytorch","convolution":"winograd4","precision":"tf32"}"#), "{json}");
        assert_eq!(JobSpec::from_json(&json).unwrap(), job);
        assert_ne!(job.id().to_string(), ID);
        job.simulation = Some(Simulation { mean: 0.7, split_sd: 0.04, residual_sd: 0.02, collapse: 0.0 });
        assert_eq!(JobSpec::from_json(&job.to_json()).unwrap(), job);
    }
}
