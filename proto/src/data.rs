//! Which data set a sweep uses, and what a worker found in it.

mod mask_rule;
mod summary;

pub use mask_rule::{BadMaskRule, MaskRule, MaskValue};
pub use summary::{Affix, LesionShares, Names, Summary};

use crate::cases::{CaseLists, Marks};
use crate::ids::ContentHash;
use serde::{Deserialize, Serialize};
use std::path::{Component, Path};

/// How the cases of a data set lie on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The PH2 database as distributed: a folder a case, BMP images and masks.
    Ph2,
    /// A folder of images and a folder of masks with corresponding names.
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
    /// Only for [`Format::Folder`]: the folder of images, below the data set's; `images` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<String>,
    /// Only for [`Format::Folder`]: the folder of masks, below the data set's; `masks` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masks: Option<String>,
    /// Only for [`Format::Folder`]: an image's name is `image_prefix`, the name of the case, `image_suffix`. If neither this nor what masks
    /// have is given, the worker looks for what they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_prefix: Option<String>,
    /// See `image_prefix`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_suffix: Option<String>,
    /// Only for [`Format::Folder`]: a mask's name is `mask_prefix`, the name of the case, `mask_suffix`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_prefix: Option<String>,
    /// See `mask_prefix`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_suffix: Option<String>,
    /// Which samples of a mask are lesion.
    #[serde(default, skip_serializing_if = "MaskRule::is_default")]
    pub mask: MaskRule,
    /// Whether lesion and background are exchanged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub invert: bool,
    /// What is said of single cases.
    #[serde(default, skip_serializing_if = "CaseLists::is_empty")]
    pub lists: Box<CaseLists>,
}

impl Dataset {
    /// A data set without further description.
    #[must_use]
    pub fn new(name: &str, format: Format) -> Self {
        Self {
            name: name.to_owned(),
            format,
            root: None,
            synthetic: None,
            images: None,
            masks: None,
            image_prefix: None,
            image_suffix: None,
            mask_prefix: None,
            mask_suffix: None,
            mask: MaskRule::default(),
            invert: false,
            lists: Box::default(),
        }
    }
}

/// Whether `images` or `masks` of a data set names a folder below the data set's own, or that folder itself (`.`).
#[must_use]
pub fn is_inner_folder(name: &str) -> bool {
    let inner = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    !name.is_empty() && !name.contains('\0') && Path::new(name).components().all(inner)
}

/// Whether `image_prefix`, `mask_suffix` or the like can be part of a file's name.
#[must_use]
pub fn is_part_of_a_name(text: &str) -> bool {
    text.len() <= 255 && !text.contains(['/', '\\', '\0'])
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

    /// The ids of its cases, sorted.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        let digits = self.cases.saturating_sub(1).to_string().len().max(3);
        (0..self.cases).map(|index| format!("SYN{index:0digits$}")).collect()
    }
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
