//! The numbers of a pair -> what may be said of it: intervals, finding, and what more splits would do. Each at the level of the whole
//! family.

use super::finding::{Finding, MIN_SPLITS, Question};
use super::options::Options;
use super::pair::{Clustered, Comparison, NotWorse, Pair, Posterior, Simultaneous, Superiority};
use super::pairing::{Alone, Draft, NewCases, Pairing, Together};
use super::performance::NewData;
use super::student::Students;
use crate::stats::Interval;
use crate::stats::clustered;
use crate::stats::distributions::{StudentT, normal_quantile};
use crate::stats::interval::wilson_at;
use crate::stats::paired::Moments;
use crate::stats::posterior::Correlated;
use crate::stats::prediction::{Outlook, Prediction};
use std::sync::OnceLock;

/// What a family is decided with.
pub(super) struct Decider<'a> {
    pairing: &'a Pairing<'a>,
    /// Number of pairs that share the level.
    count: f64,
    /// Critical values of a pair alone, of all pairs together, and of all non-inferiority tests together.
    alone: Critical,
    together: Critical,
    one_sided: Option<Critical>,
    /// By number of splits.
    predictions: Vec<OnceLock<Prediction>>,
}

/// Two-sided critical values of Student's t at a level.
struct Critical {
    of_splits: Students,
    of_cases: f64,
}

impl Critical {
    fn new(students: &Students, level: f64) -> Self {
        Self { of_splits: students.at(level), of_cases: StudentT::new(clustered::DEGREES_OF_FREEDOM).critical(level) }
    }
}

/// The mean difference with its standard error for each question.
struct Estimates {
    n: usize,
    mean: f64,
    this_pool: f64,
    new_data: f64,
    new_cases: Option<(f64, f64)>,
}

impl Estimates {
    fn this_pool(&self, critical: &Critical) -> Interval {
        Interval::around(self.mean, critical.of_splits.critical(self.n) * self.this_pool)
    }

    fn new_cases(&self, critical: &Critical) -> Option<Interval> {
        self.new_cases.map(|(mean, error)| Interval::around(mean, critical.of_cases * error))
    }

    fn new_data(&self, critical: &Critical) -> Interval {
        Interval::around(self.mean, critical.of_splits.critical(self.n) * self.new_data)
    }
}

impl<'a> Decider<'a> {
    /// Prepares a family of `tested` pairs.
    pub(super) fn new(pairing: &'a Pairing<'a>, tested: usize) -> Self {
        let Options { alpha, margin, .. } = *pairing.options;
        let count = tested.max(1) as f64;
        let critical = |level| Critical::new(pairing.students, level);
        let most = pairing.grid.splits.len().max(1);
        Self {
            pairing,
            count,
            alone: critical(alpha),
            together: critical(alpha / count),
            one_sided: margin.map(|_| critical(2.0 * alpha / count)),
            predictions: (0..=most).map(|_| OnceLock::new()).collect(),
        }
    }

    /// What may be said of a pair.
    pub(super) fn pair(&self, draft: Draft, together: Option<Together>) -> Pair {
        let compared = draft.alone.zip(together).map(|(alone, together)| self.compared(&alone, &together));
        let (first, second) = draft.rows;
        let mut pair = Pair {
            first,
            second: second.checked_sub(self.pairing.grid.candidates).unwrap_or(second),
            shared: draft.shared,
            without_score: draft.without_score,
            split_differs: draft.split_differs,
            with_failed: draft.with_failed,
            if_trained: draft.if_trained,
            comparison: None,
            finding: Finding::TooFewSplits,
            settle: None,
            not_worse: NotWorse::default(),
        };
        if let Some((comparison, estimates)) = compared {
            if draft.shared >= MIN_SPLITS {
                pair.finding = self.finding(&comparison, draft.shared);
                pair.settle = self.settle(&comparison, pair.finding, draft.shared);
                pair.not_worse = self.not_worse(&estimates);
            }
            pair.comparison = Some(comparison);
        }
        pair
    }

    fn compared(&self, alone: &Alone, together: &Together) -> (Comparison, Estimates) {
        let Pairing { grid, students, ratio, rope, .. } = *self.pairing;
        let moments = self.pairing.resolved(&alone.moments);
        let student = students.student(moments.n);
        let oriented = Moments { mean: grid.sign() * moments.mean, ..moments };
        let [worse, equivalent, better] = Correlated::of(&oriented, ratio).split_by(student, rope);
        let wins = alone.superiority * moments.n as f64;
        let estimates = self.estimates(&moments, alone.new_cases);
        let p_this_pool = moments.p_by(student, 0.0);
        let comparison = Comparison {
            mean: moments.mean,
            sd: alone.moments.sd,
            this_pool: students.interval(&moments, 0.0),
            new_data: NewData { ratio, interval: students.interval(&moments, ratio) },
            simultaneous: self.simultaneous(&estimates, together, p_this_pool),
            p_this_pool,
            p_new_data: alone.p_new_data,
            p_holm: together.holm,
            p_bh: together.bh,
            p_flip: together.flip,
            p_max_t: together.max_t,
            p_wilcoxon: alone.p_wilcoxon,
            superiority: Superiority {
                share: alone.superiority,
                interval: wilson_at(wins, moments.n, normal_quantile(self.pairing.options.alpha / 2.0)),
            },
            posterior: Posterior { worse, equivalent, better },
            new_cases: alone.new_cases.map(|cases| self.clustered(cases, together)),
        };
        (comparison, estimates)
    }

