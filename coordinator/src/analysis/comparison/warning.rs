//! What a reader must know before believing the numbers.

use super::grid::Grid;
use super::options::Options;
use super::performance::Performance;
use crate::analysis::observations::{DEFAULT_RATIO, Observations};
use crate::text::plural;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// A warning. `Display` says it in one line.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// Jobs ended without a score.
    WithoutScore {
        /// The candidate's name.
        candidate: String,
        /// Number of its jobs.
        jobs: usize,
        /// How many of them ended without a score.
        count: usize,
    },
    /// Jobs collapsed, and count with the score they have.
    Collapsed {
        /// The candidate's name.
        candidate: String,
        /// Number of its jobs.
        jobs: usize,
        /// How many of them have another verdict than `trained`, and a score.
        count: usize,
    },
    /// Jobs have not ended.
    Unfinished {
        /// Number of jobs.
        jobs: usize,
        /// How many of them have not ended.
        count: usize,
    },
    /// Candidates were dropped, and have fewer jobs than others.
    Dropped {
        /// How many candidates.
        candidates: usize,
        /// How many jobs were not run.
        jobs: usize,
    },
    /// Candidates were tested on different cases under one replicate: they are not paired there.
    SplitsDiffer {
        /// The replicate's name.
        replicate: String,
        /// The candidates whose split is not that of most.
        candidates: Vec<String>,
    },
    /// Nobody said how many cases were tested and trained on: the ratio is assumed.
    RatioAssumed {
        /// The ratio.
        ratio: f64,
    },
    /// The splits are turns of a few permutations. Within a permutation every case is tested once, so that the ease of cases cancels:
    /// the means are better than their intervals, which take the splits for independent.
    Rotated {
        /// Number of permutations.
        permutations: usize,
        /// Number of splits.
        splits: usize,
    },
    /// Too few splits for sign flips ever to reach the level.
    FewSplits {
        /// Number of splits.
        splits: usize,
        /// Number of splits from which they can.
        needed: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WithoutScore { candidate, jobs, count } => {
                write!(f, "{candidate}: {count} of {jobs} jobs ended without a score; the mean is of the others only")
            }
            Self::Collapsed { candidate, jobs, count } => {
                write!(f, "{candidate}: {count} of {jobs} jobs did not train; they count with the score they have")
            }
            Self::Unfinished { jobs, count } => write!(f, "{count} of {jobs} jobs have not ended"),
            Self::Dropped { candidates, jobs } => {
                write!(
                    f,
                    "{} stopped early, {} not run; they are compared on the splits that they share with others",
                    plural(*candidates as u64, "candidate"),
                    plural(*jobs as u64, "job")
                )
            }
            Self::SplitsDiffer { replicate, candidates } => {
                let names = candidates.join(", ");
                write!(f, "replicate {replicate}: tested on other cases than the rest, so not paired there: {names}")
            }
            Self::RatioAssumed { ratio } => {
                write!(f, "the ratio of test to training cases is not known; intervals for new data assume {ratio}")
            }
            Self::Rotated { permutations, splits } => {
                let permutations = plural(*permutations as u64, "permutation");
                write!(f, "the {splits} splits are turns of {permutations}; intervals are on the safe side")
            }
            Self::FewSplits { splits, needed } => {
                let splits = plural(*splits as u64, "split");
                write!(f, "with {splits} no difference can be shown on this pool by sign flips; that takes {needed}")
            }
        }
    }
}

impl Warning {
    /// All that there is to warn of.
    pub(super) fn all(grid: &Grid, rows: &[Performance], observations: &Observations, options: &Options) -> Vec<Self> {
        let mut warnings = Vec::new();
        for row in rows {
            let (candidate, jobs) = (row.label.clone(), row.jobs);
            let collapsed = row.not_trained.count - row.without_score;
            if row.without_score > 0 {
                warnings.push(Self::WithoutScore { candidate: candidate.clone(), jobs, count: row.without_score });
            }
            if collapsed > 0 {
                warnings.push(Self::Collapsed { candidate, jobs, count: collapsed });
            }
        }
        let missing: usize = rows.iter().map(|row| row.missing).sum();
        if missing > 0 {
            warnings.push(Self::Unfinished { jobs: rows.iter().map(|row| row.jobs).sum(), count: missing });
        }
        let dropped: usize = rows.iter().map(|row| row.dropped).sum();
        if dropped > 0 {
            let candidates = rows.iter().filter(|row| row.dropped > 0).count();
            warnings.push(Self::Dropped { candidates, jobs: dropped });
        }
        for (replicate, of) in observations.replicates.iter().enumerate().filter(|(at, _)| !grid.is_one_split(*at)) {
            let others = grid.of_candidates().iter().zip(rows).filter(|(row, _)| row.split_ids[replicate] > 1);
            let candidates = others.map(|(_, row)| row.label.clone()).collect();
            warnings.push(Self::SplitsDiffer { replicate: of.label.clone(), candidates });
        }
        if options.ratio.or(observations.ratio).is_none() {
            warnings.push(Self::RatioAssumed { ratio: DEFAULT_RATIO });
        }
        let observed = grid.splits.iter().flatten();
        let permutations: BTreeSet<u64> =
            observed.filter_map(|replicate| observations.replicates[*replicate].permutation).collect();
        if !permutations.is_empty() {
            warnings.push(Self::Rotated { permutations: permutations.len(), splits: grid.splits.len() });
        }
        // the rarest flips are the observed one and its opposite
        let needed = (2.0 / options.alpha).log2().ceil() as usize;
        if grid.splits.len() < needed {
            warnings.push(Self::FewSplits { splits: grid.splits.len(), needed });
        }
        warnings
    }
}
