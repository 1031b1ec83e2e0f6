//! Everything that can be wrong with a sweep file, and what helps.

use proto::spec::Split;
use thiserror::Error;

/// One thing that is wrong. The message completes `<key>: `; [`help`](Self::help) says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The text is no YAML.
    #[error("{0}")]
    Syntax(String),
    /// The text is longer than any sweep file.
    #[error("the text has {bytes} bytes, more than {limit}")]
    TooLong {
        /// Length of the text.
        bytes: usize,
        /// Greatest length.
        limit: usize,
    },
    /// Lists or mappings within each other beyond all need.
    #[error("nested more than {limit} levels deep")]
    TooDeep {
        /// Greatest depth.
        limit: usize,
    },
    /// More values than any sweep file.
    #[error("more than {limit} values")]
    TooManyValues {
        /// Greatest number.
        limit: usize,
    },
    /// An alias (`*name`): a few of them can stand for billions of nodes.
    #[error("aliases are not allowed")]
    Alias,
    /// A second document after `---`.
    #[error("a sweep file holds one document")]
    SecondDocument,
    /// A list or a mapping as a key.
    #[error("a key must be a name")]
    KeyNotName,
    /// The same key twice in a mapping.
    #[error("duplicate key, first given on line {first_line}")]
    DuplicateKey {
        /// Line of the first.
        first_line: usize,
    },
    /// A key that does not exist here.
    #[error("unknown key")]
    UnknownKey {
        /// The key it may have been meant to be.
        nearest: Option<String>,
        /// The keys that exist here.
        allowed: Vec<String>,
    },
    /// A key that must be given.
    #[error("missing key `{0}`")]
    MissingKey(String),
    /// A value of another type.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// What belongs here.
        expected: String,
        /// What stands here.
        found: String,
    },
    /// A name that is none of the choices.
    #[error("unknown name `{name}`")]
    UnknownName {
        /// The name.
        name: String,
        /// The choice it may have been meant to be.
        nearest: Option<String>,
        /// The choices.
        allowed: Vec<String>,
    },
    /// A number outside of its range.
    #[error("{found} is out of range")]
    OutOfRange {
        /// The number.
        found: String,
        /// Its range.
        allowed: String,
    },
    /// A name with other characters, or too long.
    #[error("`{0}` is no name")]
    BadName(String),
    /// A list without elements.
    #[error("the list is empty")]
    EmptyList,
    /// A list with too many elements.
    #[error("{found} entries are more than {limit}")]
    LongList {
        /// Number of elements.
        found: usize,
        /// Greatest number.
        limit: usize,
    },
    /// The same value twice on an axis.
    #[error("duplicate value `{0}`")]
    DuplicateValue(String),
    /// The same seeds twice.
    #[error("the replicate at position {second} has the same seeds as the one at position {first}")]
    DuplicateReplicate {
        /// Position of the first, counted from 1.
        first: usize,
        /// Position of the second.
        second: usize,
    },
    /// A range whose end lies before its start.
    #[error("the range ends at {to}, before its start {from}")]
    EmptyRange {
        /// First number.
        from: u64,
        /// Last number.
        to: u64,
    },
    /// Seeds that do not pair up with the split seeds.
    #[error("{found} seeds for {expected} split seeds")]
    SeedCount {
        /// Number of seeds.
        found: u64,
        /// Number of split seeds.
        expected: u64,
    },
    /// A key given in its section and as an axis.
    #[error("set here and as an axis under `grid`")]
    AlsoAxis,
    /// A setting that no job, or not this point, has.
    #[error("applies only where `{key}` is `{value}`")]
    Inapplicable {
        /// The key that decides.
        key: &'static str,
        /// The value it must have.
        value: String,
    },
    /// A key that belongs to another format of data set.
    #[error("has no meaning for data sets of format `{format}`")]
    OtherFormat {
        /// The format given.
        format: &'static str,
    },
    /// A split of more cases than there are.
    #[error("the split takes {split} cases, the data set has {cases}")]
    TooFewCases {
        /// Cases of the split.
        split: u64,
        /// Cases of the data set.
        cases: u32,
    },
    /// A rotation whose subsets are not two, one and one of four equal blocks.
    #[error("a rotation has four equal blocks, which {train} + {validation} + {test} cases are not")]
    UnequalBlocks {
        /// Cases to train on.
        train: u32,
        /// Cases to select the epoch by.
        validation: u32,
        /// Cases to report on.
        test: u32,
    },
    /// A subset without cases that the objective needs.
    #[error("the objective needs cases in this subset: {reason}")]
    EmptySubset {
        /// What needs them.
        reason: &'static str,
    },
    /// Two sections of which a file can have one.
    #[error("cannot stand beside `{other}`")]
    Contradicts {
        /// The other.
        other: &'static str,
    },
    /// A race without a look.
    #[error("a race looks first at {first} replicates, the sweep has {replicates}")]
    NoLook {
        /// The first look.
        first: u32,
        /// Replicates of the sweep.
        replicates: usize,
    },
    /// A number that is not greater than the one before.
    #[error("must be greater than the {before} before it")]
    NotAscending {
        /// The number before.
        before: u32,
    },
    /// A look after replicates that the sweep does not have, or in the middle of a permutation.
    #[error("no look can be there")]
    LookWithinDraw {
        /// Where one can be.
        ends: Vec<u32>,
    },
    /// Split seeds of which nobody knows how they go on.
    #[error("more replicates than are listed need a rule for their seeds")]
    NoMoreSeeds,
    /// Numbers that do not pair up with the candidates.
    #[error("{found} numbers for {candidates} candidates")]
    CandidateCount {
        /// Numbers given.
        found: usize,
        /// Candidates of the grid.
        candidates: usize,
    },
    /// An image size that a network cannot halve often enough.
    #[error("{size} is no multiple of {divisor}: `{architecture}` halves the image {halvings} times")]
    Indivisible {
        /// The size.
        size: u32,
        /// Its least divisor.
        divisor: u32,
        /// The network.
        architecture: &'static str,
        /// How often it halves the image.
        halvings: u32,
    },
    /// An exclusion without effect.
    #[error("matches no point of the grid")]
    ExcludesNothing,
    /// Exclusions that leave no candidate.
    #[error("no point of the grid is left")]
    ExcludesAll,
    /// An inclusion of a point that is there already.
    #[error("this point is in the grid already")]
    DuplicatePoint,
    /// More jobs than a sweep may have.
    #[error("the grid has {jobs} jobs, more than {limit}")]
    TooManyJobs {
        /// Number of jobs.
        jobs: String,
        /// Greatest number.
        limit: u64,
    },
}

