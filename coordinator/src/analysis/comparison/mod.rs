//! Observations -> Analysis: how large the differences between candidates are, and which of them are real. Every table, figure
//! and sentence takes its numbers from here. Knows neither tables nor sentences.
//!
//! Three questions have three answers, and each number says which it belongs to:
//!
//! ```text
//!  this pool   other random splits of these cases            t, sign flips, ranks
//!  new cases   new test cases, networks trained on these     clustered by case and split
//!  new data    new cases, networks trained on new ones       Nadeau-Bengio's correction, correlated t
//! ```
//!
//! ```text
//!  grid ---> performance, selection                 one candidate, and the best of them
//!    +-----> pairing --decide--> Family             every two candidates
//! ```

mod decide;
mod effects;
mod factors;
mod finding;
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
mod together;
mod variance;
mod warning;

pub use effects::{Effect, EffectTable, Effects, LevelMean};
pub use finding::{Finding, MIN_SPLITS, Question};
pub use options::Options;
pub use pair::{Clustered, Comparison, Family, Flips, NotWorse, Pair, Posterior, Simultaneous, Superiority};
pub use performance::{NewData, Performance, Share, Verdicts};
pub use power::{Design, Detectable, Power};
pub use ranks::{MAX_IN_HISTOGRAM, Ranks, Test};
pub use selection::{Pick, Selection};
pub use variance::{Component, Crossed, TestSampling, TwoWay, Variance};
pub use warning::Warning;

pub use crate::stats::prediction::Outlook;

use super::observations::{DEFAULT_RATIO, Observations};
use grid::Grid;
use pairing::{Compared, Pairing, RowPair};
use performance::Performances;
use serde::Serialize;
use student::Students;

