//! A training after an epoch <-> bytes: all that the rest of it depends on. The same job goes on from there with the same bits, on the
//! same kind of device.

use super::device;
use super::fit::Session;
use super::state::{Earlier, Progress, Selected, State};
use crate::models::{Network, Snapshot};
use crate::tensor_file::{self, Kind, TensorFileError};
use candle_core::Tensor;
use proto::ids::JobId;
use proto::measure::{CaseCounts, Evaluation, Measurement};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the file is, in its metadata. The version of a checkpoint: another build may keep other things of a training.
const KIND: Kind = Kind::new("checkpoint", 1);
/// What the names of the tensors begin with: the network's variables, their average, the state of the update rule, the selected weights.
const NETWORK: &str = "network/";
const AVERAGED: &str = "averaged/";
const OPTIMIZER: &str = "optimizer/";
const SELECTED: &str = "selected/";

/// What a checkpoint says beside its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct About {
    #[serde(flatten)]
    kind: Kind,
    job: JobId,
    progress: Progress,
    /// Steps of the update rule.
    steps: u64,
    /// What the epochs ran on.
    device: String,
    history: Vec<Measurement>,
    selected: Option<Choice>,
}

/// The selected epoch without its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Choice {
    epoch: u32,
    /// Absent if it is not a number, as that of no cases.
    loss: Option<f64>,
    cases: Vec<CaseCounts>,
}

/// A checkpoint that was read.
#[derive(Debug)]
pub struct Checkpoint {
    about: About,
    tensors: BTreeMap<String, Tensor>,
}

/// Why a training does not go on at a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// It is no such file, or damaged.
    #[error(transparent)]
    File(#[from] TensorFileError),
    /// It is of another job.
    #[error("it is of job {found}, not of {expected}")]
    OtherJob {
        /// Its job.
        found: JobId,
        /// The job that is to go on.
        expected: JobId,
    },
    /// A tensor is missing, or does not fit.
    #[error("its tensors do not fit the job: {0}")]
    Tensor(#[from] candle_core::Error),
}

impl Checkpoint {
    /// Reads the bytes of a checkpoint.
    ///
    /// # Errors
    /// If it is no checkpoint of this version, damaged or torn.
    pub fn decode(bytes: Vec<u8>) -> Result<Self, CheckpointError> {
        let (about, tensors) = tensor_file::decode_as(&KIND, bytes)?;
        Ok(Self { about, tensors })
    }

    /// The epochs that were trained before.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.about.progress.epoch
    }

    /// The tensors whose names begin so, by the rest of their names.
    fn part(&self, prefix: &str) -> BTreeMap<String, Tensor> {
        let of_part =
            |(name, tensor): (&String, &Tensor)| Some((name.strip_prefix(prefix)?.to_owned(), tensor.clone()));
        self.tensors.iter().filter_map(of_part).collect()
    }
}

impl Session<'_> {
    /// The bytes of a checkpoint of the training as it is, after an epoch.
    ///
    /// # Errors
    /// If a tensor cannot be read from the device.
    pub fn checkpoint(&self) -> Result<Vec<u8>, CheckpointError> {
        let State { progress, learner, selected, history, earlier: _ } = &self.state;
        let mut tensors = BTreeMap::new();
        let mut add = |prefix: &str, part: BTreeMap<String, Tensor>| {
            tensors.extend(part.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)));
        };
        add(NETWORK, learner.network.state_dict()?);
        add(AVERAGED, learner.averaged.as_ref().map(Network::state_dict).transpose()?.unwrap_or_default());
        add(
            OPTIMIZER,
            (0..).map(|index: u32| index.to_string()).zip(learner.optimizer.state().iter().cloned()).collect(),
        );
        add(SELECTED, selected.as_ref().map(|selected| selected.weights.tensors().clone()).unwrap_or_default());
        let choice = |Selected { epoch, validation: Evaluation { loss, cases, .. }, .. }: &Selected| Choice {
            epoch: *epoch,
            loss: Some(*loss).filter(|loss| loss.is_finite()),
            cases: cases.clone(),
        };
        let about = About {
            kind: KIND,
            job: self.job.spec.id(),
            progress: *progress,
            steps: learner.optimizer.steps(),
            device: self.device(),
            history: history.clone(),
            selected: selected.as_ref().map(choice),
        };
        Ok(tensor_file::encode(&about, tensors)?)
    }

    /// Goes on at a checkpoint: the next epoch is the one after it. If it does not fit, the session is worth nothing any more.
    ///
    /// # Errors
    /// If it is of another job, or its tensors do not fit.
    pub fn resume(&mut self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let (expected, about) = (self.job.spec.id(), &checkpoint.about);
        if about.job != expected {
            return Err(CheckpointError::OtherJob { found: about.job, expected });
        }
        let own_device = device::describe(self.job.device);
        let State { progress, learner, selected, history, earlier } = &mut self.state;
        learner.network.load_state_dict(checkpoint.part(NETWORK))?;
        if let Some(averaged) = &learner.averaged {
            averaged.load_state_dict(checkpoint.part(AVERAGED))?;
        }
        learner.optimizer.restore(about.steps, &checkpoint.part(OPTIMIZER).into_values().collect::<Vec<_>>())?;
        *selected = about.selected.clone().map(|Choice { epoch, loss, cases }| Selected {
            epoch,
            validation: Evaluation::of(loss.unwrap_or(f64::NAN), cases),
            weights: Snapshot::of(checkpoint.part(SELECTED)),
        });
        (*progress, *history) = (about.progress, about.history.clone());
        *earlier = (about.device != own_device)
            .then(|| Earlier { epochs: about.progress.epoch, device: about.device.clone() });
        Ok(())
    }

    /// What the epochs ran on so far.
    fn device(&self) -> String {
        let own = device::describe(self.job.device);
        match &self.state.earlier {
            Some(earlier) => format!("{own}, {earlier}"),
            None => own,
        }
    }
}
