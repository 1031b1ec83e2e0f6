//! A look: which candidates go no further, on what evidence.
//!
//! ```text
//!  marks of the candidates that are left --look--> Look { standings, stops }
//! ```
//!
//! All comparisons are in pairs on shared splits. Given the pool of images the draws of the splits are independent, so the paired t test
//! is legitimate for "better on average over splits of this pool"; nothing is said about new images here. What a look decides
//! depends on the marks up to it and on nothing else: not on the order in which jobs end, nor on the number of workers.
//!
//! * **Race.** Candidate b is beaten if the one-sided paired t test says that some other is better, at alpha / (looks x (candidates - 1)).
//!   The best candidate can only be lost to one of the others at one of the looks, so it is lost with a chance of alpha at most.
//! * **Until.** A candidate is settled once half of the width of the 95 % interval of its mean (Student's t, for this pool) is small
//!   enough. To look again and again makes the interval a little narrower than 95 %.
//! * **Unreliable**, under both: three of the first five replicates, or more, collapsed or failed.
//!
//! The leader, the candidate with the highest mean, always stays in a race.

use crate::plan::{Rule, Stopping};
use crate::stats::interval;
use crate::stats::paired::Moments;
use proto::spec::Metric;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Number of collapses among the first [`EARLY`] replicates that makes a candidate unreliable.
const COLLAPSES: u32 = 3;
const EARLY: usize = 5;
/// Of the interval that `until` looks at.
const CONFIDENCE: f64 = 0.95;

/// What became of one replicate of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mark {
    /// The objective's metric on the validation cases, if it is a number.
    pub score: Option<f64>,
    /// The job failed, or its verdict is not `trained`.
    pub collapsed: bool,
}

/// A candidate that is left, with a mark for each replicate up to the look.
#[derive(Debug, Clone, PartialEq)]
pub struct Contender {
    /// Its index in the plan.
    pub candidate: u32,
    /// Its marks, in the order of the plan's replicates.
    pub marks: Vec<Mark>,
}

/// What was seen and decided after a number of replicates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// Number of replicates of every candidate that was left.
    pub replicates: u32,
    /// The p below which a candidate is beaten, in a race.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// Every candidate that was left, in the order of the plan.
    pub standings: Vec<Standing>,
    /// Those of them that go no further.
    pub stops: Vec<Stop>,
}

/// How a candidate stood at a look.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Its index in the plan.
    pub candidate: u32,
    /// Replicates with a score.
    pub n: u32,
    /// Mean score on the validation cases.
    pub mean: Option<f64>,
    /// Replicates that failed or whose verdict was not `trained`.
    pub collapses: u32,
}

/// A candidate that goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    /// Its index in the plan.
    pub candidate: u32,
    /// Why.
    pub reason: Reason,
}

/// Why a candidate goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Another is better on the splits that they share.
    Beaten {
        /// The other: the one with the highest mean of those that beat it.
        by: u32,
        /// Draws of splits that were compared.
        pairs: u32,
        /// By how much the other is better on average; above 0 whatever the metric.
        difference: f64,
        /// The chance of such a difference if the other is no better: one-sided paired t test.
        p: f64,
    },
    /// It collapses too often.
    Unreliable {
        /// Its collapses among the first replicates.
        collapses: u32,
        /// Number of those replicates.
        of: u32,
    },
    /// Its mean is known well enough.
    Settled {
        /// Half of the width of its 95 % interval.
        half_width: f64,
    },
}

impl Reason {
    /// The word in tables.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Beaten { .. } => "beaten",
            Self::Unreliable { .. } => "unreliable",
            Self::Settled { .. } => "settled",
        }
    }
}

/// Looks at the `contenders`, what is left of `candidates`, after as many replicates as `draws` has entries; an entry says to which
/// draw of the splits a replicate belongs.
#[must_use]
pub fn look(stopping: &Stopping, metric: Metric, candidates: usize, draws: &[u64], contenders: &[Contender]) -> Look {
    let standings: Vec<_> = contenders.iter().map(|contender| contender.standing(draws.len())).collect();
    let (threshold, reasons): (_, Vec<Option<Reason>>) = match stopping.rule {
        Rule::Race { alpha } => {
            let comparisons = stopping.looks.len() * candidates.saturating_sub(1).max(1);
            let threshold = alpha / comparisons as f64;
            (Some(threshold), race(metric, threshold, draws, &standings, contenders))
        }
        Rule::Until { half_width } => {
            let reason = |own: &Contender| own.unreliability().or_else(|| own.settled(draws, half_width));
            (None, contenders.iter().map(reason).collect())
        }
    };
    let stop = |(own, reason): (&Contender, Option<Reason>)| Some(Stop { candidate: own.candidate, reason: reason? });
    let stops = contenders.iter().zip(reasons).filter_map(stop).collect();
    Look { replicates: draws.len() as u32, threshold, standings, stops }
}

