//! What determines a job's result, and the id made of it.
//!
//! A [`JobSpec`] holds everything that can change a number in the result table, the content of the data set included, and
//! nothing else: no folder, no host, no name. Its canonical JSON travels to the worker and is hashed to the [`JobId`]. A key
//! added later must be left out of the JSON at its default, or every id changes.

use crate::ids::{ContentHash, JobId};
use serde::{Deserialize, Serialize};

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $text)] $variant),+ }

        impl $name {
            /// Every choice, in the order in which messages list them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in files and tables.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The choice of that name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

choice! {
    /// A network.
    Architecture {
        /// Encoder and decoder joined by pooling indices, with batch norm.
        SegNet = "segnet",
        /// Max pooling, nearest upsampling, skip connections.
        UNet = "unet",
        /// Strided convolutions in the place of pooling and upsampling.
        UNet2 = "unet2",
    }
}

impl Architecture {
    /// How often it halves an image: height and width must be multiples of 2 to this power.
    #[must_use]
    pub fn halvings(self) -> u32 {
        match self {
            Self::SegNet => 5,
            Self::UNet | Self::UNet2 => 4,
        }
    }
}

choice! {
    /// The name of a loss, without its parameters.
    LossName {
        /// Binary cross-entropy.
        Bce = "bce",
        /// Soft Dice per image.
        Dice = "dice",
        /// Focal loss, both terms modulated.
        Focal = "focal",
    }
}

choice! {
    /// An optimizer, as in `torch.optim`.
    Optimizer {
        /// Adam; `weight_decay` is added to the gradient.
        Adam = "adam",
        /// Adam with decoupled `weight_decay`.
        AdamW = "adamw",
        /// Stochastic gradient descent with `momentum`.
        Sgd = "sgd",
    }
}

choice! {
    /// How weights are drawn.
    Initialization {
        /// PyTorch's default: weight and bias uniform in +-1/sqrt(fan in).
        Pytorch = "pytorch",
        /// He normal weights (variance 2 / fan in), zero bias.
        He = "he",
    }
}

choice! {
    /// How 3x3 convolutions are computed. All compute the same function; they differ in speed and in rounding.
    #[derive(Default)]
    Convolution {
        /// The fastest for each layer's shape.
        #[default]
        Auto = "auto",
        /// Every product of the definition.
        Direct = "direct",
        /// Winograd's F(2x2, 3x3): 16 products for 4 pixels instead of 36.
        Winograd2 = "winograd2",
        /// Winograd's F(4x4, 3x3): 36 products for 16 pixels instead of 144.
        Winograd4 = "winograd4",
    }
}

choice! {
    /// The numbers that a network is computed in. Weights and what the optimizer remembers are f32 in all but f64.
    #[derive(Default)]
    Precision {
        /// Single precision.
        #[default]
        F32 = "f32",
        /// Double precision, weights too: slower, to tell what rounding does to a training. On the CPU.
        F64 = "f64",
        /// Products of 10 bits of mantissa, sums in single precision. NVIDIA's GPUs from Ampere on.
        Tf32 = "tf32",
        /// Feature maps and products in bfloat16, sums in single precision. NVIDIA's GPUs from Ampere on.
        Bf16 = "bf16",
    }
}

choice! {
    /// A number that a result is judged by. All but the loss are means over cases.
    Metric {
        /// The training loss on that subset.
        Loss = "loss",
        /// Intersection over union.
        Iou = "iou",
        /// The share of the thresholds .50, .55, ..., .95 that lie strictly below the IoU.
        ThresholdedIou = "thresholded_iou",
        /// Dice coefficient.
        Dice = "dice",
        /// True-positive rate.
        Sensitivity = "sensitivity",
        /// True-negative rate.
        Specificity = "specificity",
        /// Share of right pixels.
        Accuracy = "accuracy",
    }
}

choice! {
    /// A part of a split.
    Subset {
        /// Trained on.
        Train = "train",
        /// Selected by.
        Validation = "validation",
        /// Reported on.
        Test = "test",
    }
}

choice! {
    /// Which epoch's weights count.
    EpochChoice {
        /// The epoch with the best validation value of the objective's metric; the earliest of equals.
        Best = "best",
        /// The last.
        Last = "last",
    }
}

choice! {
    /// What executes a job.
    Trainer {
        /// Trains a network.
        Candle = "candle",
        /// Waits and makes metrics up, to load the coordinator.
        Simulated = "simulated",
    }
}

choice! {
    /// How cases are assigned to subsets.
    Scheme {
        /// One random permutation a split seed, cut into train, validation and test.
        Random = "random",
        /// One random permutation for every four split seeds, cut into four blocks that take turns; see [`Split::turn`].
        Rotation = "rotation",
    }
}

choice! {
    /// What the subsets must have in proportion.
    #[derive(Default)]
    Stratify {
        /// Nothing: chance alone decides.
        #[default]
        None = "none",
        /// The share of the image that the lesion covers, in five bins of equally many cases.
        LesionFraction = "lesion_fraction",
    }
}

/// A loss with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// `mean(x - x y + log(1 + exp(-x)))`.
    Bce {},
    /// Per image `1 - (2 sum(p y) + smooth) / (sum(p) + sum(y) + smooth)`.
    Dice {
        /// Added to numerator and denominator.
        smooth: f64,
    },
    /// `-y (1-p)^gamma log p - (1-y) p^gamma log(1-p)`.
    Focal {
        /// Exponent of the modulating factor.
        gamma: f64,
    },
}

