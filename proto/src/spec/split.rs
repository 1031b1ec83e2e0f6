//! How the cases of a data set are divided.

use super::{Scheme, Stratify, is_default};
use crate::ids::ContentHash;
use serde::{Deserialize, Serialize};

/// Sizes of the subsets, in cases. The default is the reference protocol's: 100 / 50 / 50. Where whole groups of cases stay together, each
/// subset has as many cases as come nearest to its size.
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
    /// Folds of a permutation under [`Scheme::KFold`], else 0.
    #[serde(skip_serializing_if = "is_default")]
    pub folds: u32,
    /// Hash of the cases that a list names, under [`Scheme::File`]; see [`Partition::hash`](crate::cases::Partition::hash).
    #[serde(skip_serializing_if = "is_default")]
    pub partition: Option<ContentHash>,
}

impl Default for Split {
    fn default() -> Self {
        Self {
            scheme: Scheme::Random,
            train: 100,
            validation: 50,
            test: 50,
            stratify: Stratify::default(),
            folds: 0,
            partition: None,
        }
    }
}

impl Split {
    /// Maximum number of folds.
    pub const MAX_FOLDS: u32 = 1000;

    /// The draw of a split seed, independent of all other draws: replicates of the same draw are one observation of it.
    #[must_use]
    pub fn draw(&self, split_seed: u64) -> u64 {
        self.turn(split_seed).map_or(split_seed, |(permutation, _)| permutation)
    }

    /// Number of cases that the split uses.
    #[must_use]
    pub fn total(&self) -> u64 {
        u64::from(self.train) + u64::from(self.validation) + u64::from(self.test)
    }

    /// Blocks of a rotation, and split seeds of one permutation.
    pub const BLOCKS: u64 = 4;

    /// Turns of a permutation, under [`Scheme::Rotation`] and [`Scheme::KFold`]: as many as blocks; `None` for splits that are drawn each by
    /// itself.
    #[must_use]
    pub fn turns(&self) -> Option<u64> {
        match self.scheme {
            Scheme::Rotation => Some(Self::BLOCKS),
            Scheme::KFold => Some(self.folds.max(1).into()),
            Scheme::Random | Scheme::File => None,
        }
    }

    /// The permutation of a split seed and its turn there, if permutations have [`turns`](Self::turns). With four, the seeds 0 to 3 are the
    /// turns of permutation 0, 4 to 7 those of permutation 1. In turn t block t is tested, so each case is tested once a permutation. In
    /// a rotation the block before it validates and the other two train.
    #[must_use]
    pub fn turn(&self, split_seed: u64) -> Option<(u64, u64)> {
        let turns = self.turns()?;
        Some((split_seed / turns, split_seed % turns))
    }

    /// Whether four equal blocks make up the subsets, two of them the training subset, as [`Scheme::Rotation`] needs it.
    #[must_use]
    pub fn has_equal_blocks(&self) -> bool {
        self.test > 0 && self.validation == self.test && u64::from(self.train) == 2 * u64::from(self.test)
    }

    /// Where fold `index` of a permutation of `cases` cases begins; fold `folds` begins at its end. Folds differ by one case at most.
    #[must_use]
    pub fn fold_start(&self, index: u64, cases: u64) -> u64 {
        (index * cases).div_ceil(u64::from(self.folds.max(1)))
    }
}
