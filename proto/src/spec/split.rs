//! How the cases of a data set are divided.

use super::{Scheme, Stratify, is_default};
use serde::{Deserialize, Serialize};

/// Sizes of the subsets, in cases. The default is the reference protocol's: 100 / 50 / 50.
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
    /// The draw of a split seed, independent of all other draws: replicates of the same draw are one observation of it.
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
