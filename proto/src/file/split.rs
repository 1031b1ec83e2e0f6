//! The section `split`.
//!
//! ```yaml
//! split: {train: 100, validation: 50, test: 50}              # cases; or shares (0.5, 0.25, 0.25); or `rest`, once
//! split: {scheme: rotation, train: 100, validation: 50, test: 50}
//! split: {scheme: kfold, folds: 5, repeats: 3, validation: 0.2}   # the rest trains
//! split: {scheme: file, file: splits.json}
//! split: {train: rest, validation: 0.2, test: {pattern: '^T'}}    # the same test cases in every split; or a file that lists them
//! split: {.., groups: patients.csv}                          # or {pattern: '^(P\d+)'}: these cases stay together
//! ```

use super::lists;
use super::mistake::Mistake;
use super::reader::Node;
use super::section::Section;
use crate::cases::{CaseLists, FixedTest, Groups, pattern};
use crate::data::Inventory;
use crate::sizes::{Misfit, Size, Sizes};
use crate::spec::{Scheme, Split, Stratify};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Maximum number of cases of a subset.
const MAX_CASES: u64 = 1_000_000;
/// Maximum number of permutations that are cut into folds.
const MAX_REPEATS: u64 = 1_000;
/// The largest share of the cases that validates where folds are tested, unless the file says otherwise.
const MAX_VALIDATION: f64 = 0.25;

const KEYS: [&str; 9] = ["scheme", "train", "validation", "test", "stratify", "folds", "repeats", "groups", "file"];

/// How cases are divided, as a file says it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SplitSection {
    /// The split. Its sizes are those of a data set of 1,000 cases, where they depend on the data set.
    pub split: Split,
    /// The sizes, where they depend on the data set.
    pub sizes: Option<Sizes>,
    /// What is said of single cases.
    pub lists: CaseLists,
    /// The split seeds of a sweep that names none, where the scheme says which there are.
    pub seeds: Option<Vec<u64>>,
}

impl SplitSection {
    /// Reads the section.
    pub(super) fn read(node: &Node<'_>) -> Option<Self> {
        let section = Section::read(node, &KEYS)?;
        let scheme =
            section.optional("scheme", Scheme::Random, |node| Scheme::from_name(node.choice(Scheme::NAMES)?))?;
        let foreign: &[(&str, &str)] = match scheme {
            Scheme::Random => &[("folds", "kfold"), ("repeats", "kfold"), ("file", "file")],
            Scheme::Rotation => {
                &[("folds", "kfold"), ("repeats", "kfold"), ("file", "file"), ("groups", "random or kfold")]
            }
            Scheme::KFold => &[("train", "random or rotation"), ("test", "random or rotation"), ("file", "file")],
            Scheme::File => &[
                ("train", "random or rotation"),
                ("validation", "random, rotation or kfold"),
                ("test", "random or rotation"),
                ("stratify", "random, rotation or kfold"),
                ("folds", "kfold"),
                ("repeats", "kfold"),
            ],
        };
        let others = foreign.iter().filter_map(|(key, other)| Some((section.get(key)?, *other)));
        let mut is_clean = true;
        for (node, other) in others {
            node.reject_key(Mistake::OtherScheme { scheme: scheme.name(), other });
            is_clean = false;
        }
        let stratify = section
            .optional("stratify", Stratify::default(), |node| Stratify::from_name(node.choice(Stratify::NAMES)?));
        let groups = section.optional("groups", None, |node| groups(node).map(Some));
        let base = Split { scheme, stratify: stratify?, ..Split::default() };
        let read = match scheme {
            Scheme::Random | Scheme::Rotation => drawn(base, &section),
            Scheme::KFold => folded(base, &section),
            Scheme::File => listed(base, &section),
        };
        let mut read = read.filter(|_| is_clean)?;
        read.lists.groups = groups?;
        Some(read)
    }

