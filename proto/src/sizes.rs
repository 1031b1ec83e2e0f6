//! Sizes of subsets as a file gives them -> numbers of cases, once it is known how many cases there are.

use crate::cases::CaseLists;
use crate::data::Inventory;
use crate::spec::{Scheme, Split};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The size of a subset.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// So many cases.
    Cases(u32),
    /// This share of all cases, between 0 and 1.
    Share(f64),
    /// The cases that the other subsets leave.
    Rest,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cases(cases) => cases.fmt(f),
            Self::Share(share) => write!(f, "{} %", (share * 1e4).round() / 100.0),
            Self::Rest => f.write_str("the rest"),
        }
    }
}

/// The sizes of the three subsets, where they depend on the data set. Under [`Scheme::KFold`] the fold is tested, whatever `test` says; a
/// test subset of fixed cases is as large as these are; under [`Scheme::File`] the lists say everything.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sizes {
    /// Trained on.
    pub train: Size,
    /// Selected by.
    pub validation: Size,
    /// Reported on.
    pub test: Size,
}

/// Why a data set cannot be split so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// More cases are asked for than there are.
    #[error("{} + {} + {} = {} cases are asked for, but the data set has {cases}: make the subsets smaller",
            split.train, split.validation, split.test, split.total())]
    TooFew {
        /// The subsets.
        split: Box<Split>,
        /// The cases that there are.
        cases: usize,
    },
    /// Nothing is left to train on.
    #[error("of {cases} cases none is left to train on: make the other subsets smaller")]
    NoTraining {
        /// The cases that there are.
        cases: usize,
    },
    /// More folds than cases.
    #[error("{folds} folds are asked for, but there are {cases} {}", if *.of_groups { "groups" } else { "cases" })]
    TooFewForFolds {
        /// The folds.
        folds: u32,
        /// The cases or groups that there are.
        cases: usize,
        /// Whether they are groups.
        of_groups: bool,
    },
    /// A split seed for which the file has no cases.
    #[error("`split.file` has no replicate {seed}")]
    NoPartition {
        /// The seed.
        seed: u64,
    },
}

impl Sizes {
    /// The numbers of cases of the split of a split seed. `split` says how it is drawn.
    ///
    /// # Errors
    /// If the data set has too few cases.
    pub fn on(&self, split: &Split, lists: &CaseLists, data: &Inventory, split_seed: u64) -> Result<Split, Misfit> {
        let (all, fixed) = (data.cases.len(), data.marks.fixed_test.len());
        if split.scheme == Scheme::File {
            let partition = lists.partitions.get(&split_seed).ok_or(Misfit::NoPartition { seed: split_seed })?;
            let [train, validation, test] = partition.subsets().map(|subset| subset.len() as u32);
            return Ok(Split { train, validation, test, partition: Some(partition.hash()), ..*split });
        }
        let mut sizes = [self.train, self.validation, self.test];
        if let (Scheme::KFold, Some((_, turn))) = (split.scheme, split.turn(split_seed)) {
            let units = data.marks.groups.iter().max().map_or(all, |last| *last as usize + 1);
            if (units as u64) < u64::from(split.folds) {
                let of_groups = !data.marks.groups.is_empty();
                return Err(Misfit::TooFewForFolds { folds: split.folds, cases: units, of_groups });
            }
            let start = |fold| split.fold_start(fold, all as u64);
            sizes[2] = Size::Cases((start(turn + 1) - start(turn)) as u32);
        } else if fixed > 0 {
            sizes[2] = Size::Cases(fixed as u32);
        }
        let [train, validation, test] = numbers(sizes, all);
        let split = Split { train, validation, test, ..*split };
        if split.total() > all as u64 {
            return Err(Misfit::TooFew { split: Box::new(split), cases: all });
        }
        if train == 0 {
            return Err(Misfit::NoTraining { cases: all });
        }
        Ok(split)
    }
}

