//! Two candidates, paired on the splits that they share.

use super::performance::NewData;
use crate::stats::Interval;
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
    /// What it takes to decide on new data; `None` where that is decided, and where nothing can be said.
    pub settle: Option<Settle>,
}

/// The numbers of a pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Mean difference.
    pub mean: f64,
    /// Standard deviation of the splits' differences.
    pub sd: f64,
    /// Interval of the mean difference over other random splits of these cases (naive t).
    pub this_pool: Interval,
    /// Interval of the mean difference for new data (Nadeau-Bengio).
    pub new_data: NewData,
    /// Two-sided p of the naive t test: this pool only.
    pub p_this_pool: f64,
    /// Two-sided p of Nadeau and Bengio's corrected resampled t test.
    pub p_new_data: f64,
    /// `p_new_data`, corrected for the family's number of pairs by Holm: the headline.
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
    /// Its interval.
    pub interval: Interval,
    /// Two-sided p.
    pub p: f64,
    /// Number of different cases.
    pub cases: usize,
}

/// What may be said of a pair: of the first, against the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Better also on new data: the interval for new data excludes zero after Holm's correction.
    Better,
    /// Worse also on new data.
    Worse,
    /// The difference does not matter: P(within the ROPE) >= 0.95, or the interval for new data lies within the ROPE.
    PracticallyEquivalent,
    /// Better on other random splits of these cases (max-T); new data may say otherwise.
    BetterOnThisPool,
    /// Worse on other random splits of these cases; new data may say otherwise.
    WorseOnThisPool,
    /// None of these.
    Undecided,
}

/// What it takes to decide a pair on new data, if difference, spread and ratio stay as they are: with the power of the options,
/// at the strictest level of the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Settle {
    /// That many splits more.
    MoreSplits(u64),
    /// No number of splits with this ratio of test to training cases: the spread between training sets does not average out.
    NeverWithThisRatio,
}

impl Finding {
    /// The words of reports.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::PracticallyEquivalent => "practically equivalent",
            Self::BetterOnThisPool => "better on this pool",
            Self::WorseOnThisPool => "worse on this pool",
            Self::Undecided => "undecided",
        }
    }

    /// The finding with the two swapped.
    #[must_use]
    pub fn swapped(self) -> Self {
        match self {
            Self::Better => Self::Worse,
            Self::Worse => Self::Better,
            Self::BetterOnThisPool => Self::WorseOnThisPool,
            Self::WorseOnThisPool => Self::BetterOnThisPool,
            Self::PracticallyEquivalent | Self::Undecided => self,
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
