//! One job on cases in memory: from its specification to its result.
//!
//! ```text
//!  batches   cases -> tensors, in the order of an epoch
//!  standard  mean and deviation of the training images
//!  learner   network, loss and update rule: a batch in, changed weights out
//!  job       what a training works on: cases, split, device
//!  state     what changes while it trains
//!  fit       epochs of steps: the loop; selection says which epoch's weights count
//!  checkpoint  the state after an epoch <-> bytes
//!  evaluate  weights and cases -> loss and counts; measure -> what counts do not tell
//!  finish    the weights of the selected epoch -> the result
//!  baselines what needs no training, on the same cases; otsu is one of them
//!  predictions  what they look like as a whole
//!  verdict   counts, predictions and baselines -> is it a model?
//!  examples  test cases, drawn
//!  device    where tensors live
//! ```
//!
//! Knows no leases, no files and no coordinator. The same specification and cases give the same bits, on one thread or many.

pub mod baselines;
mod batches;
mod checkpoint;
pub mod device;
mod evaluate;
mod examples;
mod finish;
mod fit;
mod job;
mod learner;
mod measure;
pub mod otsu;
mod predictions;
mod selection;
mod standard;
mod state;
pub mod verdict;

pub use batches::{Batches, Bytes, input};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use fit::{Between, Event, Session, fit};
pub use learner::Learner;
pub(crate) use learner::numbers;
pub use predictions::Predictions;
pub use standard::Standard;
pub use state::{Earlier, Progress, Selected, State};

use crate::data::split::SplitError;
use proto::spec::{Architecture, Precision};

/// Why a job could not be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The images were prepared at another size.
    #[error("the job asks for images of {expected} pixels, the cases have {found}")]
    ImageSize {
        /// What the job asks for.
        expected: u32,
        /// What there is.
        found: u32,
    },
    /// The network halves the images more often than they can be halved.
    #[error("{architecture} cannot take images of {size} pixels: use a multiple of {multiple}")]
    Granularity {
        /// The network.
        architecture: Architecture,
        /// Height and width of the images.
        size: u32,
        /// What they must be a multiple of.
        multiple: u32,
    },
    /// Batch norm behind a mean over the image, and a batch that would have a single value per channel.
    #[error(
        "{architecture} with batch norm cannot train on a batch of one case, and batches of {batch_size} of {cases} training \
         cases have one: use `model.norm: group`, or another `training.batch_size`"
    )]
    LoneCase {
        /// The network.
        architecture: Architecture,
        /// Cases of a batch.
        batch_size: u32,
        /// Training cases.
        cases: u32,
    },
    /// Networks are not computed in these numbers.
    #[error("training.precision: {device} does not compute in {precision}: use f32, or a worker with {}", home(*.precision))]
    Precision {
        /// What the job asks for.
        precision: Precision,
        /// The device in words.
        device: String,
    },
    /// There is nothing to do.
    #[error("`{key}` is 0: use at least 1")]
    Zero {
        /// The key of the specification.
        key: &'static str,
    },
    /// The split does not fit the data set.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// An example segmentation could not be drawn.
    #[error("cannot draw an example: {0}")]
    Draw(#[from] image::ImageError),
    /// A tensor operation failed.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// Where a network can be computed in these numbers.
fn home(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "any device",
        Precision::F64 => "`--device cpu`",
        Precision::Tf32 | Precision::Bf16 => "a CUDA device",
    }
}
