//! The candidates in the order in which people want to see them, and where each stands against the best. Chooses and
//! sorts; computes nothing that the analysis has not.

use crate::analysis::comparison::{Analysis, Finding, Pair, Performance};
use crate::analysis::observations::{Observation, Observations};
use crate::analysis::versus_best;
use crate::stats::Interval;
use crate::tables::Analysed;
use crate::text::{metric_name, plural};
use std::collections::{HashMap, HashSet};

/// Maximum number of candidates in a figure.
pub const MAX_SHOWN: usize = 30;
/// Between the values of a name.
const SEPARATOR: &str = " \u{b7} ";

/// The candidates of a sweep, sorted.
pub struct Lineup<'a> {
    /// What was observed.
    pub observations: &'a Observations,
    /// What it comes to.
    pub analysis: &'a Analysis,
    /// The candidates, best mean score first; those without any score last.
    pub order: Vec<usize>,
    /// The candidate that the others are compared with: the best by validation, else by the reported score.
    pub best: Option<usize>,
    /// The axes on which candidates differ.
    telling: Vec<usize>,
}

/// The place of a row against the best: its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Against {
    /// The best.
    Best,
    /// Practically equal to it.
    Equal,
    /// Not decided.
    Open,
    /// Worse.
    Behind,
    /// Not trained: a line of comparison.
    Baseline,
}

impl Against {
    /// The class of its marks.
    #[must_use]
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Equal => "equal",
            Self::Open => "open",
            Self::Behind => "behind",
            Self::Baseline => "baseline",
        }
    }
}

impl<'a> Lineup<'a> {
    /// Sorts the candidates.
    #[must_use]
    pub fn new(observations: &'a Observations, analysis: &'a Analysis) -> Self {
        let best = versus_best::best(analysis);
        Self { observations, analysis, order: analysis.by_score(), best, telling: telling(observations) }
    }

