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
//! * **Race.** Candidate b is beaten by a, which has the higher mean, if two things hold. The one-sided paired t test says that a is
//!   better, at alpha / (looks x (candidates - 1)): the best candidate can only be lost to one of the others at one of the looks, so
//!   among candidates that never collapse it is lost with a chance of alpha at most. And a would still lead if its next run collapsed
//!   (`Contender::outlasts`): few runs without a collapse say little of how often a collapses, and the t test knows nothing of
//!   what it has not seen.
//! * **Until.** A candidate is settled once half of the width of the 95 % interval of its mean (Student's t, for this pool) is small
//!   enough. To look again and again makes the interval a little narrower than 95 %.
//! * **Unreliable**, under both: three of the first five replicates, or more, collapsed or failed. In a race it still goes on if it is
//!   ahead of the leader wherever it trained: it may be the best in spite of its collapses.
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
    let leader = ranked.first();
    let collapse = score_of_a_collapse(metric, contenders);
    let reason = |own: &Contender| {
        let leader = leader.filter(|leader| leader.candidate != own.candidate)?;
        let ahead = ranked.iter().take_while(|other| other.candidate != own.candidate);
        let mut reliable = ahead.filter(|other| other.unreliability().is_none());
        let beaten = |other: &&Contender| {
            own.beaten(other, metric, threshold, draws).filter(|_| other.outlasts(own, metric, collapse))
        };
        let unreliable = own.unreliability().filter(|_| !own.leads_where_it_trained(leader, metric));
        unreliable.or_else(|| reliable.find_map(beaten))
    };
    contenders.iter().map(reason).collect()
}

/// What a run scores that collapses: the worst score of such a run up to this look, from which constant masks are not far. If there is
/// none, 0, the least share there is; of losses, which have no worst, that of any run.
fn score_of_a_collapse(metric: Metric, contenders: &[Contender]) -> f64 {
    let marks = || contenders.iter().flat_map(|own| &own.marks);
    let seen = worst(metric, marks().filter(|mark| mark.collapsed));
    let seen = if metric == Metric::Loss { seen.or_else(|| worst(metric, marks())) } else { seen };
    seen.unwrap_or(0.0)
}

fn worst<'a>(metric: Metric, marks: impl Iterator<Item = &'a Mark>) -> Option<f64> {
    marks.filter_map(|mark| mark.score).reduce(|a, b| if metric.better(a, b) { b } else { a })
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

    /// By how much it is better than another, for each replicate of which both have a score.
    fn leads<'a>(&'a self, other: &'a Self, metric: Metric) -> impl Iterator<Item = Option<f64>> + 'a {
        let lead = move |(own, other): (&Mark, &Mark)| Some(oriented(metric, own.score? - other.score?));
        self.marks.iter().zip(&other.marks).map(lead)
    }

    /// Whether its mean would still be ahead of the other's after one more replicate, on which it collapses and the other does not.
    fn outlasts(&self, other: &Self, metric: Metric, collapse: f64) -> bool {
        let lead: f64 = self.leads(other, metric).flatten().sum();
        let usual = other.standing(other.marks.len()).mean;
        usual.is_some_and(|usual| lead + oriented(metric, collapse - usual) > 0.0)
    }

    /// Whether its mean is ahead of the other's on the replicates on which it did not collapse.
    fn leads_where_it_trained(&self, other: &Self, metric: Metric) -> bool {
        let trained = self.leads(other, metric).zip(&self.marks).filter(|(_, own)| !own.collapsed);
        trained.filter_map(|(lead, _)| lead).sum::<f64>() > 0.0
    }

    /// Whether another is better on the splits that both have a score of.
    fn beaten(&self, other: &Self, metric: Metric, threshold: f64, draws: &[u64]) -> Option<Reason> {
        let differences = per_draw(draws, other.leads(self, metric));
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
