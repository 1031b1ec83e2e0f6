//! Picking one: on validation, with a report on test.

use super::grid::{End, Grid, mean};
use super::pair::Family;
use crate::analysis::observations::{Observation, Observations};
use crate::stats::additive::Additive;
use serde::Serialize;

/// The best candidate, and how far picking it flatters its score.
///
/// Candidates are picked by their adjusted means ([`Performance::adjusted_mean`](super::Performance::adjusted_mean)), so that none
/// gains by having run on easy splits only. Where jobs ended without a score, each two are compared with the failed score of these two,
/// and the candidate that wins most often is picked: so a third candidate cannot turn two others around.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Selection {
    /// The best by validation: the one to report. `None` if no validation scores are known.
    pub by_validation: Option<Pick>,
    /// The best by the reported score itself: flattered.
    pub by_test: Pick,
    /// The mean score of the best by test of all other splits, on the split left out: what picking by test is worth. `None` for
    /// fewer than two splits.
    pub held_out: Option<f64>,
    /// Number of splits without which another candidate is the best by test. `None` for fewer than two splits.
    pub changes: Option<usize>,
    /// How much better the mean of the best by test is than `held_out`. Positive is flattered, in whatever direction the metric is
    /// better. It is 0 where the same candidate is picked whichever split is left out, lucky or not: `flattery` is the better number.
    pub optimism: Option<f64>,
    /// The optimism of picking by test on one split alone: how much better the best of a split is on it than on the others.
    pub optimism_of_one_split: Option<f64>,
    /// How far its mean flatters the best by test, by shrinkage among the candidates that are not told apart from it (empirical Bayes,
    /// James and Stein). `None` if it is told apart from all.
    pub flattery: Option<f64>,
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
        let scores = grid.of_candidates().iter().map(|row| row.scores.clone()).collect();
        let board = Board { grid, scores };
        let cells = board.with_failed();
        let fit = Additive::fit(&cells);
        let by_test = board.pick(&fit.rows, tests)?;
        let on_validation = Board { grid, scores: validation(observations) };
        let by_validation = on_validation.pick(&Additive::fit(&on_validation.with_failed()).rows, tests);
        let by_replicate = Replicates { levelled: levelled(&cells, &fit), grid };
        let best = by_replicate.best(|candidate| by_replicate.mean(candidate, |_| true));
        let picks = by_replicate.picks_without();
        let held_out = average(picks.iter().map(|(_, score)| *score));
        Some(Self {
            by_validation,
            by_test,
            held_out,
            changes: held_out.map(|_| picks.iter().filter(|(candidate, _)| Some(*candidate) != best).count()),
            optimism: held_out.map(|held_out| grid.sign() * (by_test.picked_by - held_out)),
            optimism_of_one_split: by_replicate.optimism_of_one().map(|optimism| grid.sign() * optimism),
            flattery: None,
        })
    }

    /// The flattery of the best by test among the candidates that are not told apart from it: its lead over their mean, times the share
    /// of the spread of their means that chance alone makes. Of K candidates that share is taken times `(K - 2) / (K - 1)`: James and
    /// Stein's `K - 3` says too little where few candidates are equal, and `K - 1` too much where they differ.
    pub(super) fn flattery(&self, grid: &Grid, pairs: &Family) -> Option<f64> {
        let best = self.by_test.candidate;
        let is_tied =
            |other: &usize| pairs.seen_from(best, *other).is_some_and(|pair| pair.shared > 1 && pair.finding.is_tie());
        let mut tied: Vec<usize> = (0..grid.candidates).filter(is_tied).collect();
        if tied.is_empty() {
            return None;
        }
        tied.push(best);
        let cells: Vec<Vec<f64>> = tied.iter().map(|candidate| grid.with_failed(&grid.rows[*candidate])).collect();
        let known = |row: Vec<f64>| row.into_iter().filter(|score| !score.is_nan()).collect();
        let rows: Vec<Vec<f64>> = levelled(&cells, &Additive::fit(&cells)).into_iter().map(known).collect();
        let means: Vec<f64> = rows.iter().map(|row| mean(row.iter().copied())).collect();
        let (count, all) = (rows.len() as f64, mean(means.iter().copied()));
        let around = |(row, mean): (&Vec<f64>, &f64)| row.iter().map(|score| (score - mean).powi(2)).sum::<f64>();
        let residual: f64 = rows.iter().zip(&means).map(around).sum();
        let splits = rows.iter().map(Vec::len).sum::<usize>() as f64 / count;
        let by_chance = residual / ((count - 1.0) * (splits - 1.0)) / splits;
        let spread = means.iter().map(|mean| (mean - all).powi(2)).sum::<f64>() / (count - 1.0);
        let freedom = if count > 2.0 { (count - 2.0) / (count - 1.0) } else { 1.0 };
        let share = if spread > 0.0 { (by_chance / spread * freedom).min(1.0) } else { 0.0 };
        Some(share * grid.sign() * (means[means.len() - 1] - all)).filter(|flattery| flattery.is_finite())
    }
}

