//! Cases -> train, validation and test. Knows cases by their indices, the areas of their lesions and their groups only.
//!
//! ```text
//!  units   cases that stay together: a case by itself, or a group
//!    v
//!  order   a permutation of the units; stratified, every stretch of it has the bins in proportion
//!    | random     cut into train, validation, test
//!    | rotation   cut into four blocks that take turns
//!    | kfold      cut into folds that take turns
//!    |            file      the sweep file lists the cases
//!    v
//!  Subsets --hash--> what is compared before two jobs are paired
//! ```

use super::{CaseSet, Partitions};
use crate::seed;
use proto::ids::{ContentHash, SplitHash};
use proto::spec::{Scheme, Split, Stratify};
use rand::Rng;
use std::collections::BTreeSet;

/// Bins of [`Stratify::LesionFraction`].
const BINS: usize = 5;

/// What decides on a split beside its seed.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    /// Of the lesion of each case, pixels; all images are of one size.
    pub areas: Vec<u32>,
    /// The group of each case, numbered from 0; empty if every case stands for itself.
    pub groups: Vec<u32>,
    /// The cases that every split tests, ascending.
    pub fixed_test: Vec<u32>,
    /// The splits that the sweep file lists.
    pub partitions: Partitions,
}

impl Pool {
    /// The cases of a data set.
    #[must_use]
    pub fn of(cases: &CaseSet) -> Self {
        let marks = cases.inventory.marks.clone();
        let (areas, partitions) = (cases.areas(), cases.partitions.clone());
        Self { areas, groups: marks.groups, fixed_test: marks.fixed_test, partitions }
    }

    /// So many cases of which nothing is known.
    #[must_use]
    pub fn of_size(cases: usize) -> Self {
        Self { areas: vec![0; cases], ..Self::default() }
    }

    /// The cases that are drawn, those of a group together.
    fn units(&self) -> Vec<Unit> {
        let fixed: BTreeSet<u32> = self.fixed_test.iter().copied().collect();
        let free = (0..self.areas.len() as u32).filter(|case| !fixed.contains(case));
        if self.groups.is_empty() {
            return free.map(|case| Unit { area: self.areas[case as usize], cases: vec![case] }).collect();
        }
        let mut groups: Vec<Vec<u32>> = Vec::new();
        for case in free {
            let group = self.groups[case as usize] as usize;
            groups.resize(groups.len().max(group + 1), Vec::new());
            groups[group].push(case);
        }
        groups.retain(|cases| !cases.is_empty());
        let area = |cases: &[u32]| {
            let sum: u64 = cases.iter().map(|case| u64::from(self.areas[*case as usize])).sum();
            (sum / cases.len() as u64) as u32
        };
        groups.into_iter().map(|cases| Unit { area: area(&cases), cases }).collect()
    }
}

/// Cases that stay together, and the mean area of their lesions.
#[derive(Debug, Clone)]
struct Unit {
    area: u32,
    cases: Vec<u32>,
}

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
    /// Groups so large that a subset gets none.
    #[error("the {groups} groups cannot be divided into the subsets that are asked for; one of them has no case")]
    TooFewGroups {
        /// Number of groups.
        groups: usize,
    },
    /// A rotation of groups, or with fixed test cases.
    #[error("a rotation has neither groups nor fixed test cases; take `scheme: kfold`")]
    MarkedRotation,
    /// A split that the sweep file does not list.
    #[error("the sweep file does not list the cases that the job has for split seed {split_seed}")]
    NoPartition {
        /// The seed.
        split_seed: u64,
    },
}

