//! Everything that can be wrong with a sweep file or a job file.

use thiserror::Error;

/// One thing that is wrong. The message completes `<key>: `; [`help`](Self::help) says what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Mistake {
    /// The text is not valid YAML.
    #[error("{0}")]
    Syntax(String),
    /// The file is too long.
    #[error("the file has {bytes} bytes, the maximum is {limit}")]
    TooLong {
        /// Length of the file.
        bytes: usize,
        /// Maximum length.
        limit: usize,
    },
    /// Lists or mappings are nested too deeply.
    #[error("nested more than {limit} levels deep")]
    TooDeep {
        /// Maximum depth.
        limit: usize,
    },
    /// The file has too many values.
    #[error("more than {limit} values")]
    TooManyValues {
        /// Maximum number.
        limit: usize,
    },
    /// An alias (`*name`): a few of them can stand for billions of values.
    #[error("aliases are not allowed")]
    Alias,
    /// A merge key (`<<`).
    #[error("merge keys are not allowed")]
    Merge,
    /// A tag of YAML's own that contradicts the value, such as `!!int x`.
    #[error("the value does not match its tag `!!{tag}`")]
    WrongTag {
        /// Name of the tag.
        tag: String,
    },
    /// A character that looks like a space and is part of a word.
    #[error("{} (U+{:04X}) instead of a space", space_name(*found), *found as u32)]
    FalseSpace {
        /// The character.
        found: char,
    },
    /// Bytes that are not text in UTF-8.
    #[error("the byte 0x{byte:02X} is not valid UTF-8")]
    NotUtf8 {
        /// The first such byte.
        byte: u8,
    },
    /// A path that begins with a tilde, which only a shell replaces.
    #[error("`~` is not replaced by the home folder")]
    Tilde,
    /// An environment variable, which only a shell replaces.
    #[error("`{0}` is not replaced: a sweep file knows no environment variables")]
    Variable(String),
    /// A range between choices.
    #[error("there are no values between names")]
    RangeOfNames,
    /// A range with equal ratios that has 0 at an end.
    #[error("a logarithmic range cannot begin or end at 0")]
    LogOfZero,
    /// An axis in two groups of axes that advance together, or twice in one.
    #[error("`{0}` is in a zip already")]
    ZippedTwice(&'static str),
    /// Axes that cannot advance together.
    #[error("`{axis}` has {values} values, `{first}` has {first_values}: axes of a zip need equally many")]
    UnequalZip {
        /// The axis.
        axis: &'static str,
        /// How many values it has.
        values: usize,
        /// The first axis of the group.
        first: &'static str,
        /// How many values that has.
        first_values: usize,
    },
    /// An axis that has nothing to advance with.
    #[error("a zip needs at least two axes")]
    ShortZip,
    /// A second document after `---`.
    #[error("a file holds one document")]
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
        /// The type that belongs here.
        expected: String,
        /// The value in the file.
        found: String,
    },
    /// A name that is not one of the choices.
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
    #[error("`{0}` is not a valid name")]
    BadName(String),
    /// A list without elements.
    #[error("the list is empty")]
    EmptyList,
    /// A list with too many elements.
    #[error("the list has {found} entries, the maximum is {limit}")]
    LongList {
        /// Number of elements.
        found: usize,
        /// Maximum number.
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
    /// A setting without effect on any job, or on this point.
    #[error("applies only where `{key}` {value}")]
    Inapplicable {
        /// The key that decides.
        key: &'static str,
        /// What it must be, as the end of the sentence.
        value: String,
    },
    /// A loss that no network can be trained on without another.
    #[error("`{loss}` cannot be trained on alone: {reason}")]
    Insufficient {
        /// The loss.
        loss: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// A key that belongs to another format of data set.
    #[error("does not apply to data sets of format `{format}`")]
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
    #[error(
        "a rotation needs four equal blocks (train = 2n, validation = test = n), found {train} + {validation} + {test}"
    )]
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
        /// The key that needs them.
        reason: &'static str,
    },
    /// Two sections of which a file can have one.
    #[error("cannot be combined with `{other}`")]
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
    #[error("must be greater than {before}, the look before it")]
    NotAscending {
        /// The number before.
        before: u32,
    },
    /// A look after replicates that the sweep does not have.
    #[error("the sweep has only {replicates} replicates")]
    LookBeyondReplicates {
        /// Replicates of the sweep.
        replicates: u32,
        /// Where a look can be.
        ends: Vec<u32>,
    },
    /// A look in the middle of a permutation.
    #[error("a look must fall between permutations, not inside one")]
    LookWithinDraw {
        /// Where a look can be.
        ends: Vec<u32>,
    },
    /// Split seeds that `until` would have to extend without a rule for it.
    #[error("cannot extend an explicit list of seeds")]
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
    #[error("{size} is not a multiple of {divisor}: `{architecture}` halves the image {halvings} times")]
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
    /// A norm that a network cannot have.
    #[error("`{architecture}` cannot have {norm} norm: behind its mean over the image that would leave nothing")]
    Norm {
        /// The network.
        architecture: &'static str,
        /// The norm.
        norm: &'static str,
    },
    /// A loss that is defined for masks only, and labels between 0 and 1.
    #[error("`{loss}` takes labels of 0 and 1: remove `label_smoothing`, or take another loss")]
    SmoothedLabels {
        /// The loss.
        loss: &'static str,
    },
    /// A key of another scheme of splitting.
    #[error("the scheme is `{scheme}`, this key belongs to {other}")]
    OtherScheme {
        /// The scheme of the file.
        scheme: &'static str,
        /// The schemes that have the key.
        other: &'static str,
    },
    /// Sizes of other subsets, but none of the test subset.
    #[error("the size of the test subset is missing")]
    NoTestSize,
    /// Two subsets that are to have what the others leave.
    #[error("`{other}` has the rest already")]
    TwoRests {
        /// The other subset.
        other: &'static str,
    },
    /// Shares that make up more than the data set.
    #[error("the shares add up to {percent} %")]
    SharesAboveOne {
        /// Their sum.
        percent: u64,
    },
    /// A rotation whose sizes depend on the data set.
    #[error("the blocks of a rotation are given as numbers of cases")]
    RotationOfShares,
    /// A file that lists cases and cannot be used.
    #[error("`{name}`: {reason}")]
    ListFile {
        /// The file.
        name: String,
        /// Why not.
        reason: String,
    },
    /// A list of cases that cannot be used.
    #[error("{reason}")]
    List {
        /// Why not.
        reason: String,
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
    #[error("the grid has {jobs} jobs, the maximum is {limit}")]
    TooManyJobs {
        /// Number of jobs.
        jobs: String,
        /// Maximum number.
        limit: u64,
    },
}

/// The name of a character that looks like a space.
fn space_name(found: char) -> &'static str {
    match found {
        '\u{a0}' | '\u{2007}' | '\u{202f}' => "a no-break space",
        '\u{200b}' | '\u{2060}' => "an invisible character",
        '\u{feff}' => "a byte-order mark",
        _ => "a foreign space",
    }
}
