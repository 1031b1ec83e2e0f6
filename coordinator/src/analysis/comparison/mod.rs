//! Observations -> Analysis: how large the differences between candidates are, and which of them are real. Every table, figure
//! and sentence takes its numbers from here. Knows neither tables nor sentences.
//!
//! Three questions have three answers, and each number says which it belongs to:
//!
//! ```text
//!  this pool   other random splits of these cases         naive t, sign flips, ranks
//!  new data    new cases, trained and tested alike        Nadeau-Bengio's correction, correlated t
//!  new cases   new test cases, training sets of this pool clustered by case and split
//! ```

mod effects;
mod factors;
mod grid;
mod options;
mod pair;
mod pairing;
mod performance;
mod power;
mod ranks;
mod selection;
mod student;
#[cfg(test)]
mod tests;
mod variance;
mod warning;

pub use effects::{Effect, EffectTable, Effects, LevelMean};
pub use options::Options;
pub use pair::{Clustered, Comparison, Family, Finding, Flips, Pair, Posterior, Settle, Superiority};
pub use performance::{NewData, Performance, Share, Verdicts};
pub use power::{Detectable, Power};
pub use ranks::{MAX_IN_HISTOGRAM, Ranks, Test};
pub use selection::{Pick, Selection};
pub use variance::{Component, Crossed, TestSampling, TwoWay, Variance};
pub use warning::Warning;

use super::observations::{DEFAULT_RATIO, Observations};
use grid::Grid;
use pairing::{Compared, Pairing};
use performance::Performances;
use serde::Serialize;
use student::Students;

/// Maximum number of pairs that are kept: those of 200 candidates. Of more, those with the best: half a million are no answer.
const MAX_PAIRS: usize = 19_900;

/// Everything that a sweep's scores come to. Candidates are named by their index in the observations, here as everywhere.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// What the scores are.
    pub metric: String,
    /// Whether a greater score is a better one.
    pub higher_is_better: bool,
    /// What was asked for.
    pub options: Options,
    /// Test cases by training cases, with which intervals for new data are made.
    pub ratio: f64,
    /// Whether the observations knew the ratio; else it is [`DEFAULT_RATIO`].
    pub ratio_is_known: bool,
    /// Number of replicates.
    pub replicates: usize,
    /// Number of different splits among them.
    pub splits: usize,
    /// One per candidate, in the order of the plan.
    pub candidates: Vec<Performance>,
    /// One per baseline.
    pub baselines: Vec<Performance>,
    /// Every candidate with every later one; of many candidates, every one with the best.
    pub pairs: Family,
    /// Every candidate (`first`) with every baseline (`second`, an index of `baselines`): a family of its own, so that baselines
    /// cost the candidates' comparisons no power.
    pub against_baselines: Family,
    /// Ranks over the splits; `None` for fewer than two candidates or two splits on which all candidates ended.
    pub ranks: Option<Ranks>,
    /// Which axes matter; `None` if the candidates are no full grid.
    pub effects: Option<Effects>,
    /// Where the spread comes from.
    pub variance: Variance,
    /// What these splits, and more of them, can detect.
    pub power: Power,
    /// The best candidate by validation, and what it costs to pick by test; `None` without scores.
    pub selection: Option<Selection>,
    /// Reservations that a reader must know before believing the numbers.
    pub warnings: Vec<Warning>,
}

impl Analysis {
    /// Compares everything that the observations hold. Candidates are paired only where both have a score, on the same cases.
    #[must_use]
    pub fn of(observations: &Observations, options: &Options) -> Self {
        let grid = Grid::of(observations);
        let splits = grid.splits.len();
        let students = Students::new(splits.max(observations.replicates.len()), options.alpha);
        let known = options.ratio.or(observations.ratio);
        let ratio = known.unwrap_or(DEFAULT_RATIO);
        let rows = Performances { grid: &grid, students: &students, options, ratio };
        let candidates = rows.candidates(observations);
        let baselines = rows.baselines(observations);
        let pairing = Pairing { grid: &grid, students: &students, options, ratio };
        let tests: Vec<Option<f64>> = candidates.iter().map(|row| row.scores.mean).collect();
        let selection = Selection::of(&grid, observations, &tests);
        let best = selection.as_ref().map(|selection| selection.best().candidate);
        let (count, rows) = (candidates.len() as u32, grid.rows.len() as u32);
        let mut among = Vec::with_capacity(candidates.len() * candidates.len().saturating_sub(1) / 2);
        among.extend((0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))));
        let against: Vec<_> = (0..count).flat_map(|a| (count..rows).map(move |b| (a, b))).collect();
        let is_kept = |(a, b)| among.len() <= MAX_PAIRS || best == Some(a) || best == Some(b);
        let Compared { family: pairs, typical_sd, tested } = pairing.family(&among, is_kept);
        Self {
            metric: observations.metric.clone(),
            higher_is_better: observations.higher_is_better,
            options: options.clone(),
            ratio,
            ratio_is_known: known.is_some(),
            replicates: observations.replicates.len(),
            splits,
            against_baselines: pairing.family(&against, |_| true).family,
            ranks: Ranks::of(&grid, || pairing.wilcoxon(&among), options),
            effects: Effects::of(&grid, observations),
            variance: Variance::of(&grid, observations, options),
            power: Power::of(splits, typical_sd, tested, ratio, options),
            selection,
            warnings: Warning::all(&grid, &candidates, observations, options),
            candidates,
            baselines,
            pairs,
        }
    }
}