/// Splits a data set.
///
/// * `random` cuts one permutation ([`seed::shuffle`]) into train, validation and test, in this order. Cases beyond them are not used.
/// * `rotation` cuts a permutation into four blocks, of which [`Split::turn`] says which is tested. Cases beyond the blocks are in no
///   subset of any permutation, and are the same for all split seeds: whatever is tested at all is tested once a permutation.
/// * `kfold` cuts a permutation into folds, of which [`Split::turn`] says which is tested. The cases before it validate, as many as the split
///   says; the others train.
/// * `file` takes the cases that the sweep file lists.
///
/// Cases of a group stay together: each subset then has as many cases as come nearest to its size. Cases that every split tests are not drawn.
///
/// # Errors
/// If the subsets need more cases than there are, or are not those of a rotation that is asked for.
pub fn assign(split: &Split, pool: &Pool, split_seed: u64) -> Result<Subsets, SplitError> {
    let all = pool.areas.len();
    if split.total() > all as u64 {
        return Err(SplitError::TooFew { split: *split, cases: all });
    }
    match split.scheme {
        Scheme::Random => {
            let order = permutation(split, pool.units(), &mut seed::stream("split", &[split_seed]));
            let test = if pool.fixed_test.is_empty() { split.test } else { 0 };
            let [train, validation, test] = cut(order, [split.train, split.validation, test])?;
            let test = if pool.fixed_test.is_empty() { test } else { pool.fixed_test.clone() };
            Ok(Subsets { train, validation, test })
        }
        Scheme::Rotation => rotated(split, pool, split_seed),
        Scheme::KFold => folded(split, pool, split_seed),
        Scheme::File => {
            let listed = split.partition.and_then(|partition| pool.partitions.get(&partition));
            let [train, validation, test] = listed.ok_or(SplitError::NoPartition { split_seed })?.clone();
            Ok(Subsets { train, validation, test })
        }
    }
}

fn rotated(split: &Split, pool: &Pool, split_seed: u64) -> Result<Subsets, SplitError> {
    if !split.has_equal_blocks() {
        return Err(SplitError::UnequalBlocks { split: *split });
    }
    if !pool.groups.is_empty() || !pool.fixed_test.is_empty() {
        return Err(SplitError::MarkedRotation);
    }
    let (number, turn) = split.turn(split_seed).unwrap_or((split_seed, 0));
    let units = pool.units();
    let mut rotated = shuffled((0..units.len() as u32).collect(), &mut seed::stream("rotation pool", &[]));
    // the cases that are rotated are the same for all permutations
    rotated.truncate(split.total() as usize);
    rotated.sort_unstable();
    let units = rotated.into_iter().map(|unit| units[unit as usize].clone()).collect();
    let mut order = permutation(split, units, &mut seed::stream("rotation", &[number]));
    // the last turn takes the blocks as they lie: two train, one validates, one is tested
    let blocks = (turn + 1) % Split::BLOCKS;
    order.rotate_left(blocks as usize * split.test as usize);
    let [train, validation, test] = cut(order, [split.train, split.validation, split.test])?;
    Ok(Subsets { train, validation, test })
}

fn folded(split: &Split, pool: &Pool, split_seed: u64) -> Result<Subsets, SplitError> {
    let (number, turn) = split.turn(split_seed).unwrap_or((split_seed, 0));
    let mut order = permutation(split, pool.units(), &mut seed::stream("kfold", &[number]));
    // a fold ends with the unit that reaches its end
    let end = |order: &[Unit], fold: u64| {
        let target = split.fold_start(fold, pool.areas.len() as u64);
        let sums = order.iter().scan(0, |sum, unit| {
            *sum += unit.cases.len() as u64;
            Some(*sum)
        });
        if fold == 0 { 0 } else { sums.take_while(|sum| *sum < target).count() + 1 }
    };
    let (start, stop) = (end(&order, turn), end(&order, turn + 1).min(order.len()));
    let tested = stop.saturating_sub(start);
    // the fold comes last, and before it what validates
    let units = order.len().max(1);
    order.rotate_left(stop % units);
    let test: Vec<u32> = order.split_off(order.len() - tested).into_iter().flat_map(|unit| unit.cases).collect();
    order.reverse();
    let free: usize = order.iter().map(|unit| unit.cases.len()).sum();
    let train = (free as u32).saturating_sub(split.validation);
    let [mut validation, mut train, _] = cut(order, [split.validation, train, 0])?;
    train.reverse();
    validation.reverse();
    if test.is_empty() || train.is_empty() {
        return Err(SplitError::TooFewGroups { groups: pool.units().len() });
    }
    Ok(Subsets { train, validation, test })
}