    fn estimates(&self, moments: &Moments, cases: Option<NewCases>) -> Estimates {
        let part = 1.0 / moments.n as f64;
        Estimates {
            n: moments.n,
            mean: moments.mean,
            this_pool: moments.sd * part.sqrt(),
            new_data: moments.sd * (part + self.pairing.ratio).sqrt(),
            new_cases: cases.map(|cases| (cases.mean, cases.variance.sqrt())),
        }
    }

    fn clustered(&self, cases: NewCases, together: &Together) -> Clustered {
        Clustered {
            mean: cases.mean,
            variance: cases.variance,
            interval: Interval::around(cases.mean, self.alone.of_cases * cases.variance.sqrt()),
            p: cases.p,
            p_holm: together.cases_holm.unwrap_or(cases.p),
            cases: cases.cases,
        }
    }

    fn simultaneous(&self, estimates: &Estimates, together: &Together, p_this_pool: f64) -> Simultaneous {
        let alpha = self.pairing.options.alpha;
        let seen = |interval: Interval, p: f64| if p <= alpha { interval.without_zero() } else { interval };
        let p_pool = self.p_this_pool(p_this_pool, together.max_t, estimates.n);
        let new_cases = estimates.new_cases(&self.together).zip(together.cases_holm);
        Simultaneous {
            this_pool: seen(estimates.this_pool(&self.together), p_pool),
            new_cases: new_cases.map(|(interval, p)| seen(interval, p)),
            new_data: seen(estimates.new_data(&self.together), together.holm),
        }
    }

    /// The p of this pool for all pairs together: of sign flips from the number of splits where these have fine enough steps, else of t
    /// by Bonferroni.
    fn p_this_pool(&self, p_alone: f64, p_max_t: f64, splits: usize) -> f64 {
        let is_fine = 0.5_f64.powf(splits as f64 - 1.0) <= self.pairing.options.alpha / 4.0;
        if is_fine { p_max_t } else { (p_alone * self.count).min(1.0) }
    }

    /// A claim needs the weaker ones: who is better for new data is better for new cases and on this pool.
    fn finding(&self, numbers: &Comparison, shared: usize) -> Finding {
        let alpha = self.pairing.options.alpha;
        let cases = numbers.new_cases.as_ref();
        let pool = self.p_this_pool(numbers.p_this_pool, numbers.p_max_t, shared) <= alpha;
        let for_cases = pool && cases.is_some_and(|cases| cases.p_holm <= alpha && cases.mean * numbers.mean > 0.0);
        let reaches = self.pairing.reaches_new_data;
        let for_data = reaches && pool && numbers.p_holm <= alpha && (for_cases || cases.is_none());
        let shown = match (for_data, for_cases, pool) {
            (true, ..) => Some(Question::NewData),
            (_, true, _) => Some(Question::NewCases),
            (.., pool) => pool.then_some(Question::ThisPool),
        };
        match shown {
            Some(question) if self.pairing.grid.sign() * numbers.mean > 0.0 => Finding::Better(question),
            Some(question) => Finding::Worse(question),
            None if numbers.mean == 0.0 && numbers.sd == 0.0 => Finding::Identical,
            None if numbers.posterior.equivalent >= 1.0 - alpha => Finding::Equivalent,
            None => Finding::Undecided,
        }
    }

    fn settle(&self, numbers: &Comparison, finding: Finding, shared: usize) -> Option<Outlook> {
        let is_open = matches!(
            finding,
            Finding::Undecided
                | Finding::Better(Question::ThisPool | Question::NewCases)
                | Finding::Worse(Question::ThisPool | Question::NewCases)
        );
        let sd = self.pairing.resolved(&Moments { n: shared, mean: numbers.mean, sd: numbers.sd }).sd;
        if !is_open || sd == 0.0 {
            return None;
        }
        let Pairing { ratio, options: Options { alpha, .. }, .. } = *self.pairing;
        let level = alpha / self.count;
        let prediction = self.predictions[shared].get_or_init(|| Prediction::new(shared, ratio, level));
        Some(match prediction.outlook(numbers.mean / sd) {
            Outlook::Never { needed } => Outlook::Never { needed: needed * sd },
            other => other,
        })
    }

    /// Non-inferiority, one-sided: the interval of twice the level ends above the margin below zero.
    fn not_worse(&self, estimates: &Estimates) -> NotWorse {
        let Some((critical, margin)) = self.one_sided.as_ref().zip(self.pairing.options.margin) else {
            return NotWorse::default();
        };
        let intervals = [
            (Question::ThisPool, Some(estimates.this_pool(critical))),
            (Question::NewCases, estimates.new_cases(critical)),
            (Question::NewData, Some(estimates.new_data(critical))),
        ];
        let strongest = |is_shown: &dyn Fn(Interval) -> bool| {
            let known = intervals.iter().filter_map(|(question, interval)| Some((*question, (*interval)?)));
            known.take_while(|(_, interval)| is_shown(*interval)).last().map(|(question, _)| question)
        };
        let above = strongest(&|interval| interval.low > -margin);
        let below = strongest(&|interval| interval.high < margin);
        if self.pairing.grid.higher_is_better {
            NotWorse { first: above, second: below }
        } else {
            NotWorse { first: below, second: above }
        }
    }
}