impl Loss {
    /// The loss's name.
    #[must_use]
    pub fn name(&self) -> LossName {
        match self {
            Self::Bce {} => LossName::Bce,
            Self::Dice { .. } => LossName::Dice,
            Self::Focal { .. } => LossName::Focal,
        }
    }
}

impl From<LossName> for Loss {
    /// The loss with the report's parameters.
    fn from(name: LossName) -> Self {
        match name {
            LossName::Bce => Self::Bce {},
            LossName::Dice => Self::Dice { smooth: 1e-8 },
            LossName::Focal => Self::Focal { gamma: 2.0 },
        }
    }
}

/// The images a job works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Content of the data set.
    pub content: ContentHash,
    /// Height and width of the resized images, pixels.
    pub image_size: u32,
}

/// Sizes of the subsets, in cases. The default is the report's: 100 / 50 / 50.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Split {
    /// How cases are assigned.
    pub scheme: Scheme,
    /// Cases to train on.
    pub train: u32,
    /// Cases to select the epoch by.
    pub validation: u32,
    /// Cases to report on.
    pub test: u32,
    /// What the subsets must have in proportion.
    #[serde(skip_serializing_if = "is_default")]
    pub stratify: Stratify,
}

impl Default for Split {
    fn default() -> Self {
        Self { scheme: Scheme::Random, train: 100, validation: 50, test: 50, stratify: Stratify::default() }
    }
}

impl Split {
    /// What is drawn anew, independently of all others, for a split seed: replicates of the same draw are one observation of it.
    #[must_use]
    pub fn draw(&self, split_seed: u64) -> u64 {
        match self.scheme {
            Scheme::Random => split_seed,
            Scheme::Rotation => Self::turn(split_seed).0,
        }
    }

    /// Number of cases that the split uses.
    #[must_use]
    pub fn total(&self) -> u64 {
        u64::from(self.train) + u64::from(self.validation) + u64::from(self.test)
    }

    /// Blocks of a rotation, and split seeds of one permutation.
    pub const BLOCKS: u64 = 4;

    /// The permutation of a split seed and its turn there, under [`Scheme::Rotation`]: the seeds 0 to 3 are the turns of permutation 0,
    /// 4 to 7 those of permutation 1. In turn t block t is tested, the one before it validates and the other two train, so each case
    /// is tested once a permutation.
    #[must_use]
    pub fn turn(split_seed: u64) -> (u64, u64) {
        (split_seed / Self::BLOCKS, split_seed % Self::BLOCKS)
    }

