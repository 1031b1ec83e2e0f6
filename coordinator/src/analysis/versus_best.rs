//! Analysis -> the best candidate, or the reference that was asked for, and how each other one stands against it. Differences are
//! turned into gains here, once: a positive gain means that the one is better, in whatever direction the metric is. Knows neither
//! tables nor words.

use super::comparison::{Analysis, Comparison, Finding, Outlook, Pair, Question};
use crate::stats::Interval;

/// The best candidate: by validation where validation scores are known, else by the reported score.
#[must_use]
pub fn best(analysis: &Analysis) -> Option<usize> {
    analysis.selection.as_ref().map(|selection| selection.best().candidate)
}

/// How one candidate stands against another, or against a baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Versus<'a> {
    /// The other's index.
    pub index: usize,
    /// The other's name.
    pub label: &'a str,
    /// What may be said of the one, against the other.
    pub finding: Finding,
    /// By how much the one is better; `None` for fewer than two shared splits.
    pub gain: Option<Gain>,
    /// What more splits would do.
    pub settle: Option<Outlook>,
    /// Number of splits that both have.
    pub shared: usize,
    /// The gain with the failed score in place of those that jobs ended without; `None` where each job has one.
    pub with_failed: Option<f64>,
    /// The gain where neither collapsed nor has a score far outside of its others; `None` where neither ever did.
    pub if_trained: Option<f64>,
    /// The strongest question for which the one is shown not to be worse by more than the margin.
    pub not_worse: Option<Question>,
    /// The same of the other.
    pub other_not_worse: Option<Question>,
}

/// By how much one is better than the other: negative where it is worse. Intervals and p hold for all pairs of the family together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gain {
    /// The mean over the splits that both have.
    pub mean: f64,
    /// Its interval over other random splits of these cases.
    pub this_pool: Interval,
    /// Its interval for new cases; `None` if the cases' scores are not known.
    pub new_cases: Option<Interval>,
    /// Its interval for new data.
    pub new_data: Interval,
    /// Probability of a difference within the margin of practical equivalence.
    pub p_equivalent: f64,
}

impl Versus<'_> {
    /// Whether jobs that ended without a score decide who of the two is ahead.
    #[must_use]
    pub fn is_contested(&self) -> bool {
        self.gain.zip(self.with_failed).is_some_and(|(gain, with_failed)| gain.mean * with_failed < 0.0)
    }
}

impl Gain {
    /// The interval of a question.
    #[must_use]
    pub fn interval(&self, question: Question) -> Interval {
        match question {
            Question::ThisPool => self.this_pool,
            Question::NewCases => self.new_cases.unwrap_or(self.new_data),
            Question::NewData => self.new_data,
        }
    }
}

/// Every other candidate against `one`, in the order of the plan; those that were not compared are left out.
#[must_use]
pub fn candidates(analysis: &Analysis, one: usize) -> Vec<Versus<'_>> {
    let others = analysis.candidates.iter().enumerate().filter(|(other, _)| *other != one);
    let versus = |(other, label): (usize, _)| {
        let pair = analysis.pairs.get(one.min(other), one.max(other))?;
        Some(oriented(pair, one > other, other, label, analysis.higher_is_better))
    };
    others.map(|(other, row)| (other, row.label.as_str())).filter_map(versus).collect()
}

/// Every baseline against a candidate.
#[must_use]
pub fn baselines(analysis: &Analysis, one: usize) -> Vec<Versus<'_>> {
    let pairs = analysis.against_baselines.pairs.iter().filter(|pair| pair.first == one);
    let versus = |pair: &Pair| {
        let label = analysis.baselines.get(pair.second)?.label.as_str();
        Some(oriented(pair, false, pair.second, label, analysis.higher_is_better))
    };
    pairs.filter_map(versus).collect()
}

/// The pair with the one first.
fn oriented<'a>(pair: &Pair, swapped: bool, other: usize, label: &'a str, higher_is_better: bool) -> Versus<'a> {
    let negated = swapped == higher_is_better;
    let turned = |difference: f64| if negated { -difference } else { difference };
    let (not_worse, other_not_worse) = (pair.not_worse.first, pair.not_worse.second);
    Versus {
        index: other,
        label,
        finding: if swapped { pair.finding.swapped() } else { pair.finding },
        gain: pair.comparison.as_ref().map(|comparison| Gain::of(comparison, negated)),
        settle: pair.settle,
        shared: pair.shared,
        with_failed: pair.with_failed.map(turned),
        if_trained: pair.if_trained.map(turned),
        not_worse: if swapped { other_not_worse } else { not_worse },
        other_not_worse: if swapped { not_worse } else { other_not_worse },
    }
}

impl Gain {
    fn of(comparison: &Comparison, negated: bool) -> Self {
        let Comparison { mean, simultaneous, posterior, .. } = comparison;
        let turned = |interval: Interval| if negated { interval.negated() } else { interval };
        Self {
            mean: if negated { -mean } else { *mean },
            this_pool: turned(simultaneous.this_pool),
            new_cases: simultaneous.new_cases.map(turned),
            new_data: turned(simultaneous.new_data),
            p_equivalent: posterior.equivalent,
        }
    }
}