    /// A candidate's numbers.
    #[must_use]
    pub fn row(&self, candidate: usize) -> &'a Performance {
        &self.analysis.candidates[candidate]
    }

    /// A candidate's name.
    #[must_use]
    pub fn name(&self, candidate: usize) -> &'a str {
        &self.analysis.candidates[candidate].label
    }

    /// The names of the axes that tell candidates apart.
    pub fn telling_names(&self) -> impl Iterator<Item = &'a str> {
        self.telling.iter().map(|axis| self.observations.axes[*axis].as_str())
    }

    /// The value of a candidate on one of the axes that tell candidates apart.
    #[must_use]
    pub fn value(&self, telling: usize, candidate: usize) -> Option<String> {
        spoken(self.observations, candidate, *self.telling.get(telling)?)
    }

    /// The values on such an axis, in the order of the plan; none if there are more than `most`.
    #[must_use]
    pub fn levels(&self, telling: usize, most: usize) -> Vec<String> {
        let values = (0..self.order.len()).filter_map(|candidate| self.value(telling, candidate));
        let mut known = HashSet::new();
        let levels: Vec<String> = values.filter(|value| known.insert(value.clone())).collect();
        if levels.len() <= most { levels } else { Vec::new() }
    }

    /// A candidate's value on an axis, and its name without that; an empty value and the whole name if there is no
    /// such axis.
    #[must_use]
    pub fn name_beside(&self, candidate: usize, axis: &str) -> (String, String) {
        let Some(axis) = self.observations.axes.iter().position(|name| name == axis) else {
            return (String::new(), self.name(candidate).to_owned());
        };
        let value = |axis: &usize| spoken(self.observations, candidate, *axis);
        let beside: Vec<String> = self.telling.iter().filter(|other| **other != axis).filter_map(value).collect();
        let name = if beside.is_empty() { "all".to_owned() } else { beside.join(SEPARATOR) };
        (value(&axis).unwrap_or_default(), name)
    }

    /// The candidates that figures show: the first of the order, and the best wherever it stands.
    #[must_use]
    pub fn shown(&self) -> Vec<usize> {
        let mut shown: Vec<usize> = self.order.iter().copied().take(MAX_SHOWN).collect();
        if let Some(best) = self.best.filter(|best| !shown.contains(best)) {
            shown.pop();
            shown.push(best);
        }
        shown
    }

    /// The candidates whose segmentations are shown: the best, the next, and the last.
    #[must_use]
    pub fn pictured(&self) -> Vec<usize> {
        let others = self.order.iter().copied().filter(|candidate| self.best != Some(*candidate));
        let others: Vec<usize> = others.filter(|candidate| self.row(*candidate).scores.mean.is_some()).collect();
        let last = others.last().filter(|_| others.len() > 1);
        self.best.iter().chain(others.first()).chain(last).copied().collect()
    }

    /// The baselines, best mean score first.
    #[must_use]
    pub fn baselines(&self) -> Vec<usize> {
        let rows = &self.analysis.baselines;
        let key = |index: &usize| match rows[*index].scores.mean {
            Some(mean) if self.analysis.higher_is_better => -mean,
            Some(mean) => mean,
            None => f64::INFINITY,
        };
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by(|a, b| key(a).total_cmp(&key(b)));
        order
    }

    /// By what the candidates are sorted, in words.
    #[must_use]
    pub fn sorted_by(&self) -> &'static str {
        let is_other = |row: &Performance| {
            row.adjusted_mean.zip(row.scores.mean).is_some_and(|(adjusted, mean)| (adjusted - mean).abs() > 1e-9)
        };
        if self.analysis.candidates.iter().any(is_other) {
            "By the mean that each would have if all had the same splits"
        } else {
            "By mean score"
        }
    }

    /// What to say where figures do not show all; nothing where they do.
    #[must_use]
    pub fn left_out(&self) -> String {
        let (shown, all) = (self.shown().len(), self.order.len());
        if shown == all {
            String::new()
        } else {
            format!(" Only the first {shown} of {all} candidates are shown; tables/candidates.csv has all.")
        }
    }

    /// A candidate against the best.
    #[must_use]
    pub fn against_best(&self, candidate: usize) -> Option<Pair> {
        self.analysis.pairs.seen_from(candidate, self.best?)
    }

    fn finding(&self, candidate: usize) -> Option<Finding> {
        Some(self.against_best(candidate)?.finding)
    }

    /// What may be said of a candidate against the best, as columns have it.
    #[must_use]
    pub fn verdict(&self, candidate: usize) -> String {
        match self.finding(candidate) {
            _ if self.best == Some(candidate) => "leads".to_owned(),
            Some(finding) => finding.words().to_owned(),
            None => "not compared".to_owned(),
        }
    }

    /// The colour of a candidate.
    #[must_use]
    pub(crate) fn against(&self, candidate: usize) -> Against {
        match self.finding(candidate) {
            _ if self.best == Some(candidate) => Against::Best,
            Some(Finding::Equivalent | Finding::Identical) => Against::Equal,
            Some(Finding::Worse(_)) => Against::Behind,
            Some(Finding::Better(_) | Finding::Undecided | Finding::TooFewSplits) | None => Against::Open,
        }
    }

    /// The scores of a candidate by split, in the order of the plan: jobs of one split count once, with their mean.
    #[must_use]
    pub fn by_split(&self, candidate: usize) -> Vec<(String, f64)> {
        self.split_means(&self.observations.candidates[candidate].observations, |_| true)
    }

    /// The differences of a candidate to the best by split, on the splits that both were tested on.
    #[must_use]
    pub fn differences_by_split(&self, candidate: usize) -> Vec<(String, f64)> {
        let Some(best) = self.best else { return Vec::new() };
        self.paired(candidate, best).into_iter().map(|(split, of, to)| (split, of - to)).collect()
    }

    /// The scores of two candidates by split, on the splits that both were tested on.
    #[must_use]
    pub fn paired(&self, one: usize, other: usize) -> Vec<(String, f64, f64)> {
        let [of, to] = [one, other].map(|index| &self.observations.candidates[index].observations);
        let is_paired = |replicate: usize| match (of.get(replicate), to.get(replicate)) {
            (Some(a), Some(b)) => a.score().is_some() && b.score().is_some() && a.is_of_one_split_with(b),
            _ => false,
        };
        let (of, to) = (self.split_means(of, is_paired), self.split_means(to, is_paired));
        of.into_iter().zip(to).map(|((split, of), (_, to))| (split, of, to)).collect()
    }

    /// The splits that a comparison of two is over: `12 splits`, or `the 11 splits that both have` where one of them has more.
    #[must_use]
    pub fn shared(&self, pair: &Pair) -> String {
        let splits = plural(pair.shared as u64, "split");
        if self.share_all(pair) { splits } else { format!("the {splits} that both have") }
    }

    /// Whether neither of the two has a split that the other lacks.
    #[must_use]
    pub fn share_all(&self, pair: &Pair) -> bool {
        [pair.first, pair.second].iter().all(|candidate| self.row(*candidate).splits == pair.shared)
    }

    /// Means by split of the replicates that are wanted and have a score.
    pub(super) fn split_means(&self, jobs: &[Observation], is_wanted: impl Fn(usize) -> bool) -> Vec<(String, f64)> {
        let mut splits: Vec<(String, Vec<f64>)> = Vec::new();
        let mut places: HashMap<u64, usize> = HashMap::new();
        for (index, (job, replicate)) in jobs.iter().zip(&self.observations.replicates).enumerate() {
            let Some(score) = job.score().filter(|_| is_wanted(index)) else { continue };
            // without a split of its name a replicate stands for itself
            let place = replicate.split.map_or(splits.len(), |split| *places.entry(split).or_insert(splits.len()));
            if place == splits.len() {
                let name = replicate.split.map_or_else(|| replicate.label.clone(), |split| split.to_string());
                splits.push((name, Vec::new()));
            }
            splits[place].1.push(score);
        }
        splits.into_iter().map(|(name, scores)| (name, scores.iter().sum::<f64>() / scores.len() as f64)).collect()
    }
}

