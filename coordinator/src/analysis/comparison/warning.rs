//! What a reader must know before believing the numbers.

use super::finding::{Finding, MIN_SPLITS};
use super::grid::{Grid, mean};
use super::options::Options;
use super::pair::{Family, Pair};
use super::performance::Performance;
use crate::analysis::observations::{DEFAULT_RATIO, Observations, ReplicatesAre};
use crate::text::{number, plural};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// Maximum number of pairs that a warning names.
const MAX_PAIRS: usize = 3;

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
    /// Replicates are seeds: they may share one split, and then say nothing of new data.
    Seeds,
    /// The splits are not drawn as the correction for new data needs it.
    NoCorrection {
        /// Whether a file lists them; else their test cases are fixed.
        is_listed: bool,
        /// The ratio that columns for new data assume.
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
    /// Every job of a split ended without a score: the split counts for nothing.
    EmptySplits {
        /// The names of its replicates.
        replicates: Vec<String>,
        /// Number of splits with a score.
        splits: usize,
    },
    /// A candidate has the same score on all its splits.
    Constant {
        /// The candidate's name.
        candidate: String,
        /// The score.
        score: f64,
    },
    /// Something was decided by another metric than the one that is shown.
    DecidedBy {
        /// The metric that is shown.
        metric: String,
        /// The metric by which it was decided.
        by: String,
        /// Whether each job's epoch was.
        epochs: bool,
        /// Whether it was who stops early.
        stops: bool,
    },
    /// Two candidates have equal scores on all splits that they share, and are not the best.
    Identical {
        /// The one's name.
        first: String,
        /// The other's name.
        second: String,
    },
    /// Candidates of which something is claimed for new data rise and fall together over the splits: the correction may assume too little.
    Together {
        /// The names of each two, those that do most first.
        pairs: Vec<[String; 2]>,
        /// The greatest correlation, without what the splits do to all candidates.
        correlation: f64,
    },
    /// Scores far outside of a candidate's others, where verdicts are not known.
    FarOutside {
        /// The candidate's name.
        candidate: String,
        /// The names of the replicates.
        replicates: Vec<String>,
        /// Their scores.
        scores: Vec<f64>,
        /// The mean of the others.
        others: f64,
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
            Self::NoCorrection { is_listed, ratio } => {
                let why = if *is_listed { "a file lists the splits" } else { "all splits have the same test cases" };
                write!(f, "{why}, so no correction for new data is known; columns for new data assume a ratio of {ratio}, and nothing is claimed from them")
            }
            Self::Seeds => f.write_str(
                "the replicates are seeds: if they share one split, nothing here holds for other splits or new data; name the column of the split, or give the ratio of test to training cases",
            ),
            Self::Rotated { permutations, splits } => {
                let permutations = plural(*permutations as u64, "permutation");
                write!(f, "the {splits} splits are turns of {permutations}; intervals are on the safe side")
            }
            Self::EmptySplits { replicates, splits } => {
                let (names, splits) = (replicates.join(", "), plural(*splits as u64, "split"));
                write!(f, "no job has a score on replicate {names}: {splits} count")
            }
            Self::Constant { candidate, score } => {
                write!(f, "{candidate} has the same score on all splits ({}): is it a trained model?", number(*score))
            }
            Self::DecidedBy { metric, by, epochs, stops } => {
                let what = match (epochs, stops) {
                    (true, true) => "each job's epoch was chosen, and candidates were stopped,",
                    (true, false) => "each job's epoch was chosen",
                    (false, _) => "candidates were stopped",
                };
                write!(f, "{what} by the {by} of the validation cases; by their {metric} it might have been others")
            }
            Self::Identical { first, second } => {
                write!(f, "{first} and {second} have the same score on every split: is one a copy of the other?")
            }
            Self::Together { pairs, correlation } => {
                let shown = pairs.iter().take(MAX_PAIRS).map(|[one, other]| format!("{one} and {other}"));
                let mut named = shown.collect::<Vec<_>>().join(", ");
                if pairs.len() > MAX_PAIRS {
                    named += &format!(", {}", plural((pairs.len() - MAX_PAIRS) as u64, "more pair"));
                }
                let their = if pairs.len() == 1 { "their difference varies" } else { "their differences vary" };
                write!(
                    f,
                    "{named} rise and fall together over the splits (correlation {correlation:.2}): {their} little, and intervals for new \
                     data take from that how much other images would change it; it may be more"
                )
            }
            Self::FarOutside { candidate, replicates, scores, others } => {
                let each = replicates.iter().zip(scores).map(|(name, score)| format!("{name} ({})", number(*score)));
                let each = each.collect::<Vec<_>>().join(", ");
                write!(
                    f,
                    "{candidate}: far outside of its others is replicate {each}; it decides the mean, which is {} without",
                    number(*others)
                )
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
        if options.ratio.or(observations.ratio).is_some() {
            // somebody knows what the replicates are
        } else if observations.replicates_are == ReplicatesAre::Seeds {
            warnings.push(Self::Seeds);
        } else if observations.replicates_are.reach_new_data() {
            warnings.push(Self::RatioAssumed { ratio: DEFAULT_RATIO });
        } else {
            let is_listed = observations.replicates_are == ReplicatesAre::ListedSplits;
            warnings.push(Self::NoCorrection { is_listed, ratio: DEFAULT_RATIO });
        }
        let observed = grid.splits.iter().flatten();
        let permutations: BTreeSet<u64> =
            observed.filter_map(|replicate| observations.replicates[*replicate].permutation).collect();
        if !permutations.is_empty() {
            warnings.push(Self::Rotated { permutations: permutations.len(), splits: grid.splits.len() });
        }
        warnings.extend(observations.decided.as_ref().map(|decided| Self::DecidedBy {
            metric: observations.metric.clone(),
            by: decided.metric.clone(),
            epochs: decided.epochs,
            stops: decided.stops,
        }));
        warnings.extend(empty_splits(grid, observations));
        warnings.extend(of_rows(grid, rows, observations));
        warnings
    }
}

/// The splits on which jobs ended, and none of them has a score.
fn empty_splits(grid: &Grid, observations: &Observations) -> Option<Warning> {
    let scored = |split: &&Vec<usize>| {
        grid.of_candidates().iter().any(|row| split.iter().any(|replicate| !row.scores[*replicate].is_nan()))
    };
    let empty: Vec<&Vec<usize>> = grid.splits.iter().filter(|split| !scored(split)).collect();
    let label = |replicate: &usize| observations.replicates[*replicate].label.clone();
    let splits = grid.splits.len() - empty.len();
    (splits > 0 && !empty.is_empty())
        .then(|| Warning::EmptySplits { replicates: empty.into_iter().flatten().map(label).collect(), splits })
}

/// Scores that do not vary, and scores that vary too much.
fn of_rows(grid: &Grid, rows: &[Performance], observations: &Observations) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (row, of) in grid.of_candidates().iter().zip(rows) {
        let candidate = of.label.clone();
        // where every candidate is constant, the first sentence of the answer says so
        if let (Some(least), Some(most)) = (of.scores.min, of.scores.max)
            && least == most
            && of.scores.n >= MIN_SPLITS
            && grid.resolution > 0.0
        {
            warnings.push(Warning::Constant { candidate: candidate.clone(), score: least });
        }
        let known = || (0..row.scores.len()).filter(|replicate| !row.scores[*replicate].is_nan());
        let far: Vec<usize> = known().filter(|replicate| row.far[*replicate]).collect();
        if !far.is_empty() {
            warnings.push(Warning::FarOutside {
                candidate,
                replicates: far.iter().map(|replicate| observations.replicates[*replicate].label.clone()).collect(),
                scores: far.iter().map(|replicate| row.scores[*replicate]).collect(),
                others: mean(known().filter(|replicate| !row.far[*replicate]).map(|replicate| row.scores[replicate])),
            });
        }
    }
    warnings
}

/// The pairs of candidates that are copies of each other, but for those with the best, which the answer names.
pub(super) fn identical(pairs: &Family, rows: &[Performance], best: Option<usize>) -> Vec<Warning> {
    let is_copy =
        |pair: &&Pair| pair.finding == Finding::Identical && best != Some(pair.first) && best != Some(pair.second);
    let label = |candidate: usize| rows[candidate].label.clone();
    let copies = pairs.pairs.iter().filter(is_copy);
    copies.map(|pair| Warning::Identical { first: label(pair.first), second: label(pair.second) }).collect()
}