/// Numbers of cases: shares end where the sum of the shares so far does, so that shares of 1 in all leave no case out.
fn numbers(sizes: [Size; 3], all: usize) -> [u32; 3] {
    let mut sum = 0.0;
    let mut end = |share: f64| {
        let start = (sum * all as f64).round();
        sum += share;
        ((sum * all as f64).round() - start) as u32
    };
    let known = sizes.map(|size| match size {
        Size::Cases(cases) => Some(cases),
        Size::Share(share) => Some(end(share)),
        Size::Rest => None,
    });
    let used: u64 = known.iter().flatten().map(|cases| u64::from(*cases)).sum();
    let rest = (all as u64).saturating_sub(used) as u32;
    known.map(|cases| cases.unwrap_or(rest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::cases::{Marks, Partition};
    use crate::ids::ContentHash;

    fn data(cases: usize) -> Inventory {
        let cases = (0..cases).map(|case| format!("c{case}")).collect();
        Inventory { content: ContentHash(0), cases, marks: Marks::default() }
    }

    fn on(sizes: [Size; 3], split: Split, data: &Inventory, seed: u64) -> Result<[u32; 3], Misfit> {
        let [train, validation, test] = sizes;
        let split = Sizes { train, validation, test }.on(&split, &CaseLists::default(), data, seed)?;
        Ok([split.train, split.validation, split.test])
    }

    #[test]
    fn shares_of_one_in_all_leave_no_case_out() {
        for cases in [3, 7, 10, 101, 199, 200] {
            let third = 1.0 / 3.0;
            let found =
                on([third, third, 1.0 - 2.0 * third].map(Size::Share), Split::default(), &data(cases), 0).unwrap();
            assert_eq!(found.iter().sum::<u32>() as usize, cases, "{found:?}");
            assert!(found.iter().max().unwrap() - found.iter().min().unwrap() <= 1, "{found:?}");
        }
        assert_eq!(
            on([Size::Rest, Size::Share(0.25), Size::Cases(7)], Split::default(), &data(40), 0),
            Ok([23, 10, 7])
        );
    }

    #[test]
    fn folds_differ_by_one_case_and_make_up_the_data_set() {
        let split = Split { scheme: Scheme::KFold, folds: 5, ..Split::default() };
        let tests: Vec<_> = (0..10)
            .map(|seed| on([Size::Rest, Size::Share(0.2), Size::Rest], split, &data(23), seed).unwrap())
            .inspect(|[train, validation, test]| assert!(train + validation + test == 23 && *validation == 5))
            .map(|[.., test]| test)
            .collect();
        assert_eq!(tests, [5, 5, 4, 5, 4, 5, 5, 4, 5, 4]);
        let few = on([Size::Rest, Size::Cases(1), Size::Rest], split, &data(4), 0).unwrap_err();
        assert_eq!(few.to_string(), "5 folds are asked for, but there are 4 cases");
    }

    #[test]
    fn fixed_cases_and_lists_say_their_own_sizes() {
        let marks = Marks { fixed_test: vec![1, 4, 6], ..Marks::default() };
        let sizes = [Size::Rest, Size::Share(0.2), Size::Rest];
        assert_eq!(on(sizes, Split::default(), &Inventory { marks, ..data(10) }, 0), Ok([5, 2, 3]));
        let partition =
            Partition { train: vec!["c0".into(), "c1".into()], test: vec!["c2".into()], ..Partition::default() };
        let lists = CaseLists { partitions: [(4, partition.clone())].into(), ..CaseLists::default() };
        let split = Split { scheme: Scheme::File, ..Split::default() };
        let [train, validation, test] = sizes;
        let sizes = Sizes { train, validation, test };
        let found = sizes.on(&split, &lists, &data(3), 4).unwrap();
        assert_eq!((found.train, found.validation, found.test, found.partition), (2, 0, 1, Some(partition.hash())));
        assert_eq!(sizes.on(&split, &lists, &data(3), 5), Err(Misfit::NoPartition { seed: 5 }));
        let none = on([Size::Rest, Size::Cases(5), Size::Cases(5)], Split::default(), &data(10), 0).unwrap_err();
        assert_eq!(none, Misfit::NoTraining { cases: 10 });
    }
}