/// The axes on which candidates differ.
fn telling(observations: &Observations) -> Vec<usize> {
    let candidates = &observations.candidates;
    let differs =
        |axis: &usize| candidates.windows(2).any(|pair| pair[0].values.get(*axis) != pair[1].values.get(*axis));
    (0..observations.axes.len()).filter(differs).collect()
}

/// A candidate's value on an axis as people say it.
fn spoken(observations: &Observations, candidate: usize, axis: usize) -> Option<String> {
    let value = observations.candidates.get(candidate)?.values.get(axis)?.as_ref()?;
    Some(value.spoken(observations.axes.get(axis)?))
}

/// Names things as people do: candidates by the axes that tell them apart and by no others, the metric and baselines as one says them.
/// The words, the figures and the tables of a page then agree.
pub(crate) fn name_for_people(Analysed { observations, analysis, .. }: &mut Analysed) {
    let telling = telling(observations);
    for (candidate, row) in analysis.candidates.iter_mut().enumerate() {
        let values: Vec<String> = telling.iter().filter_map(|axis| spoken(observations, candidate, *axis)).collect();
        if !values.is_empty() {
            row.label = values.join(SEPARATOR);
        }
    }
    for row in &mut analysis.baselines {
        row.label = if row.label == "otsu" { "Otsu".to_owned() } else { row.label.replace('_', " ") };
    }
    analysis.metric = metric_name(&analysis.metric);
}

/// The ends of an interval.
#[must_use]
pub(super) fn ends(Interval { low, high }: Interval) -> (f64, f64) {
    (low, high)
}