    /// Whether four equal blocks make up the subsets, two of them the training subset, as [`Scheme::Rotation`] needs it.
    #[must_use]
    pub fn has_equal_blocks(&self) -> bool {
        self.test > 0 && self.validation == self.test && u64::from(self.train) == 2 * u64::from(self.test)
    }
}

/// The network's size. The default is the report's: 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Model {
    /// Channels of the first block; deeper blocks have multiples of it.
    pub width: u32,
}

impl Model {
    /// The greatest width.
    pub const MOST_WIDTH: u32 = 1024;
}

impl Default for Model {
    fn default() -> Self {
        Self { width: 64 }
    }
}

/// How a network is trained. The default is the report's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// Passes over the training cases.
    pub epochs: u32,
    /// Cases per step; the last batch of an epoch may be smaller.
    pub batch_size: u32,
    /// The update rule.
    pub optimizer: Optimizer,
    /// Weight decay of the update rule.
    pub weight_decay: f64,
    /// Momentum of SGD.
    pub momentum: f64,
    /// How weights are drawn.
    pub initialization: Initialization,
    /// How 3x3 convolutions are computed.
    #[serde(skip_serializing_if = "is_default")]
    pub convolution: Convolution,
    /// The numbers that the network is computed in.
    #[serde(skip_serializing_if = "is_default")]
    pub precision: Precision,
}

/// Whether a key that was added later is left out of the JSON.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Default for Training {
    fn default() -> Self {
        Self {
            epochs: 40,
            batch_size: 10,
            optimizer: Optimizer::Adam,
            weight_decay: 0.0,
            momentum: 0.0,
            initialization: Initialization::Pytorch,
            convolution: Convolution::default(),
            precision: Precision::default(),
        }
    }
}

/// What is optimised: by which metric the epoch is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// The metric, taken on the validation subset.
    pub metric: Metric,
    /// Which epoch's weights count.
    pub epoch: EpochChoice,
}

impl Selection {
    /// The selection as a job's id has it: the last epoch is the last under every metric, so its jobs are the same jobs.
    #[must_use]
    pub fn of(metric: Metric, epoch: EpochChoice) -> Self {
        match epoch {
            EpochChoice::Best => Self { metric, epoch },
            EpochChoice::Last => Self::default(),
        }
    }
}

impl Default for Selection {
    /// The report's: the last epoch's weights.
    fn default() -> Self {
        Self { metric: Metric::ThresholdedIou, epoch: EpochChoice::Last }
    }
}

/// The report's learning rate, Adam's default in PyTorch.
pub const DEFAULT_LEARNING_RATE: f64 = 1e-3;

/// The report's height and width of resized images, pixels.
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

/// What a simulated job makes up. Real jobs have none, so their ids know nothing of it.
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
    /// Which epoch counts.
    pub selection: Selection,
    /// The replicate.
    pub seeds: Seeds,
    /// The scores that a simulated job makes up, where the sweep file says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulation: Option<Simulation>,
}

/// A text that is no job specification.
#[derive(Debug, thiserror::Error)]
#[error("not a job specification")]
pub struct InvalidSpec(#[from] serde_json::Error);

impl JobSpec {
    /// The canonical JSON: fields in the order of this file, no white space, shortest floats.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Serialising plain structs of numbers and names into a string cannot fail.
        serde_json::to_string(self).unwrap_or_else(|error| unreachable!("{error}"))
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// If the text is no specification of this version.
    pub fn from_json(text: &str) -> Result<Self, InvalidSpec> {
        Ok(serde_json::from_str(text)?)
    }

    /// The job's id.
    #[must_use]
    pub fn id(&self) -> JobId {
        JobId::of(format!("splitsweep job 1\n{}", self.to_json()).as_bytes())
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