/// Why each contender leaves the race, if it does. All are judged at once: one that leaves at this look still beats others at it.
fn race(
    metric: Metric,
    threshold: f64,
    draws: &[u64],
    standings: &[Standing],
    contenders: &[Contender],
) -> Vec<Option<Reason>> {
    let ranked: Vec<_> = by_rank(metric, standings).into_iter().map(|index| &contenders[index]).collect();
    let leader = ranked.first().map(|leader| leader.candidate);
    let reason = |own: &Contender| {
        if Some(own.candidate) == leader {
            return None;
        }
        let ahead = ranked.iter().take_while(|other| other.candidate != own.candidate);
        let mut reliable = ahead.filter(|other| other.unreliability().is_none());
        own.unreliability().or_else(|| reliable.find_map(|other| own.beaten(other, metric, threshold, draws)))
    };
    contenders.iter().map(reason).collect()
}

impl Contender {
    fn scores(&self, replicates: usize) -> impl Iterator<Item = f64> {
        self.marks.iter().take(replicates).filter_map(|mark| mark.score)
    }

    fn collapses(&self, replicates: usize) -> u32 {
        self.marks.iter().take(replicates).filter(|mark| mark.collapsed).count() as u32
    }

    fn standing(&self, replicates: usize) -> Standing {
        let n = self.scores(replicates).count();
        let mean = (n > 0).then(|| self.scores(replicates).sum::<f64>() / n as f64);
        Standing { candidate: self.candidate, n: n as u32, mean, collapses: self.collapses(replicates) }
    }

    fn unreliability(&self) -> Option<Reason> {
        let of = self.marks.len().min(EARLY);
        let collapses = self.collapses(of);
        (collapses >= COLLAPSES).then_some(Reason::Unreliable { collapses, of: of as u32 })
    }

    /// Whether another is better on the splits that both have a score of.
    fn beaten(&self, other: &Self, metric: Metric, threshold: f64, draws: &[u64]) -> Option<Reason> {
        let pairs = other.marks.iter().zip(&self.marks);
        let difference = |(other, own): (&Mark, &Mark)| Some(oriented(metric, other.score? - own.score?));
        let differences = per_draw(draws, pairs.map(difference));
        let (difference, p) = better(&differences)?;
        let pairs = differences.len() as u32;
        (p < threshold).then_some(Reason::Beaten { by: other.candidate, pairs, difference, p })
    }

    /// Whether its mean is known to `half_width`.
    fn settled(&self, draws: &[u64], half_width: f64) -> Option<Reason> {
        let scores = per_draw(draws, self.marks.iter().map(|mark| mark.score));
        let Moments { n, mean, sd } = Moments::of(&scores)?;
        if sd == 0.0 && n < EARLY {
            return None; // a few equal scores, such as those of collapsed jobs, do not tell how far apart others are
        }
        let found = interval::of_mean(n, mean, sd, 0.0, 1.0 - CONFIDENCE)?.half_width();
        (found <= half_width).then_some(Reason::Settled { half_width: found })
    }
}

/// The contenders by their means, the best first; those without a mean last.
fn by_rank(metric: Metric, standings: &[Standing]) -> Vec<usize> {
    let value = |index: &usize| standings[*index].mean.map_or(f64::NEG_INFINITY, |mean| oriented(metric, mean));
    let mut order: Vec<_> = (0..standings.len()).collect();
    // a stable sort: of equals the first in the plan leads
    order.sort_by(|a, b| value(b).total_cmp(&value(a)));
    order
}

/// The score, or its negative if less is better.
fn oriented(metric: Metric, score: f64) -> f64 {
    if metric.better(0.0, 1.0) { -score } else { score }
}

/// The mean of the numbers of each draw, in the order of the draws' seeds; draws without a number are left out.
fn per_draw(draws: &[u64], numbers: impl Iterator<Item = Option<f64>>) -> Vec<f64> {
    let mut sums: BTreeMap<u64, (f64, u32)> = BTreeMap::new();
    for (draw, number) in draws.iter().zip(numbers) {
        if let Some(number) = number {
            let (sum, count) = sums.entry(*draw).or_default();
            *sum += number;
            *count += 1;
        }
    }
    sums.into_values().map(|(sum, count)| sum / f64::from(count)).collect()
}

/// The mean of paired differences, and the one-sided p of the paired t test that it is above 0; nothing from fewer than two pairs.
fn better(differences: &[f64]) -> Option<(f64, f64)> {
    let moments = Moments::of(differences)?;
    let p = 0.5 * moments.p(0.0);
    Some((moments.mean, if moments.mean > 0.0 { p } else { 1.0 - p }))
}