    /// The split of a split seed on a data set.
    ///
    /// # Errors
    /// If the data set has too few cases.
    pub fn on(&self, data: &Inventory, split_seed: u64) -> Result<Split, Misfit> {
        split_on(&self.split, self.sizes.as_ref(), &self.lists, data, split_seed)
    }
}

/// The split of a split seed on a data set, whose sizes may depend on it.
///
/// # Errors
/// If the data set has too few cases.
pub fn split_on(
    split: &Split,
    sizes: Option<&Sizes>,
    lists: &CaseLists,
    data: &Inventory,
    split_seed: u64,
) -> Result<Split, Misfit> {
    match sizes {
        Some(sizes) => sizes.on(split, lists, data, split_seed),
        None if split.total() > data.cases.len() as u64 => {
            Err(Misfit::TooFew { split: Box::new(*split), cases: data.cases.len() })
        }
        None => Ok(*split),
    }
}

/// Subsets that are drawn in the sizes that the file gives.
fn drawn(base: Split, section: &Section<'_>) -> Option<SplitSection> {
    let default = Split::default();
    let is_sized = ["train", "validation"].iter().any(|key| section.get(key).is_some());
    if is_sized && section.get("test").is_none() {
        section.node().reject_key(Mistake::NoTestSize);
        return None;
    }
    let fixed = section.optional("test", None, fixed_test);
    let train = section.optional("train", Size::Cases(default.train), |node| size(node, 1));
    let validation = section.optional("validation", Size::Cases(default.validation), |node| size(node, 0));
    let test = match &fixed {
        Some(None) => section.optional("test", Size::Cases(default.test), |node| size(node, 0)),
        // as many as are listed
        _ => Some(Size::Share(0.25)),
    };
    let (fixed, sizes) = (fixed?, [train?, validation?, test?]);
    check_sizes(sizes, section)?;
    if let [Size::Cases(train), Size::Cases(validation), Size::Cases(test)] = sizes {
        let split = Split { train, validation, test, ..base };
        if base.scheme == Scheme::Rotation && !split.has_equal_blocks() {
            let mistake = Mistake::UnequalBlocks { train, validation, test };
            section.get("scheme").unwrap_or(section.node()).reject(mistake);
            return None;
        }
        return Some(SplitSection { split, ..SplitSection::default() });
    }
    if base.scheme == Scheme::Rotation {
        section.get("scheme").unwrap_or(section.node()).reject(Mistake::RotationOfShares);
        return None;
    }
    let [train, validation, test] = sizes;
    let lists = CaseLists { fixed_test: fixed, ..CaseLists::default() };
    Some(depending(base, Sizes { train, validation, test }, lists, None))
}

/// Folds that are tested in turn.
fn folded(base: Split, section: &Section<'_>) -> Option<SplitSection> {
    let folds: Option<u32> = section.required("folds", |node| node.whole(2..=Split::MAX_FOLDS.into()));
    let repeats: Option<u64> = section.optional("repeats", 1, |node| node.whole(1..=MAX_REPEATS));
    let default = folds.map_or(MAX_VALIDATION, |folds| (1.0 / f64::from(folds)).min(MAX_VALIDATION));
    let validation = section.optional("validation", Size::Share(default), |node| size(node, 0));
    let (folds, validation) = (folds?, validation?);
    if let (Size::Rest, Some(node)) = (validation, section.get("validation")) {
        node.reject(Mistake::TwoRests { other: "train" });
        return None;
    }
    let seeds = (0..u64::from(folds) * repeats?).collect();
    let sizes = Sizes { train: Size::Rest, validation, test: Size::Share(1.0 / f64::from(folds)) };
    Some(depending(Split { folds, ..base }, sizes, CaseLists::default(), Some(seeds)))
}

