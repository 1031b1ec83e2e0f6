//! Analysis -> the best candidate, and how each other one stands against it. Differences are turned into gains here, once: a
//! positive gain means that the best is better, in whatever direction the metric is. Knows neither tables nor words.

use super::comparison::{Analysis, Comparison, Family, Finding, Pair, Settle};
use crate::stats::Interval;

/// The best candidate: by validation where validation scores are known, else by the reported score.
#[must_use]
pub fn best(analysis: &Analysis) -> Option<usize> {
    analysis.selection.as_ref().map(|selection| selection.best().candidate)
}

/// How the best stands against another candidate, or a baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct VersusBest<'a> {
    /// The other's index.
    pub index: usize,
    /// The other's name.
    pub label: &'a str,
    /// What may be said of the best, against the other.
    pub finding: Finding,
    /// By how much the best is better; `None` for fewer than two shared splits.
    pub gain: Option<Gain>,
    /// What it takes to decide on new data.
    pub settle: Option<Settle>,
}

/// By how much one is better than the other: negative where it is worse.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gain {
    /// The mean over the splits that both have.
    pub mean: f64,
    /// Its interval over other random splits of these cases.
    pub this_pool: Interval,
    /// Its interval for new data.
    pub new_data: Interval,
    /// p for new data, after Holm's correction.
    pub p_holm: f64,
}

/// Every other candidate against the best, in the order of the plan.
#[must_use]
pub fn candidates(analysis: &Analysis, best: usize) -> Vec<VersusBest<'_>> {
    let others = analysis.candidates.iter().enumerate().filter(|(other, _)| *other != best);
    let versus = |(other, row)| versus(analysis, &analysis.pairs, best, other, row);
    others.map(|(other, row)| (other, row.label.as_str())).filter_map(versus).collect()
}

/// Every baseline against the best.
#[must_use]
pub fn baselines(analysis: &Analysis, best: usize) -> Vec<VersusBest<'_>> {
    let pairs = analysis.against_baselines.pairs.iter().filter(|pair| pair.first == best);
    let versus = |pair: &Pair| {
        let label = analysis.baselines.get(pair.second)?.label.as_str();
        Some(oriented(pair, false, pair.second, label, analysis.higher_is_better))
    };
    pairs.filter_map(versus).collect()
}

fn versus<'a>(
    analysis: &Analysis,
    family: &Family,
    best: usize,
    other: usize,
    label: &'a str,
) -> Option<VersusBest<'a>> {
    let (first, second) = (best.min(other), best.max(other));
    let place = family.pairs.binary_search_by_key(&(first, second), |pair| (pair.first, pair.second)).ok()?;
    Some(oriented(&family.pairs[place], best > other, other, label, analysis.higher_is_better))
}

/// The pair with the best first.
fn oriented<'a>(pair: &Pair, swapped: bool, other: usize, label: &'a str, higher_is_better: bool) -> VersusBest<'a> {
    VersusBest {
        index: other,
        label,
        finding: if swapped { pair.finding.swapped() } else { pair.finding },
        gain: pair.comparison.as_ref().map(|comparison| Gain::of(comparison, swapped == higher_is_better)),
        settle: pair.settle,
    }
}

impl Gain {
    fn of(comparison: &Comparison, negated: bool) -> Self {
        let Comparison { mean, this_pool, new_data, p_holm, .. } = comparison;
        let turned = |interval: Interval| if negated { interval.negated() } else { interval };
        Self {
            mean: if negated { -mean } else { *mean },
            this_pool: turned(*this_pool),
            new_data: turned(new_data.interval),
            p_holm: *p_holm,
        }
    }
}

/// Whether the other is not told apart from the best, not even on other random splits of these cases: a tie.
#[must_use]
pub fn is_tie(finding: Finding) -> bool {
    matches!(finding, Finding::Undecided | Finding::PracticallyEquivalent)
}
