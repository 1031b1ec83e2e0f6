//! Cases -> train, validation and test. Knows cases by their indices only.

use crate::seed;
use proto::spec::{Scheme, Split};

/// The parts of a split: indices of cases, without overlap. Each is in the order in which it was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subsets {
    /// Trained on.
    pub train: Vec<u32>,
    /// Selected by.
    pub validation: Vec<u32>,
    /// Reported on.
    pub test: Vec<u32>,
}

/// Why a data set cannot be split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Too few cases.
    #[error(
        "the split needs {} cases ({} + {} + {}), but the data set has {cases}; make its subsets smaller",
        split.total(), split.train, split.validation, split.test
    )]
    TooFew {
        /// The split.
        split: Split,
        /// Number of cases in the data set.
        cases: usize,
    },
}

/// Splits `cases` cases by one permutation of them all ([`seed::shuffle`]), cut into train, validation and test in this order.
/// Cases beyond the three subsets are not used.
///
/// # Errors
/// If the subsets need more cases than there are.
pub fn assign(split: &Split, cases: usize, split_seed: u64) -> Result<Subsets, SplitError> {
    let too_few = SplitError::TooFew { split: *split, cases };
    let all = u32::try_from(cases).unwrap_or(u32::MAX);
    if split.total() > u64::from(all) {
        return Err(too_few);
    }
    let mut order: Vec<u32> = (0..all).collect();
    match split.scheme {
        Scheme::Random => seed::shuffle(&mut order, &mut seed::stream("split", &[split_seed])),
    }
    let mut rest = order.into_iter();
    let mut draw = |size: u32| rest.by_ref().take(size as usize).collect();
    Ok(Subsets { train: draw(split.train), validation: draw(split.validation), test: draw(split.test) })
}
