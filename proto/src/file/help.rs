//! What would put each mistake right.

use super::mistake::Mistake;
use crate::spec::Split;

impl Mistake {
    /// How to put it right, one line per suggestion.
    #[must_use]
    pub fn help(&self) -> Vec<String> {
        match self {
            Self::TooLong { .. } | Self::TooManyJobs { .. } => vec!["split the sweep into several".into()],
            Self::TooManyValues { .. } => vec!["write seeds as a range: `{from: 0, to: 99}`".into()],
            Self::Alias => vec!["write the value out".into()],
            Self::Merge => vec!["write the keys out".into()],
            Self::FalseSpace { .. } => vec!["replace it by a space, or put the text in quotes".into()],
            Self::NotUtf8 { .. } => vec!["save the file as UTF-8".into()],
            Self::Tilde => vec!["give the whole path; `./~` is a folder of that name".into()],
            Self::Variable(_) => vec!["write the value out; `--data NAME=PATH` gives the folder of a data set".into()],
            Self::RangeOfNames => vec!["give the names as a list".into()],
            Self::ShortZip => vec!["such as `zip: [learning_rate, training.batch_size]`".into()],
            Self::Insufficient { loss, .. } => vec![format!("add it to another, such as `{{bce: 1.0, {loss}: 0.01}}`")],
            Self::SecondDocument => vec!["put each of them in a file of its own".into()],
            Self::UnknownKey { allowed, .. } if allowed.is_empty() => vec!["there are no keys here".into()],
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
            Self::LookBeyondReplicates { ends, .. } | Self::LookWithinDraw { ends } => {
                vec![format!("allowed: {}", listed(ends))]
            }
            Self::NoMoreSeeds => {
                vec!["give the split seeds as a count or a range, and the other seeds not as lists".into()]
            }
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
            Self::NoTestSize => {
                vec!["give it as well: `test: 50` cases, `test: 0.25` of all cases, or `test: rest`".into()]
            }
            Self::RotationOfShares => vec!["for shares take `scheme: kfold`".into()],
            Self::Norm { architecture, .. } => vec![
                "use `batch` or `group`".into(),
                format!(
                    "or exclude these candidates: `exclude: [{{architecture: {architecture}, model.norm: instance}}]`"
                ),
            ],
            Self::Indivisible { size, divisor, .. } => match size - size % divisor {
                0 => vec![format!("use {divisor}")],
                below => vec![format!("use {below} or {}", below + divisor)],
            },
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