impl Problem {
    /// What would be right: a line each.
    #[must_use]
    pub fn help(&self) -> Vec<String> {
        match self {
            Self::TooLong { .. } | Self::TooManyJobs { .. } => vec!["split the sweep in several".into()],
            Self::TooManyValues { .. } => vec!["write seeds as a range: `{from: 0, to: 99}`".into()],
            Self::Alias => vec!["write the value out".into()],
            Self::SecondDocument => vec!["put every sweep in a file of its own".into()],
            Self::UnknownKey { nearest, allowed } | Self::UnknownName { nearest, allowed, .. } => {
                let meant = nearest.iter().map(|name| format!("did you mean `{name}`?"));
                meant.chain([format!("allowed: {}", allowed.join(", "))]).collect()
            }
            Self::OutOfRange { allowed, .. } => vec![format!("allowed: {allowed}")],
            Self::BadName(_) => vec!["allowed: 1 to 128 characters of A-Z, a-z, 0-9, `.`, `_` and `-`".into()],
            Self::EmptyList => vec!["give at least one value, or leave the key out".into()],
            Self::SeedCount { .. } => vec!["allowed: one number for all, or as many as there are split seeds".into()],
            Self::AlsoAxis | Self::Contradicts { .. } => vec!["keep one of the two".into()],
            Self::NoLook { .. } => {
                vec!["ask for more replicates, or name earlier looks, such as `looks: [2, 3]`".into()]
            }
            Self::LookWithinDraw { ends } => vec![format!("allowed: {}", listed(ends))],
            Self::NoMoreSeeds => vec!["give split seeds as a count or a range, and no lists of other seeds".into()],
            Self::CandidateCount { .. } => {
                vec!["allowed: one number for all, one for each candidate, or `{from: .., to: ..}`".into()]
            }
            Self::UnequalBlocks { train, validation, test } => {
                let block =
                    [train, validation, test].map(|cases| u64::from(*cases)).iter().sum::<u64>() / Split::BLOCKS;
                let (block, two) = (block.max(1), 2 * block.max(1));
                vec![format!(
                    "two blocks train, one validates, one is tested: `train: {two}, validation: {block}, test: {block}`"
                )]
            }
            Self::ExcludesNothing | Self::DuplicatePoint => vec!["remove this entry".into()],
            Self::ExcludesAll => vec!["remove an entry of `exclude`".into()],
            _ => Vec::new(),
        }
    }
}

/// The numbers of replicates at which a look can be; the first and the last of many.
fn listed(ends: &[u32]) -> String {
    let ends: Vec<_> = ends.iter().filter(|end| **end > 1).map(ToString::to_string).collect();
    match &ends[..] {
        [first @ .., last] if first.len() > 10 => format!("{}, ..., {last}", first[..8].join(", ")),
        _ => ends.join(", "),
    }
}

/// The name among `allowed` that `name` was most probably meant to be.
pub(super) fn nearest(name: &str, allowed: &[String]) -> Option<String> {
    /// Longer names are meant to be none of ours, and comparing takes their length squared.
    const LONGEST: usize = 64;
    if name.len() > LONGEST {
        return None;
    }
    let name = name.to_lowercase();
    let distance = |candidate: &str| strsim::damerau_levenshtein(&name, candidate);
    let (best, candidate) = allowed
        .iter()
        // `batch_size` is meant to be `training.batch_size`
        .map(|candidate| {
            let last = candidate.rsplit('.').next().unwrap_or(candidate);
            (distance(candidate).min(distance(last)), candidate)
        })
        .min_by_key(|(distance, _)| *distance)?;
    (best <= 1 + name.len() / 5).then(|| candidate.clone())
}
