//! What a sweep file says of single cases: which belong together, which are always tested, which make up each split.
//!
//! ```text
//!  CaseLists, in the words of the file (ids of cases, patterns)
//!    + the cases of a data set --on--> Marks, by index of the case     what a worker splits by, and the coordinator clusters by
//! ```

use crate::data::Inventory;
use crate::ids::ContentHash;
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The cases of the subsets, by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Partition {
    /// Trained on.
    pub train: Vec<String>,
    /// Selected by.
    #[serde(alias = "val")]
    pub validation: Vec<String>,
    /// Reported on.
    pub test: Vec<String>,
}

impl Partition {
    /// Train, validation, test.
    #[must_use]
    pub fn subsets(&self) -> [&Vec<String>; 3] {
        [&self.train, &self.validation, &self.test]
    }

    /// The hash of which cases are in which subset, whatever their order there.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        let mut bytes = b"splitsweep partition 1\n".to_vec();
        for subset in self.subsets() {
            let sorted: BTreeSet<&String> = subset.iter().collect();
            bytes.extend((sorted.len() as u64).to_le_bytes());
            for case in sorted {
                bytes.extend((case.len() as u64).to_le_bytes());
                bytes.extend(case.as_bytes());
            }
        }
        ContentHash::of(&bytes)
    }

    /// A case that is named twice.
    #[must_use]
    pub fn named_twice(&self) -> Option<&str> {
        let mut seen = BTreeSet::new();
        self.subsets().into_iter().flatten().find(|case| !seen.insert(*case)).map(String::as_str)
    }
}

/// Which cases belong together, such as images of one patient.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Groups {
    /// The part of the id that the regular expression's first group matches, or all that it matches.
    Pattern(String),
    /// The group of each case.
    Table(BTreeMap<String, String>),
}

/// The cases that every split tests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FixedTest {
    /// Those whose id the regular expression matches.
    Pattern(String),
    /// These.
    List(BTreeSet<String>),
}

/// What a sweep file says of single cases.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaseLists {
    /// Which cases stay together in every split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Groups>,
    /// Which cases every split tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed_test: Option<FixedTest>,
    /// The cases of each split, by split seed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", with = "pairs")]
    pub partitions: BTreeMap<u64, Partition>,
}

/// A map as a list of pairs: what is read within an enum with a tag has no numbers as keys (serde's buffer keeps them as text).
mod pairs {
    use super::Partition;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<u64, Partition>, to: S) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<u64, Partition>, D::Error> {
        Ok(Vec::<(u64, Partition)>::deserialize(from)?.into_iter().collect())
    }
}

/// What the lists say of the cases of a data set, by index of the case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Marks {
    /// The group of each case, numbered from 0 in the order of the cases; empty if every case stands for itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<u32>,
    /// The cases that every split tests, ascending.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fixed_test: Vec<u32>,
}

/// Why the lists do not fit a data set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseListError {
    /// The expression is not valid.
    #[error("`{pattern}` is not a regular expression: {reason}")]
    Pattern {
        /// The expression.
        pattern: String,
        /// Why.
        reason: String,
    },
    /// A case without group.
    #[error("`split.groups` has no group for case `{case}`{}", others(*.more))]
    NoGroup {
        /// The case.
        case: String,
        /// How many more have none.
        more: usize,
    },
    /// A case that the data set does not have.
    #[error("`{key}` names case `{case}`, which the data set does not have{}", others(*.more))]
    NoCase {
        /// The key of the sweep file.
        key: &'static str,
        /// The case.
        case: String,
        /// How many more it does not have.
        more: usize,
    },
    /// The expression matches no case.
    #[error("no case matches `split.test`'s pattern `{pattern}`")]
    NoFixedTest {
        /// The expression.
        pattern: String,
    },
}

fn others(more: usize) -> String {
    if more == 0 { String::new() } else { format!(" (and {more} more)") }
}

/// A regular expression that is understood.
///
/// # Errors
/// If it is not valid.
pub fn pattern(text: &str) -> Result<Regex, CaseListError> {
    Regex::new(text).map_err(|error| CaseListError::Pattern {
        pattern: text.to_owned(),
        reason: error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    })
}