/// Subsets that a file lists.
fn listed(base: Split, section: &Section<'_>) -> Option<SplitSection> {
    let partitions: BTreeMap<u64, _> = section.required("file", |node| {
        let partitions = embedded(node)?;
        lists::check(&partitions).map_err(|reason| node.reject(Mistake::List { reason })).ok()?;
        Some(partitions)
    })?;
    let seeds = partitions.keys().copied().collect();
    let [train, validation, test] =
        partitions.values().next()?.subsets().map(|subset| Size::Cases(subset.len() as u32));
    let lists = CaseLists { partitions, ..CaseLists::default() };
    Some(depending(base, Sizes { train, validation, test }, lists, Some(seeds)))
}

/// A split whose sizes depend on the data set; its own are those of 1,000 cases.
fn depending(base: Split, sizes: Sizes, lists: CaseLists, seeds: Option<Vec<u64>>) -> SplitSection {
    let cases = |size: Size| match size {
        Size::Cases(cases) => cases,
        Size::Share(share) => (1000.0 * share).round() as u32,
        Size::Rest => 0,
    };
    let known = [sizes.train, sizes.validation, sizes.test].map(cases);
    let rest = 1000u32.saturating_sub(known.iter().sum());
    let number = |size: Size, cases: u32| if size == Size::Rest { rest } else { cases };
    let [train, validation, test] = known;
    let split = Split {
        train: number(sizes.train, train),
        validation: number(sizes.validation, validation),
        test: number(sizes.test, test),
        ..base
    };
    SplitSection { split, sizes: Some(sizes), lists, seeds }
}

/// A number of cases, a share, or the rest.
fn size(node: &Node<'_>, least: u64) -> Option<Size> {
    if node.is_text("rest") {
        return Some(Size::Rest);
    }
    if let Some(share) = node.as_share() {
        return Some(Size::Share(share));
    }
    node.whole(least..=MAX_CASES).map(Size::Cases)
}

/// Checks that one subset at most is the rest, and that the shares leave something.
fn check_sizes(sizes: [Size; 3], section: &Section<'_>) -> Option<()> {
    let keys = ["train", "validation", "test"];
    let mut rests = keys.iter().zip(sizes).filter(|(_, size)| *size == Size::Rest);
    if let (Some((first, _)), Some((second, _))) = (rests.next(), rests.next()) {
        section.get(second)?.reject(Mistake::TwoRests { other: first });
        return None;
    }
    let share = |size: Size| if let Size::Share(share) = size { share } else { 0.0 };
    let sum: f64 = sizes.into_iter().map(share).sum();
    if sum > 1.0 + 1e-9 {
        section.node().reject_key(Mistake::SharesAboveOne { percent: (100.0 * sum).round() as u64 });
        return None;
    }
    Some(())
}

fn groups(node: &Node<'_>) -> Option<Groups> {
    if node.is_mapping() { expression(node).map(Groups::Pattern) } else { embedded(node).map(Groups::Table) }
}

/// The test cases, if they are not a number of cases.
fn fixed_test(node: &Node<'_>) -> Option<Option<FixedTest>> {
    if node.is_mapping() {
        return expression(node).map(FixedTest::Pattern).map(Some);
    }
    if !node.is_any_text() || node.is_text("rest") {
        return Some(None);
    }
    embedded(node).map(FixedTest::List).map(Some)
}

/// A mapping with a regular expression.
fn expression(node: &Node<'_>) -> Option<String> {
    let section = Section::read(node, &["pattern"])?;
    section.required("pattern", |node| {
        let text = node.text()?;
        pattern(text).map_err(|error| node.reject(Mistake::List { reason: error.to_string() })).ok()?;
        Some(text.to_owned())
    })
}

/// What a file lists, in the text of the sweep file.
fn embedded<T: DeserializeOwned>(node: &Node<'_>) -> Option<T> {
    let text = node.text()?;
    if lists::is_name(text) {
        node.reject(Mistake::ListFile {
            name: text.to_owned(),
            reason: "its content does not come with the sweep file".into(),
        });
        return None;
    }
    serde_json::from_str(text).map_err(|error| node.reject(Mistake::List { reason: error.to_string() })).ok()
}
