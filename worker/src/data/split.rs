//! Cases -> subsets.

use crate::seed;
use proto::spec::Split;
use rand::Rng;

/// The cases of every subset, by index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subsets {
    /// Trained on.
    pub train: Vec<u32>,
    /// Selected by.
    pub validation: Vec<u32>,
    /// Reported on.
    pub test: Vec<u32>,
}

/// A split that a data set is too small for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the split needs {needed} cases, the data set has {cases}")]
pub struct SplitError {
    needed: u64,
    cases: usize,
}

/// Stand-in.
///
/// # Errors
/// If there are too few cases.
pub fn assign(split: &Split, cases: usize, split_seed: u64) -> Result<Subsets, SplitError> {
    if split.total() > cases as u64 {
        return Err(SplitError { needed: split.total(), cases });
    }
    let mut stream = seed::stream("split", &[split_seed]);
    let mut order: Vec<u32> = (0..cases as u32).collect();
    for i in (1..cases).rev() {
        order.swap(i, (stream.next_u64() % (i as u64 + 1)) as usize);
    }
    let (a, b) = (split.train as usize, (split.train + split.validation) as usize);
    Ok(Subsets {
        train: order[..a].to_vec(),
        validation: order[a..b].to_vec(),
        test: order[b..b + split.test as usize].to_vec(),
    })
}