/// Without a stated margin, a difference does not matter that is this share of the spread over splits.
const ROPE_SHARE: f64 = 0.25;

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
    /// The ratio with which intervals for new data are made: test cases by the cases of the pool that a split does not test.
    pub ratio: f64,
    /// Whether the observations knew the ratio; else it is [`DEFAULT_RATIO`].
    pub ratio_is_known: bool,
    /// Differences up to this size do not matter: what was asked for, else a quarter of [`typical_spread`](Self::typical_spread).
    pub rope: f64,
    /// Median over candidates of the standard deviation of the scores over splits; `None` for fewer than two splits.
    pub typical_spread: Option<f64>,
    /// Number of cases that the splits are drawn from; `None` if not known.
    pub pool: Option<usize>,
    /// Number of replicates.
    pub replicates: usize,
    /// Number of different splits among them.
    pub splits: usize,
    /// One per candidate, in the order of the plan.
    pub candidates: Vec<Performance>,
    /// One per baseline.
    pub baselines: Vec<Performance>,
    /// Every candidate with every later one; of many candidates, every one with the best. If one candidate is the reference, every other
    /// one with that.
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
        Self::made(observations, options, true)
    }

    /// What an analysis says of each candidate by itself, and which one leads: the same numbers, soon. It has no pairs, no ranks, and
    /// nothing that follows from them.
    #[must_use]
    pub fn outline(observations: &Observations, options: &Options) -> Self {
        Self::made(observations, options, false)
    }

    fn made(observations: &Observations, options: &Options, compares: bool) -> Self {
        let grid = Grid::of(observations, options.failed_score);
        let splits = grid.splits.len();
        let students = Students::new(splits.max(observations.replicates.len()), options.alpha);
        let known = options.ratio.or(observations.ratio);
        let ratio = known.unwrap_or(DEFAULT_RATIO);
        let rows = Performances { grid: &grid, students: &students, options, ratio, range: observations.range };
        let candidates = rows.candidates(observations);
        let baselines = rows.baselines(observations);
        let typical_spread = median(candidates.iter().filter_map(|row| row.scores.sd).collect());
        let rope = options.rope.unwrap_or_else(|| typical_spread.unwrap_or(0.0) * ROPE_SHARE);
        let reaches_new_data = options.ratio.is_some() || observations.replicates_are.reach_new_data();
        let pairing = Pairing { grid: &grid, students: &students, options, ratio, reaches_new_data, rope };
        let tests: Vec<Option<f64>> = candidates.iter().map(|row| row.scores.mean).collect();
        let mut selection = Selection::of(&grid, observations, &tests);
        let best = selection.as_ref().map(|selection| selection.best().candidate);
        let (count, rows) = if compares { (candidates.len() as u32, grid.rows.len() as u32) } else { (0, 0) };
        let among = among(count, options.against);
        let against: Vec<_> = (0..count).flat_map(|a| (count..rows).map(move |b| (a, b))).collect();
        let is_kept = |(a, b)| among.len() <= MAX_PAIRS || best == Some(a) || best == Some(b);
        let Compared { family: pairs, typical_sd, tested } = pairing.family(&among, is_kept);
        if let Some(selection) = &mut selection {
            selection.flattery = selection.flattery(&grid, &pairs);
        }
        let mut warnings = Warning::all(&grid, &candidates, observations, options);
        warnings.extend(warning::identical(&pairs, &candidates, best));
        warnings.extend(together::warning(&grid, &pairs, &candidates));
        Self {
            metric: observations.metric.clone(),
            higher_is_better: observations.higher_is_better,
            options: options.clone(),
            ratio,
            ratio_is_known: known.is_some(),
            rope,
            typical_spread,
            pool: observations.pool,
            replicates: observations.replicates.len(),
            splits,
            against_baselines: pairing.family(&against, |_| true).family,
            ranks: compares.then(|| Ranks::of(&grid, options)).flatten(),
            effects: Effects::of(&grid, observations),
            variance: Variance::of(&grid, observations, options),
            power: Power::of(
                &Design { splits, pairs: tested, ratio, alpha: options.alpha, power: options.power },
                typical_sd,
            ),
            selection,
            warnings,
            candidates,
            baselines,
            pairs,
        }
    }

    /// The candidates, the best adjusted mean first, those without a score last.
    #[must_use]
    pub fn by_score(&self) -> Vec<usize> {
        let key = |candidate: &usize| match self.candidates[*candidate].ordered_by() {
            Some(mean) if self.higher_is_better => -mean,
            Some(mean) => mean,
            None => f64::INFINITY,
        };
        let mut order: Vec<usize> = (0..self.candidates.len()).collect();
        order.sort_by(|a, b| key(a).total_cmp(&key(b)));
        order
    }

    /// Groups of neighbours in the order of the ranks, first and last position, in which no pair differs by Wilcoxon's test after Holm;
    /// none without ranks. `observations` are those of this analysis.
    ///
    /// All pairs are tested when this is called first: of thousands of candidates that takes long, and few ask.
    #[must_use]
    pub fn cliques(&self, observations: &Observations) -> &[(usize, usize)] {
        let Some(ranks) = &self.ranks else { return &[] };
        ranks.cliques.get_or_init(|| {
            let grid = Grid::of(observations, self.options.failed_score);
            let p = pairing::wilcoxon(&grid, &all_pairs(self.candidates.len() as u32));
            ranks::cliques(&ranks.order, &p, self.options.alpha)
        })
    }
}

/// Every two candidates; with a reference, it and every other one.
fn among(count: u32, reference: Option<usize>) -> Vec<RowPair> {
    let Some(reference) = reference else { return all_pairs(count) };
    let reference = reference as u32;
    let mut pairs: Vec<_> = (0..count)
        .filter(|other| *other != reference)
        .map(|other| (other.min(reference), other.max(reference)))
        .collect();
    pairs.sort_unstable();
    pairs
}

fn all_pairs(count: u32) -> Vec<RowPair> {
    let mut pairs = Vec::with_capacity(count as usize * count.saturating_sub(1) as usize / 2);
    pairs.extend((0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b))));
    pairs
}

/// The middle number, or the mean of the middle two.
fn median(mut numbers: Vec<f64>) -> Option<f64> {
    let middle = numbers.len().checked_sub(1)? / 2;
    let is_even = numbers.len().is_multiple_of(2);
    let (_, low, above) = numbers.select_nth_unstable_by(middle, f64::total_cmp);
    let next = above.iter().copied().min_by(f64::total_cmp).filter(|_| is_even);
    Some(next.map_or(*low, |high| (*low + high) / 2.0))
}
