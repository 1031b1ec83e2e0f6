//! Two candidates, paired on the splits that they share.

use super::finding::{Finding, Question};
use super::performance::NewData;
use crate::stats::Interval;
use crate::stats::prediction::Outlook;
use serde::Serialize;

/// Pairs that were tested together: corrections for many tests are over all pairs of a family.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Family {
    /// The pairs that are kept: by `first`, then by `second`.
    pub pairs: Vec<Pair>,
    /// Number of all its pairs. If more than those of 200 candidates, only the pairs with the best candidate are kept.
    pub count: usize,
    /// How the sign flips of the family were made.
    pub flips: Flips,
}

/// Sign flips of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Flips {
    /// Number of ways to flip that were looked at.
    pub count: u64,
    /// Whether those are all there are. Otherwise they are random, with the seed of the options.
    pub exact: bool,
}

/// Two candidates. Differences are `first - second`, in the metric's own direction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// Index of the one.
    pub first: usize,
    /// Index of the other.
    pub second: usize,
    /// Number of splits on which both have a score: the pair's n.
    pub shared: usize,
    /// Replicates on which at least one of the two ended without a score. They take no part in the numbers.
    pub without_score: usize,
    /// Replicates left out because the two were tested on different cases.
    pub split_differs: usize,
    /// The numbers; `None` for fewer than two shared splits.
    pub comparison: Option<Comparison>,
    /// The answer in one word.
    pub finding: Finding,
    /// What more splits of this pool would do for new data, at the strictest level of the family, with `needed` in units of the score;
    /// `None` where it is decided for new data, and where nothing can be said.
    pub settle: Option<Outlook>,
    /// The difference with a score in place of those that jobs ended without; `None` where each job has one.
    pub with_failed: Option<f64>,
    /// The difference where neither collapsed nor has a score far outside of its others; `None` where neither ever did.
    pub if_trained: Option<f64>,
    /// Non-inferiority, if a margin is asked for.
    pub not_worse: NotWorse,
}

/// The numbers of a pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Mean difference.
    pub mean: f64,
    /// Standard deviation of the splits' differences.
    pub sd: f64,
    /// Interval of the mean difference over other random splits of these cases (naive t); of this pair alone.
    pub this_pool: Interval,
    /// Interval of the mean difference for new data (Nadeau-Bengio); of this pair alone.
    pub new_data: NewData,
    /// The intervals that hold for all pairs together.
    pub simultaneous: Simultaneous,
    /// Two-sided p of the naive t test: this pool only.
    pub p_this_pool: f64,
    /// Two-sided p of Nadeau and Bengio's corrected resampled t test.
    pub p_new_data: f64,
    /// `p_new_data`, corrected for the family's number of pairs by Holm.
    pub p_holm: f64,
    /// `p_new_data`, corrected by Benjamini and Hochberg: share of false discoveries.
    pub p_bh: f64,
    /// Two-sided p of the pair's own sign-flip test: this pool only.
    pub p_flip: f64,
    /// p of the sign-flip test of the greatest |t| of the family: this pool only, strong control of the family-wise error.
    pub p_max_t: f64,
    /// Two-sided p of Wilcoxon's signed-rank test; 1 if all differences are zero.
    pub p_wilcoxon: f64,
    /// P(first better than second) on a split; ties count half. The interval is Wilson's.
    pub superiority: Superiority,
    /// Posterior of the difference on new data.
    pub posterior: Posterior,
    /// Interval for new test cases; `None` if the cases' scores are not known, or for fewer than two splits or cases.
    pub new_cases: Option<Clustered>,
}

/// The probability that the first of a pair is better on a split.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Superiority {
    /// The share of shared splits, ties counting half.
    pub share: f64,
    /// Wilson's interval. A bootstrap's would be empty where the one always wins.
    pub interval: Interval,
}

/// Bayesian correlated t test (Corani and Benavoli): the probabilities that the first is ...
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Posterior {
    /// ... worse by more than the ROPE.
    pub worse: f64,
    /// ... within the ROPE.
    pub equivalent: f64,
    /// ... better by more than the ROPE.
    pub better: f64,
}

