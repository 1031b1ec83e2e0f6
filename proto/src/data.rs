//! Which data set a sweep uses, and what a worker found in it.

use crate::cases::{CaseLists, Marks};
use crate::ids::ContentHash;
use serde::{Deserialize, Serialize};

/// How the cases of a data set lie on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The PH2 database as distributed: a folder a case, BMP images and masks.
    Ph2,
    /// `images/` and `masks/` with equal stems; PNG, JPEG or BMP.
    Folder,
    /// Made in memory; needs no folder.
    Synthetic,
}

impl Format {
    /// Every format, in the order in which messages list them.
    pub const ALL: [Self; 3] = [Self::Ph2, Self::Folder, Self::Synthetic];

    /// Their names, in the same order.
    pub const NAMES: &'static [&'static str] = &["ph2", "folder", "synthetic"];

    /// The format of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The format's name in a sweep file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ph2 => "ph2",
            Self::Folder => "folder",
            Self::Synthetic => "synthetic",
        }
    }
}

/// A data set as a sweep file names it. Where it lies differs from worker to worker; what it holds must not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    /// The name that workers map to a folder.
    pub name: String,
    /// How its cases lie there.
    pub format: Format,
    /// The folder where a worker looks when it was given none for `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// Only for [`Format::Synthetic`]: which images are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synthetic: Option<Synthetic>,
    /// What is said of single cases.
    #[serde(default, skip_serializing_if = "CaseLists::is_empty")]
    pub lists: CaseLists,
}

/// Parameters of a synthetic data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Synthetic {
    /// Number of cases.
    pub cases: u32,
    /// Seed of the images.
    pub seed: u64,
}

impl Synthetic {
    /// Maximum number of cases.
    pub const MAX_CASES: u32 = 100_000;
}

impl Default for Synthetic {
    /// As many cases as the reference protocol has.
    fn default() -> Self {
        Self { cases: 200, seed: 0 }
    }
}

/// What a worker found when it looked for a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Hash of the case ids, of every image's and mask's content, and of the marks if there are any.
    pub content: ContentHash,
    /// Ids of the cases, sorted. A case's index in this list names it in results.
    pub cases: Vec<String>,
    /// What is said of single cases.
    #[serde(default, skip_serializing_if = "is_unmarked")]
    pub marks: Marks,
}

impl Inventory {
    /// Cases of which nothing is said.
    #[must_use]
    pub fn new(content: ContentHash, cases: Vec<String>) -> Self {
        Self { content, cases, marks: Marks::default() }
    }
}

fn is_unmarked(marks: &Marks) -> bool {
    *marks == Marks::default()
}