impl CaseLists {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The data set with its marks. Its content then stands for them too: what is split otherwise is other data.
    ///
    /// # Errors
    /// If a case has no group, or one is named that the data set does not have.
    pub fn on(&self, inventory: Inventory) -> Result<Inventory, CaseListError> {
        let Inventory { content, cases, .. } = inventory;
        let marks = self.marks(&cases)?;
        let content = if marks == Marks::default() { content } else { marks.content(content) };
        Ok(Inventory { content, cases, marks })
    }

    /// What the lists say of these cases.
    ///
    /// # Errors
    /// As [`on`](Self::on).
    pub fn marks(&self, cases: &[String]) -> Result<Marks, CaseListError> {
        let groups = self.groups.as_ref().map(|groups| groups.numbers(cases)).transpose()?.unwrap_or_default();
        let fixed_test = self.fixed_test.as_ref().map(|fixed| fixed.indices(cases)).transpose()?.unwrap_or_default();
        Ok(Marks { groups, fixed_test })
    }

    /// Train, validation and test of each partition, by its hash: indices of cases, in the order of the lists.
    ///
    /// # Errors
    /// If a case is named that the data set does not have.
    pub fn partitions_on(&self, cases: &[String]) -> Result<BTreeMap<ContentHash, [Vec<u32>; 3]>, CaseListError> {
        let places = places(cases);
        let indices = |subset: &Vec<String>| -> Result<Vec<u32>, CaseListError> {
            known("split.file", subset.iter(), &places)?;
            Ok(subset.iter().filter_map(|case| places.get(case.as_str()).copied()).collect())
        };
        let subsets = |partition: &Partition| {
            let [train, validation, test] = partition.subsets().map(indices);
            Ok((partition.hash(), [train?, validation?, test?]))
        };
        self.partitions.values().map(subsets).collect()
    }

    /// All cases that the partitions name, sorted.
    #[must_use]
    pub fn named(&self) -> BTreeSet<&str> {
        self.partitions.values().flat_map(Partition::subsets).flatten().map(String::as_str).collect()
    }
}

impl Marks {
    /// Whether they can be those of so many cases.
    #[must_use]
    pub fn fit(&self, cases: usize) -> bool {
        let is_case = |index: &u32| (*index as usize) < cases;
        [0, cases].contains(&self.groups.len())
            && self.groups.iter().all(is_case)
            && self.fixed_test.iter().all(is_case)
            && self.fixed_test.is_sorted_by(|one, next| one < next)
    }

    /// The content of a data set with these marks.
    fn content(&self, content: ContentHash) -> ContentHash {
        let mut bytes = format!("splitsweep marks 1\n{content}\n").into_bytes();
        for numbers in [&self.groups, &self.fixed_test] {
            bytes.extend((numbers.len() as u64).to_le_bytes());
            bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        }
        ContentHash::of(&bytes)
    }
}

impl Groups {
    fn numbers(&self, cases: &[String]) -> Result<Vec<u32>, CaseListError> {
        let labels: Vec<Option<&str>> = match self {
            Self::Table(table) => cases.iter().map(|case| table.get(case).map(String::as_str)).collect(),
            Self::Pattern(text) => {
                let pattern = pattern(text)?;
                let label = |case: &'_ String| {
                    let found = pattern.captures(case)?;
                    let part = found.get(1).or_else(|| found.get(0))?;
                    Some(part.range())
                };
                cases.iter().map(|case| label(case).map(|range| &case[range])).collect()
            }
        };
        let mut without = cases.iter().zip(&labels).filter(|(_, label)| label.is_none());
        if let Some((case, _)) = without.next() {
            return Err(CaseListError::NoGroup { case: case.clone(), more: without.count() });
        }
        let mut numbers = HashMap::new();
        let number = |label| {
            let next = numbers.len() as u32;
            *numbers.entry(label).or_insert(next)
        };
        Ok(labels.into_iter().map(number).collect())
    }
}

impl FixedTest {
    fn indices(&self, cases: &[String]) -> Result<Vec<u32>, CaseListError> {
        let among = |is_tested: &dyn Fn(&String) -> bool| {
            (0u32..).zip(cases).filter(|(_, case)| is_tested(case)).map(|(index, _)| index).collect::<Vec<_>>()
        };
        match self {
            Self::List(list) => {
                known("split.test", list.iter(), &places(cases))?;
                Ok(among(&|case| list.contains(case)))
            }
            Self::Pattern(text) => {
                let expression = pattern(text)?;
                let found = among(&|case| expression.is_match(case));
                if found.is_empty() { Err(CaseListError::NoFixedTest { pattern: text.clone() }) } else { Ok(found) }
            }
        }
    }
}

