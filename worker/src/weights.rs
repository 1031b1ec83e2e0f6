//! A network's weights as a file: a state dict under PyTorch's names, with all that is needed to use it.

use crate::models::{self, Network};
use crate::ops;
use crate::tensor_file::{self, Kind, TensorFileError};
use crate::train::Standard;
use candle_core::{DType, Device, Tensor};
use proto::ids::{JobId, SplitHash};
use proto::spec::{Architecture, JobSpec, Metric, Model, Precision};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the file is, in its metadata. The version is that of the metadata.
const KIND: Kind = Kind::new("weights", 1);
/// How bytes of an image become a network's input.
const NORMALISATION: &str = "rgb / 255";

/// What a file of weights says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    #[serde(flatten)]
    kind: Kind,
    /// The job that trained them.
    pub job: JobId,
    /// The epoch that was selected, counted from 1.
    pub epoch: u32,
    /// By what it was selected.
    pub metric: Metric,
    /// The network.
    pub architecture: Architecture,
    /// Its keys.
    pub model: Model,
    /// Height and width of the images, pixels.
    pub image_size: u32,
    /// How bytes of an image become the network's input.
    pub normalisation: String,
    /// What is subtracted from that and what divides it, per channel, if the job standardises its images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard: Option<Standard>,
    /// The cases that it was trained, selected and tested on.
    pub split: Option<SplitHash>,
    /// The whole specification of the job.
    pub spec: JobSpec,
}

impl About {
    /// What is to be said of the weights of an epoch.
    #[must_use]
    pub fn new(spec: &JobSpec, epoch: u32, split: Option<SplitHash>, standard: Option<Standard>) -> Self {
        Self {
            kind: KIND,
            job: spec.id(),
            epoch,
            metric: spec.selection.metric,
            architecture: spec.architecture,
            model: spec.model,
            image_size: spec.data.image_size,
            normalisation: NORMALISATION.to_owned(),
            standard,
            split,
            spec: spec.clone(),
        }
    }
}

/// Why a file of weights cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// It is no such file, or damaged.
    #[error(transparent)]
    File(#[from] TensorFileError),
    /// The network takes its input in another way.
    #[error("its network takes images as `{found}`, this build gives them as `{NORMALISATION}`")]
    Normalisation {
        /// What the file says.
        found: String,
    },
    /// The tensors do not make such a network.
    #[error("its tensors are not those of such a network: {0}")]
    Network(#[from] candle_core::Error),
}

/// A file of weights.
#[derive(Debug)]
pub struct Weights {
    /// What it says of itself.
    pub about: About,
    tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// If it is no such file, damaged, or of a network that this build does not know.
    pub fn decode(bytes: Vec<u8>) -> Result<Self, WeightsError> {
        let (about, tensors) = tensor_file::decode_as::<About>(&KIND, bytes)?;
        if about.normalisation != NORMALISATION {
            return Err(WeightsError::Normalisation { found: about.normalisation });
        }
        Ok(Self { about, tensors })
    }

    /// The network with these weights.
    ///
    /// # Errors
    /// If the tensors do not make such a network, or allocation fails.
    pub fn network(self, device: &Device) -> Result<Network, WeightsError> {
        let JobSpec { architecture, model, data, training, .. } = &self.about.spec;
        let dtype = if training.precision == Precision::F64 { DType::F64 } else { DType::F32 };
        let network = models::build(*architecture, *model, data.image_size, training.initialization, 0, device, dtype)?;
        let network = network.with_backend(ops::backend(device, training.convolution, training.precision)?);
        network.load_state_dict(self.tensors)?;
        Ok(network)
    }
}

/// The bytes of a file with a network's weights.
///
/// # Errors
/// If a tensor cannot be read from the device.
pub fn encode(about: &About, network: &Network) -> Result<Vec<u8>, TensorFileError> {
    tensor_file::encode(about, network.state_dict()?)
}
