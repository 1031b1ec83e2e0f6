//! Cases -> train, validation and test. Knows cases by their indices and the areas of their lesions only.
//!
//! ```text
//!  order   a permutation; stratified, every stretch of it has the bins in proportion
//!    | random     cut into train, validation, test
//!    | rotation   cut into four blocks that take turns
//!    v
//!  Subsets --hash--> what is compared before two jobs are paired
//! ```

use crate::seed;
use proto::ids::{ContentHash, SplitHash};
use proto::spec::{Scheme, Split, Stratify};
use rand::Rng;

/// Bins of [`Stratify::LesionFraction`].
const BINS: usize = 5;

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

impl Subsets {
    /// The hash of which cases of the data set are in which subset, whatever their order there.
    #[must_use]
    pub fn hash(&self, content: ContentHash) -> SplitHash {
        let mut bytes = format!("splitsweep split 1\n{content}\n").into_bytes();
        for subset in [&self.train, &self.validation, &self.test] {
            let mut cases = subset.clone();
            cases.sort_unstable();
            bytes.extend((cases.len() as u64).to_le_bytes());
            bytes.extend(cases.iter().flat_map(|case| case.to_le_bytes()));
        }
        SplitHash::of(&bytes)
    }
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
    /// A rotation of subsets that are no blocks.
    #[error(
        "a rotation needs four equal blocks (train = 2n, validation = test = n), found {} + {} + {}",
        split.train, split.validation, split.test
    )]
    UnequalBlocks {
        /// The split.
        split: Split,
    },
}

/// Splits a data set whose cases have lesions of these `areas` (pixels, all images of one size).
///
/// * `random` cuts one permutation ([`seed::shuffle`]) into train, validation and test, in this order. Cases beyond them are not used.
/// * `rotation` cuts a permutation into four blocks, of which [`Split::turn`] says which is tested. Cases beyond the blocks are in no
///   subset of any permutation, and are the same for all split seeds: whatever is tested at all is tested once a permutation.
///
/// # Errors
/// If the subsets need more cases than there are, or are not those of a rotation that is asked for.
pub fn assign(split: &Split, areas: &[u32], split_seed: u64) -> Result<Subsets, SplitError> {
    let all = u32::try_from(areas.len()).unwrap_or(u32::MAX);
    if split.total() > u64::from(all) {
        return Err(SplitError::TooFew { split: *split, cases: areas.len() });
    }
    let permutation = |cases, stream| match split.stratify {
        Stratify::None => shuffled(cases, stream),
        Stratify::LesionFraction => in_proportion(cases, areas, stream),
    };
    match split.scheme {
        Scheme::Random => {
            let order = permutation((0..all).collect(), &mut seed::stream("split", &[split_seed]));
            Ok(cut(split, order))
        }
        Scheme::Rotation if !split.has_equal_blocks() => Err(SplitError::UnequalBlocks { split: *split }),
        Scheme::Rotation => {
            let (number, turn) = Split::turn(split_seed);
            let pool = pool(all, split.total() as usize);
            let mut order = permutation(pool, &mut seed::stream("rotation", &[number]));
            // the last turn takes the blocks as they lie: two train, one validates, one is tested
            let blocks = (turn + 1) % Split::BLOCKS;
            order.rotate_left(blocks as usize * split.test as usize);
            Ok(cut(split, order))
        }
    }
}

/// The cases that are rotated: `size` of them, the same for all permutations.
fn pool(all: u32, size: usize) -> Vec<u32> {
    let mut pool = shuffled((0..all).collect(), &mut seed::stream("rotation pool", &[]));
    pool.truncate(size);
    pool.sort_unstable();
    pool
}

fn cut(split: &Split, order: Vec<u32>) -> Subsets {
    let mut rest = order.into_iter();
    let mut draw = |size: u32| rest.by_ref().take(size as usize).collect();
    Subsets { train: draw(split.train), validation: draw(split.validation), test: draw(split.test) }
}

fn shuffled(mut cases: Vec<u32>, stream: &mut impl Rng) -> Vec<u32> {
    seed::shuffle(&mut cases, stream);
    cases
}

/// A permutation of which every stretch has the bins of lesion area in proportion, as nearly as whole cases allow: each bin is
/// shuffled, then spread evenly over the whole length. Cases of equal area are told apart by their index.
fn in_proportion(mut cases: Vec<u32>, areas: &[u32], stream: &mut impl Rng) -> Vec<u32> {
    cases.sort_by_key(|&case| (areas[case as usize], case));
    let count = cases.len();
    let bins = (0..BINS).map(|bin| &cases[bin * count / BINS..(bin + 1) * count / BINS]);
    let mut bins: Vec<_> = bins.map(|bin| shuffled(bin.to_vec(), stream)).collect();
    seed::shuffle(&mut bins, stream);
    let places =
        bins.iter().flat_map(|bin| (0..).zip(bin).map(|(index, &case)| (2 * index + 1, bin.len() as u64, case)));
    let mut places: Vec<(u64, u64, u32)> = places.collect();
    // at the share (2 index + 1) / (2 length) of the whole, compared in integers; the sort keeps the bins' order
    places.sort_by(|one, other| (one.0 * other.1).cmp(&(other.0 * one.1)));
    places.into_iter().map(|(_, _, case)| case).collect()
}