/// Units in the sizes that are asked for, one after the other: a unit goes into a subset as long as that brings the subset nearer to its
/// size. A subset that is not empty has one unit at least.
fn cut(order: Vec<Unit>, sizes: [u32; 3]) -> Result<[Vec<u32>; 3], SplitError> {
    let groups = order.len();
    let total: usize = order.iter().map(|unit| unit.cases.len()).sum();
    let mut rest = order.into_iter().peekable();
    let mut subset = |size: u32, is_last: bool| {
        let size = size as usize;
        let mut cases: Vec<u32> = Vec::new();
        while let Some(unit) = rest.next_if(|unit| {
            let (without, with) = (cases.len(), cases.len() + unit.cases.len());
            let gets_nearer = with.abs_diff(size) <= without.abs_diff(size);
            size > 0 && (without == 0 || gets_nearer || is_last)
        }) {
            cases.extend(unit.cases);
        }
        cases
    };
    // where the subsets take every case, the last one takes what the others leave
    let is_whole = sizes.iter().map(|size| *size as usize).sum::<usize>() == total;
    let last = sizes.iter().rposition(|size| *size > 0).filter(|_| is_whole);
    let mut subsets = [Vec::new(), Vec::new(), Vec::new()];
    for (place, size) in sizes.into_iter().enumerate() {
        subsets[place] = subset(size, last == Some(place));
    }
    let is_missing = |(cases, size): (&Vec<u32>, u32)| cases.is_empty() && size > 0;
    if subsets.iter().zip(sizes).any(is_missing) { Err(SplitError::TooFewGroups { groups }) } else { Ok(subsets) }
}

/// A permutation of the units, as the split asks for it.
fn permutation(split: &Split, units: Vec<Unit>, stream: &mut impl Rng) -> Vec<Unit> {
    let numbers = (0..units.len() as u32).collect();
    let order = match split.stratify {
        Stratify::None => shuffled(numbers, stream),
        Stratify::LesionFraction => in_proportion(numbers, &units, stream),
    };
    let mut units: Vec<Option<Unit>> = units.into_iter().map(Some).collect();
    order.into_iter().filter_map(|unit| units[unit as usize].take()).collect()
}

fn shuffled(mut units: Vec<u32>, stream: &mut impl Rng) -> Vec<u32> {
    seed::shuffle(&mut units, stream);
    units
}

/// A permutation of which every stretch has the bins of lesion area in proportion, as nearly as whole units allow: each bin is
/// shuffled, then spread evenly over the whole length. Units of equal area are told apart by their index.
fn in_proportion(mut order: Vec<u32>, units: &[Unit], stream: &mut impl Rng) -> Vec<u32> {
    order.sort_by_key(|&unit| (units[unit as usize].area, unit));
    let count = order.len();
    let bins = (0..BINS).map(|bin| &order[bin * count / BINS..(bin + 1) * count / BINS]);
    let mut bins: Vec<_> = bins.map(|bin| shuffled(bin.to_vec(), stream)).collect();
    seed::shuffle(&mut bins, stream);
    let places =
        bins.iter().flat_map(|bin| (0..).zip(bin).map(|(index, &unit)| (2 * index + 1, bin.len() as u64, unit)));
    let mut places: Vec<(u64, u64, u32)> = places.collect();
    // at the share (2 index + 1) / (2 length) of the whole, compared in integers; the sort keeps the bins' order
    places.sort_by(|one, other| (one.0 * other.1).cmp(&(other.0 * one.1)));
    places.into_iter().map(|(_, _, unit)| unit).collect()
}