/// Mean difference over all (case, split), with an interval that is robust to clustering by both.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Clustered {
    /// Mean difference.
    pub mean: f64,
    /// Its variance.
    pub variance: f64,
    /// Its interval; of this pair alone.
    pub interval: Interval,
    /// Two-sided p.
    pub p: f64,
    /// `p`, corrected for the family's number of pairs by Holm.
    pub p_holm: f64,
    /// Number of different cases.
    pub cases: usize,
}

/// Which of the two is shown not to be worse than the other by more than the margin, and for which question at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct NotWorse {
    /// The first than the second.
    pub first: Option<Question>,
    /// The second than the first.
    pub second: Option<Question>,
}

/// Intervals that hold for all pairs of the family together.
///
/// Each is of Student's t at the level divided by the number of pairs. Where the sharper test of the family (max-T, Holm) shows a sign that
/// it would not, it ends at zero (Strassburger and Bretz, Statistics in Medicine 27, 2008).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Simultaneous {
    /// For this pool.
    pub this_pool: Interval,
    /// For new cases; `None` if the cases' scores are not known.
    pub new_cases: Option<Interval>,
    /// For new data.
    pub new_data: Interval,
}

impl Simultaneous {
    /// The interval of a question.
    #[must_use]
    pub fn of(&self, question: Question) -> Option<Interval> {
        match question {
            Question::ThisPool => Some(self.this_pool),
            Question::NewCases => self.new_cases,
            Question::NewData => Some(self.new_data),
        }
    }

    fn negated(self) -> Self {
        Self {
            this_pool: self.this_pool.negated(),
            new_cases: self.new_cases.map(Interval::negated),
            new_data: self.new_data.negated(),
        }
    }
}

impl Family {
    /// Whether all its pairs are kept.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.pairs.len() == self.count
    }

    /// The pair of the two, if they were compared; `first` and `second` as in [`Pair`].
    #[must_use]
    pub fn get(&self, first: usize, second: usize) -> Option<&Pair> {
        let place = self.pairs.binary_search_by_key(&(first, second), |pair| (pair.first, pair.second));
        place.ok().and_then(|place| self.pairs.get(place))
    }

    /// The two candidates with `one` as the first, in whichever order they were compared.
    #[must_use]
    pub fn seen_from(&self, one: usize, other: usize) -> Option<Pair> {
        self.get(one, other).cloned().or_else(|| self.get(other, one).map(Pair::swapped))
    }
}

impl Pair {
    /// The pair with the two swapped: differences change their sign.
    #[must_use]
    pub fn swapped(&self) -> Self {
        Self {
            first: self.second,
            second: self.first,
            comparison: self.comparison.as_ref().map(Comparison::swapped),
            finding: self.finding.swapped(),
            with_failed: self.with_failed.map(|difference| -difference),
            if_trained: self.if_trained.map(|difference| -difference),
            not_worse: NotWorse { first: self.not_worse.second, second: self.not_worse.first },
            ..self.clone()
        }
    }
}

impl Comparison {
    fn swapped(&self) -> Self {
        let Posterior { worse, equivalent, better } = self.posterior;
        let Superiority { share, interval } = self.superiority;
        let clustered = |clustered: Clustered| Clustered {
            mean: -clustered.mean,
            interval: clustered.interval.negated(),
            ..clustered
        };
        Self {
            mean: -self.mean,
            this_pool: self.this_pool.negated(),
            new_data: NewData { interval: self.new_data.interval.negated(), ..self.new_data },
            simultaneous: self.simultaneous.negated(),
            superiority: Superiority {
                share: 1.0 - share,
                interval: Interval { low: 1.0 - interval.high, high: 1.0 - interval.low },
            },
            posterior: Posterior { worse: better, equivalent, better: worse },
            new_cases: self.new_cases.map(clustered),
            ..self.clone()
        }
    }
}