fn places(cases: &[String]) -> HashMap<&str, u32> {
    cases.iter().map(String::as_str).zip(0..).collect()
}

/// Checks that the data set has every case of a list.
fn known<'a>(
    key: &'static str,
    list: impl Iterator<Item = &'a String>,
    places: &HashMap<&str, u32>,
) -> Result<(), CaseListError> {
    let mut unknown = list.filter(|case| !places.contains_key(case.as_str()));
    match unknown.next() {
        Some(case) => Err(CaseListError::NoCase { key, case: case.clone(), more: unknown.count() }),
        None => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn inventory(cases: &[&str]) -> Inventory {
        let cases = cases.iter().map(|case| (*case).to_owned()).collect();
        Inventory { content: ContentHash(1), cases, marks: Marks::default() }
    }

    #[test]
    fn a_pattern_and_a_table_that_say_the_same_give_the_same_data() {
        let data = inventory(&["P1_a", "P1_b", "P2_a"]);
        let by_pattern = CaseLists { groups: Some(Groups::Pattern("^(P\\d+)_".into())), ..CaseLists::default() };
        let table = [("P1_a", "x"), ("P1_b", "x"), ("P2_a", "y"), ("P9", "z")];
        let table = table.into_iter().map(|(case, group)| (case.to_owned(), group.to_owned())).collect();
        let by_table = CaseLists { groups: Some(Groups::Table(table)), ..CaseLists::default() };
        let marked = by_pattern.on(data.clone()).unwrap();
        assert_eq!(marked.marks.groups, [0, 0, 1]);
        assert_eq!(by_table.on(data.clone()).unwrap(), marked);
        assert_ne!(marked.content, data.content, "data that is split otherwise is other data");
        assert_eq!(CaseLists::default().on(data.clone()).unwrap(), data);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let data = inventory(&["a1", "b", "c"]);
        let groups = |groups| CaseLists { groups: Some(groups), ..CaseLists::default() }.on(data.clone());
        let text = groups(Groups::Pattern("(\\d)".into())).unwrap_err().to_string();
        assert_eq!(text, "`split.groups` has no group for case `b` (and 1 more)");
        let text = groups(Groups::Pattern("(".into())).unwrap_err().to_string();
        assert!(text.starts_with("`(` is not a regular expression: unclosed group"), "{text}");
        let fixed = |fixed| CaseLists { fixed_test: Some(fixed), ..CaseLists::default() }.on(data.clone());
        assert_eq!(fixed(FixedTest::Pattern("^[bc]".into())).unwrap().marks.fixed_test, [1, 2]);
        let text = fixed(FixedTest::List(["b".into(), "x".into()].into())).unwrap_err().to_string();
        assert_eq!(text, "`split.test` names case `x`, which the data set does not have");
    }

    #[test]
    fn a_partition_is_known_by_its_cases() {
        let partition = |train: &[&str], test: &[&str]| Partition {
            train: train.iter().map(|case| (*case).to_owned()).collect(),
            test: test.iter().map(|case| (*case).to_owned()).collect(),
            ..Partition::default()
        };
        assert_eq!(partition(&["a", "b"], &["c"]).hash(), partition(&["b", "a"], &["c"]).hash());
        assert_ne!(partition(&["a", "b"], &["c"]).hash(), partition(&["a"], &["b", "c"]).hash());
        assert_eq!(partition(&["a", "b"], &["b"]).named_twice(), Some("b"));
        let listed = partition(&["b"], &["a"]);
        let lists = CaseLists { partitions: [(3, listed.clone())].into(), ..CaseLists::default() };
        let json = serde_json::to_string(&lists).unwrap();
        assert_eq!(json, r#"{"partitions":[[3,{"train":["b"],"validation":[],"test":["a"]}]]}"#);
        // as within an enum with a tag
        let buffered: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::from_value::<CaseLists>(buffered).unwrap(), lists);
        let cases = inventory(&["a", "b"]).cases;
        assert_eq!(lists.partitions_on(&cases).unwrap(), [(listed.hash(), [vec![1], vec![], vec![0]])].into());
        assert!(lists.partitions_on(&cases[..1]).is_err());
    }
}
