//! What a job hands in beside its scores: baselines on the same cases, example segmentations, where its weights are, and the memory that it
//! took. None of it depends on the job's id, and none changes a score.

use crate::artifact_store::weights_name;
use crate::ids::{JobId, WeightsHash};
use crate::measure::CaseCounts;
use crate::text::Line;
use serde::{Deserialize, Serialize};

/// A segmentation that needs no network: what a training must beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// Every pixel is foreground.
    AllForeground,
    /// The pixels that are foreground in at least half of the training masks.
    MeanMask,
    /// What is dark in the blue channel by Otsu's threshold, cleaned up.
    Otsu,
}

impl Baseline {
    /// Every baseline, in the order of tables.
    pub const ALL: [Self; 3] = [Self::AllForeground, Self::MeanMask, Self::Otsu];

    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AllForeground => "all_foreground",
            Self::MeanMask => "mean_mask",
            Self::Otsu => "otsu",
        }
    }

    /// The baseline of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|baseline| baseline.name() == name)
    }
}

/// A baseline on the cases of a split, at the image size of the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineCounts {
    /// Which.
    pub baseline: Baseline,
    /// Counts of the validation cases.
    pub validation: Vec<CaseCounts>,
    /// Counts of the test cases.
    pub test: Vec<CaseCounts>,
}

/// An example segmentation of a test case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Artifact {
    /// Index of the case.
    pub case: u32,
    /// Place among the test cases by IoU: 1 is the best, `of` the worst.
    pub rank: u32,
    /// Number of test cases.
    pub of: u32,
    /// Its IoU.
    pub iou: f64,
    /// Side by side: image, probabilities, predicted mask, true mask.
    pub png: Vec<u8>,
}

impl Artifact {
    /// Most bytes of a job's pictures together.
    pub const MAX_BYTES: usize = 256 << 10;
}

/// A file with the weights of a job's selected epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptWeights {
    /// Of its bytes.
    pub hash: WeightsHash,
    /// Its size.
    pub bytes: u64,
    /// Where it lies, for people.
    pub place: Line,
}

impl KeptWeights {
    /// The name of the file in the artifact store.
    #[must_use]
    pub fn name(&self, job: JobId) -> String {
        weights_name(job, self.hash)
    }
}

/// A rule by which a training is found not to be a model; `worker/src/train/verdict.rs` says what each of them is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A loss or a weight was not finite; found: in which epoch.
    NotFinite,
    /// No better than a constant mask; found: the mean IoU.
    ConstantMask,
    /// Nearly empty or full masks; found: their share.
    NearlyEmptyOrFull,
    /// Predictions do not depend on the image; found: their mean IoU with each other.
    SameForAllImages,
    /// Steps moved nothing; found: for how many epochs.
    NoGradient,
    /// Logits so large that steps move nothing; found: their share.
    Saturated,
    /// No better than a constant probability; found: the training loss.
    ConstantProbability,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 7] = [
        Self::NotFinite,
        Self::ConstantMask,
        Self::NearlyEmptyOrFull,
        Self::SameForAllImages,
        Self::NoGradient,
        Self::Saturated,
        Self::ConstantProbability,
    ];

    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFinite => "not_finite",
            Self::ConstantMask => "constant_mask",
            Self::NearlyEmptyOrFull => "nearly_empty_or_full",
            Self::SameForAllImages => "same_for_all_images",
            Self::NoGradient => "no_gradient",
            Self::Saturated => "saturated",
            Self::ConstantProbability => "constant_probability",
        }
    }

    /// The rule of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }
}

/// A rule that hit, and the number that it hit by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Which.
    pub rule: Rule,
    /// The number that was found.
    pub found: f64,
    /// The bound that it does not keep.
    pub bound: f64,
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({:.4}, bound {:.4})", self.rule.name(), self.found, self.bound)
    }
}

/// What a job is to hand in or keep beside its scores. None of it is part of the job's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Number of example segmentations.
    pub examples: u32,
    /// Whether the weights of the selected epoch are kept.
    pub weights: bool,
    /// Number of epochs between two checkpoints; 0: none are written.
    pub checkpoint_every: u32,
}

/// What a job hands in beside its scores. The store keeps it apart from the job's row.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Extras {
    /// The baselines of the job's split; each at most once.
    pub baselines: Vec<BaselineCounts>,
    /// Example segmentations, the best first.
    pub artifacts: Vec<Artifact>,
    /// The weights, if they were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<KeptWeights>,
    /// The rules that hit, the one that gave the verdict first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// The most memory that it took at once, MiB: of a device with memory of its own, else of the process that trained; if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_mib: Option<u32>,
    /// What the device took while the job ran, joules, in equal parts for the jobs that ran there; if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub energy_joules: Option<f64>,
}
