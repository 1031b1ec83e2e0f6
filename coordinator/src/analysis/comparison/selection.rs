//! Picking one: on validation, with a report on test.

use super::grid::{Grid, mean};
use crate::analysis::observations::{Observation, Observations};
use crate::stats::additive::Additive;
use serde::Serialize;

/// The best candidate, and how far picking it flatters its score. Every pick follows the rule of
/// [`Performance::adjusted_mean`](super::Performance::adjusted_mean), so that a candidate gains nothing by having failed, nor by having
/// run on easy splits only.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Selection {
    /// The best by validation: the one to report. `None` if no validation scores are known.
    pub by_validation: Option<Pick>,
    /// The best by the reported score itself: flattered.
    pub by_test: Pick,
    /// The mean score of the best by test of all other splits, on the split left out: what picking by test is worth. `None` for
    /// fewer than two splits.
    pub held_out: Option<f64>,
    /// The optimism of picking by test over all splits: how much better its mean is than `held_out`. Positive is flattered, in
    /// whatever direction the metric is better.
    pub optimism: Option<f64>,
    /// The optimism of picking by test on one split alone: how much better the best of a split is on it than on the others.
    pub optimism_of_one_split: Option<f64>,
}

/// A candidate that was picked.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pick {
    /// Its index.
    pub candidate: usize,
    /// By what it was picked, adjusted.
    pub picked_by: f64,
    /// Its mean score on test; `None` if it has none.
    pub test: Option<f64>,
}

impl Selection {
    /// The best candidate: by validation where validation scores are known, else by the reported score.
    #[must_use]
    pub fn best(&self) -> &Pick {
        self.by_validation.as_ref().unwrap_or(&self.by_test)
    }

    /// Picks; `None` if no candidate has a score.
    pub(super) fn of(grid: &Grid, observations: &Observations, tests: &[Option<f64>]) -> Option<Self> {
        let cells: Vec<Vec<f64>> = grid.of_candidates().iter().map(|row| grid.at_worst(row)).collect();
        let fit = Additive::fit(&cells);
        let by_test = pick(grid, &fit.rows, tests)?;
        let by_validation = pick(grid, &Additive::fit(&validation(grid, observations)).rows, tests);
        // without the replicates' own level, what is left can be compared over replicates
        let level = |cells: &Vec<f64>| cells.iter().zip(&fit.columns).map(|(cell, column)| cell - column).collect();
        let by_replicate = Replicates { levelled: cells.iter().map(level).collect(), grid };
        let held_out = by_replicate.held_out();
        Some(Self {
            by_validation,
            by_test,
            held_out,
            optimism: held_out.map(|held_out| grid.sign() * (by_test.picked_by - held_out)),
            optimism_of_one_split: by_replicate.optimism_of_one().map(|optimism| grid.sign() * optimism),
        })
    }
}

/// The candidate with the best adjusted mean; of equal ones the first.
fn pick(grid: &Grid, adjusted: &[Option<f64>], tests: &[Option<f64>]) -> Option<Pick> {
    let known = adjusted.iter().enumerate().filter_map(|(candidate, mean)| Some((candidate, (*mean)?)));
    let better = |(best, most): (usize, f64), (candidate, mean)| {
        if grid.sign() * (mean - most) > 0.0 { (candidate, mean) } else { (best, most) }
    };
    let (candidate, picked_by) = known.filter(|(_, mean)| mean.is_finite()).reduce(better)?;
    Some(Pick { candidate, picked_by, test: tests.get(candidate).copied().flatten() })
}

/// The validation scores, with the worst of all for jobs that ended without one.
fn validation(grid: &Grid, observations: &Observations) -> Vec<Vec<f64>> {
    let score = |job: &Observation| job.ended().and_then(|ended| ended.validation).filter(|score| score.is_finite());
    let all = observations.candidates.iter().flat_map(|candidate| candidate.observations.iter().filter_map(score));
    let worst = all.reduce(if grid.higher_is_better { f64::min } else { f64::max }).unwrap_or(f64::NAN);
    let cell = |job: &Observation| match job {
        job if job.is_missing() => f64::NAN,
        job => score(job).unwrap_or(worst),
    };
    observations.candidates.iter().map(|candidate| candidate.observations.iter().map(cell).collect()).collect()
}

/// Scores without the replicates' own level, candidate by candidate; NaN where there is none.
struct Replicates<'a> {
    levelled: Vec<Vec<f64>>,
    grid: &'a Grid,
}

impl Replicates<'_> {
    /// The mean score, on each split, of the best of all others.
    fn held_out(&self) -> Option<f64> {
        let picked = |split: &Vec<usize>| {
            let best = self.best(|candidate| self.mean(candidate, |replicate| !split.contains(&replicate)))?;
            self.mean(best, |replicate| split.contains(&replicate))
        };
        average(self.grid.splits.iter().filter_map(picked))
    }

    /// How much higher the score of the best of a split is there than on all others, on average.
    fn optimism_of_one(&self) -> Option<f64> {
        let excess = |split: &Vec<usize>| {
            let best = self.best(|candidate| self.mean(candidate, |replicate| split.contains(&replicate)))?;
            let there = self.mean(best, |replicate| split.contains(&replicate))?;
            Some(there - self.mean(best, |replicate| !split.contains(&replicate))?)
        };
        average(self.grid.splits.iter().filter_map(excess))
    }

    fn best(&self, mean: impl Fn(usize) -> Option<f64>) -> Option<usize> {
        let known =
            (0..self.levelled.len()).filter_map(|candidate| Some((candidate, self.grid.sign() * mean(candidate)?)));
        known.reduce(|best, other| if other.1 > best.1 { other } else { best }).map(|(candidate, _)| candidate)
    }

    fn mean(&self, candidate: usize, which: impl Fn(usize) -> bool) -> Option<f64> {
        let scores = self.levelled[candidate].iter().enumerate();
        average(scores.filter(|(replicate, score)| which(*replicate) && !score.is_nan()).map(|(_, score)| *score))
    }
}

fn average(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    Some(mean(numbers)).filter(|mean| !mean.is_nan())
}
