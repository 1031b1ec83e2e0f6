//! The job file: the sections of a sweep file, and one value of each axis.

use super::TrainCommandError;
use proto::data::{Dataset, Format, Synthetic};
use proto::ids::ContentHash;
use proto::spec::{
    Architecture, DEFAULT_IMAGE_SIZE, DEFAULT_LEARNING_RATE, Data, JobSpec, Loss, LossName, Model, Optimizer, Seeds,
    Selection, Split, Subset, Trainer, Training,
};
use serde::Deserialize;
use std::path::Path;

/// The `dataset` section.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DatasetSection {
    name: String,
    format: Format,
    root: Option<String>,
    image_size: Option<u32>,
    cases: Option<u32>,
    seed: Option<u64>,
}

/// The `objective` section: what the epoch is selected by.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Objective {
    pub(super) metric: proto::spec::Metric,
    pub(super) subset: Subset,
    epoch: proto::spec::EpochChoice,
}

impl Default for Objective {
    fn default() -> Self {
        let Selection { metric, epoch } = Selection::default();
        Self { metric, subset: Subset::Validation, epoch }
    }
}

/// The `losses` section: parameters of losses.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Losses {
    dice: Option<Dice>,
    focal: Option<Focal>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dice {
    smooth: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Focal {
    gamma: f64,
}

impl Losses {
    fn loss(&self, name: LossName) -> Loss {
        match (name, &self.dice, &self.focal) {
            (LossName::Dice, Some(Dice { smooth }), _) => Loss::Dice { smooth: *smooth },
            (LossName::Focal, _, Some(Focal { gamma })) => Loss::Focal { gamma: *gamma },
            _ => name.into(),
        }
    }
}

/// A job file: the sections of a sweep file, and one value of each axis.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Job {
    dataset: DatasetSection,
    #[serde(default)]
    split: Split,
    #[serde(default)]
    model: Model,
    #[serde(default)]
    training: Training,
    #[serde(default)]
    pub(super) objective: Objective,
    #[serde(default)]
    losses: Losses,
    architecture: Architecture,
    loss: LossName,
    learning_rate: Option<f64>,
    split_seed: u64,
    init_seed: Option<u64>,
    order_seed: Option<u64>,
}

impl Job {
    pub(super) fn read(path: &Path) -> Result<Self, TrainCommandError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| TrainCommandError::Read { path: path.to_owned(), source })?;
        let job: Self = serde_yaml::from_str(&text).map_err(|error| {
            let (line, column) = error.location().map_or((0, 0), |place| (place.line(), place.column()));
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default().to_owned();
            TrainCommandError::Invalid { path: path.to_owned(), line, column, message }
        })?;
        match job.fault() {
            Some(message) => Err(TrainCommandError::Invalid { path: path.to_owned(), line: 0, column: 0, message }),
            None => Ok(job),
        }
    }

    /// What the types let through.
    fn fault(&self) -> Option<String> {
        let synthetic = self.dataset.format == Format::Synthetic;
        let rate = self.learning_rate.unwrap_or(DEFAULT_LEARNING_RATE);
        if !(rate.is_finite() && rate > 0.0) {
            return Some(format!("learning_rate: {rate} is no positive number"));
        }
        if self.objective.subset == Subset::Train {
            return Some("objective.subset: train is not evaluated, use validation or test".to_owned());
        }
        if self.model.width > Model::MAX_WIDTH {
            return Some(format!(
                "model.width: {} is too large, allowed are 1 to {}",
                self.model.width,
                Model::MAX_WIDTH
            ));
        }
        let Training { weight_decay, momentum, optimizer, .. } = self.training;
        if !(weight_decay.is_finite() && weight_decay >= 0.0) {
            return Some(format!("training.weight_decay: {weight_decay} is negative or no number"));
        }
        if !(0.0..1.0).contains(&momentum) {
            return Some(format!("training.momentum: {momentum} is not from 0 to below 1"));
        }
        if momentum != 0.0 && optimizer != Optimizer::Sgd {
            return Some("training.momentum: only for optimizer sgd".to_owned());
        }
        match self.losses.loss(self.loss) {
            Loss::Dice { smooth } if !(smooth.is_finite() && smooth > 0.0) => {
                return Some(format!("losses.dice.smooth: {smooth} is no positive number"));
            }
            Loss::Focal { gamma } if !(gamma.is_finite() && gamma >= 0.0) => {
                return Some(format!("losses.focal.gamma: {gamma} is negative or no number"));
            }
            _ => {}
        }
        match self.dataset {
            DatasetSection { cases: Some(_), .. } if !synthetic => {
                Some("dataset.cases: only for format synthetic".to_owned())
            }
            DatasetSection { seed: Some(_), .. } if !synthetic => {
                Some("dataset.seed: only for format synthetic".to_owned())
            }
            _ => None,
        }
    }

    pub(super) fn dataset(&self) -> Dataset {
        let DatasetSection { name, format, root, cases, seed, .. } = &self.dataset;
        let default = Synthetic::default();
        let synthetic = Synthetic { cases: cases.unwrap_or(default.cases), seed: seed.unwrap_or(default.seed) };
        let synthetic = (*format == Format::Synthetic).then_some(synthetic);
        Dataset { name: name.clone(), format: *format, root: root.clone(), synthetic }
    }

    pub(super) fn image_size(&self) -> u32 {
        self.dataset.image_size.unwrap_or(DEFAULT_IMAGE_SIZE)
    }

    pub(super) fn spec(&self, content: ContentHash) -> JobSpec {
        JobSpec {
            trainer: Trainer::Candle,
            data: Data { content, image_size: self.image_size() },
            split: self.split,
            architecture: self.architecture,
            model: self.model,
            loss: self.losses.loss(self.loss),
            learning_rate: self.learning_rate.unwrap_or(DEFAULT_LEARNING_RATE),
            training: self.training,
            selection: Selection::of(self.objective.metric, self.objective.epoch),
            seeds: Seeds {
                split_seed: self.split_seed,
                init_seed: self.init_seed.unwrap_or(self.split_seed),
                order_seed: self.order_seed.unwrap_or(self.split_seed),
            },
            simulation: None,
        }
    }
}