/// The cells without the replicates' own level: what is left can be compared over replicates.
fn levelled(cells: &[Vec<f64>], fit: &Additive) -> Vec<Vec<f64>> {
    let level = |row: &Vec<f64>| row.iter().zip(&fit.columns).map(|(cell, column)| cell - column).collect();
    cells.iter().map(level).collect()
}

/// Scores by which candidates are compared: candidate by candidate, NaN where a replicate has none.
struct Board<'a> {
    grid: &'a Grid,
    scores: Vec<Vec<f64>>,
}

impl Board<'_> {
    /// Whether a candidate's job ended without a score.
    fn failed(&self, candidate: usize, replicate: usize) -> bool {
        self.scores[candidate][replicate].is_nan() && self.grid.rows[candidate].ends[replicate] != End::Missing
    }

    /// The scores, with each candidate's own failed score for jobs that ended without.
    fn with_failed(&self) -> Vec<Vec<f64>> {
        let own = |candidate: usize| {
            let known = || self.scores[candidate].iter().copied().filter(|score| !score.is_nan());
            let has_one = known().next().is_some();
            let cell = |replicate: usize| {
                if has_one && self.failed(candidate, replicate) {
                    self.grid.failed_score(replicate, known())
                } else {
                    self.scores[candidate][replicate]
                }
            };
            (0..self.scores[candidate].len()).map(cell).collect()
        };
        (0..self.scores.len()).map(own).collect()
    }

    /// The best candidate; of equal ones the first.
    fn pick(&self, adjusted: &[Option<f64>], tests: &[Option<f64>]) -> Option<Pick> {
        let known = |candidate: usize| adjusted[candidate].filter(|mean| mean.is_finite());
        let all: Vec<usize> = (0..adjusted.len()).filter(|candidate| known(*candidate).is_some()).collect();
        let some_failed = |candidate: &usize| (0..self.scores[*candidate].len()).any(|at| self.failed(*candidate, at));
        let mean = |candidate: usize| self.grid.sign() * known(candidate).unwrap_or(f64::NAN);
        let wins = |candidate: usize| {
            let others = all.iter().filter(|other| **other != candidate);
            others
                .filter(|other| self.lead(candidate, **other).unwrap_or(mean(candidate) - mean(**other)) > 0.0)
                .count()
        };
        let is_compared_in_pairs = all.iter().any(some_failed);
        let key = |candidate: usize| (if is_compared_in_pairs { wins(candidate) } else { 0 }, mean(candidate));
        let keyed = all.iter().map(|candidate| (*candidate, key(*candidate)));
        let (candidate, _) = keyed.reduce(|best, other| if other.1 > best.1 { other } else { best })?;
        Some(Pick { candidate, picked_by: known(candidate)?, test: tests.get(candidate).copied().flatten() })
    }

    /// By how much a candidate is better than another where both ended, with the pair's failed score; `None` where they share none.
    fn lead(&self, candidate: usize, other: usize) -> Option<f64> {
        let (own, others) = (&self.scores[candidate], &self.scores[other]);
        let score = |of: usize, replicate: usize| {
            if self.failed(of, replicate) {
                let known = own.iter().chain(others).copied().filter(|score| !score.is_nan());
                self.grid.failed_score(replicate, known)
            } else {
                self.scores[of][replicate]
            }
        };
        let differences = (0..own.len()).map(|replicate| score(candidate, replicate) - score(other, replicate));
        average(differences.filter(|difference| !difference.is_nan())).map(|lead| self.grid.sign() * lead)
    }
}

/// The validation scores.
fn validation(observations: &Observations) -> Vec<Vec<f64>> {
    let score = |job: &Observation| job.ended().and_then(|ended| ended.validation).filter(|score| score.is_finite());
    let row = |jobs: &Vec<Observation>| jobs.iter().map(|job| score(job).unwrap_or(f64::NAN)).collect();
    observations.candidates.iter().map(|candidate| row(&candidate.observations)).collect()
}

/// Scores without the replicates' own level, candidate by candidate; NaN where there is none.
struct Replicates<'a> {
    levelled: Vec<Vec<f64>>,
    grid: &'a Grid,
}

impl Replicates<'_> {
    /// For each split, the best candidate of all others, and its mean score on this one.
    fn picks_without(&self) -> Vec<(usize, f64)> {
        let picked = |split: &Vec<usize>| {
            let best = self.best(|candidate| self.mean(candidate, |replicate| !split.contains(&replicate)))?;
            Some((best, self.mean(best, |replicate| split.contains(&replicate))?))
        };
        self.grid.splits.iter().filter_map(picked).collect()
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
