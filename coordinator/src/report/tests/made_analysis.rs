//! What the made-up sweep comes to: numbers that look like those of an analysis, made by hand.

use super::made::{SPLITS, score};
use crate::analysis::comparison::Analysis;
use crate::analysis::comparison::{
    Comparison, Component, Crossed, Detectable, Family, Finding, Flips, NewData, NotWorse, Options, Pair, Performance,
    Pick, Posterior, Power, Question, Ranks, Selection, Share, Simultaneous, Superiority, Test, TestSampling, TwoWay,
    Variance, Verdicts, Warning,
};
use crate::analysis::observations::Observations;
use crate::stats::{Interval, Summary};

/// 97.5 % point of Student's t with 11 degrees of freedom.
const T: f64 = 2.200_985_160_1;

fn intervals(numbers: &[f64]) -> (Summary, Interval, NewData) {
    let summary = Summary::of(numbers);
    let (mean, sd) = (summary.mean.unwrap(), summary.sd.unwrap());
    let half = |ratio: f64| T * sd * (1.0 / SPLITS as f64 + ratio).sqrt();
    (summary, Interval::around(mean, half(0.0)), NewData { ratio: 0.5, interval: Interval::around(mean, half(0.5)) })
}

fn row(label: String, scores: &[f64]) -> Performance {
    let (summary, this_pool, new_data) = intervals(scores);
    let collapsed = scores.iter().filter(|score| **score < 0.2).count();
    let share = |count| Share { count, of: SPLITS, interval: Interval { low: 0.0, high: 0.3 } };
    Performance {
        label,
        jobs: SPLITS,
        missing: 0,
        dropped: 0,
        failed: share(0),
        not_trained: share(collapsed),
        without_score: 0,
        scores: summary,
        far_outside: 0,
        trivial_against: None,
        splits: SPLITS,
        this_pool: Some(this_pool),
        new_data: Some(new_data),
        sensitivity: Vec::new(),
        mean_if_trained: summary.mean,
        trained: SPLITS - collapsed,
        mean_at_worst: summary.mean,
        adjusted_mean: summary.mean,
        validation_mean: summary.mean.map(|mean| mean + 0.01),
        verdicts: Verdicts { trained: SPLITS - collapsed, trivial: collapsed, ..Verdicts::default() },
        seconds: 1000.0,
        mean_seconds: Some(80.0 + 40.0 * (scores[0] - 0.5)),
    }
}

fn pair(first: usize, second: usize) -> Pair {
    let differences: Vec<f64> = (0..SPLITS).map(|split| score(first, split) - score(second, split)).collect();
    let (summary, this_pool, new_data) = intervals(&differences);
    let finding = match (this_pool.low > 0.0, new_data.interval.low > 0.0) {
        (_, true) => Finding::Better(Question::NewData),
        (true, _) => Finding::Better(Question::ThisPool),
        _ => Finding::Undecided,
    };
    let comparison = Comparison {
        mean: summary.mean.unwrap(),
        sd: summary.sd.unwrap(),
        this_pool,
        new_data,
        simultaneous: Simultaneous { this_pool, new_cases: None, new_data: new_data.interval },
        p_this_pool: 0.001,
        p_new_data: 0.01,
        p_holm: if finding == Finding::Better(Question::NewData) { 0.0004 } else { 0.24 },
        p_bh: 0.02,
        p_flip: 0.001,
        p_max_t: 0.01,
        p_wilcoxon: 0.002,
        superiority: Superiority { share: 0.9, interval: Interval { low: 0.6, high: 1.0 } },
        posterior: Posterior { worse: 0.0, equivalent: 0.1, better: 0.9 },
        new_cases: None,
    };
    Pair {
        first,
        second,
        shared: SPLITS,
        without_score: 0,
        split_differs: 0,
        comparison: Some(comparison),
        finding,
        settle: None,
        with_failed: None,
        if_trained: None,
        not_worse: NotWorse::default(),
    }
}

fn component(name: &str, raw: f64, share: f64) -> Component {
    let interval = Some(Interval { low: 0.4 * raw, high: 1.9 * raw });
    Component { name: name.to_owned(), df: 11, mean_square: raw, raw, variance: raw.max(0.0), share, interval }
}

pub(super) fn analysis(observations: &Observations) -> Analysis {
    let count = observations.candidates.len();
    let scores = |index: usize| (0..SPLITS).map(|split| score(index, split)).collect::<Vec<_>>();
    let pairs: Vec<_> = (1..count).map(|second| pair(0, second)).collect();
    let none = Family { pairs: Vec::new(), count: 0, flips: Flips::default() };
    let test = Test { statistic: 43.9, df: (4.0, f64::INFINITY), p: 6.8e-9 };
    let pick = Pick { candidate: 0, picked_by: 0.72, test: Some(0.71) };
    let components = vec![
        component("candidate", 3.9e-4, 0.38),
        component("split", 5.6e-4, 0.54),
        component("residual", 8.9e-5, 0.08),
    ];
    Analysis {
        metric: observations.metric.clone(),
        higher_is_better: true,
        options: Options::default(),
        ratio: 0.5,
        ratio_is_known: true,
        rope: 0.01,
        typical_spread: Some(0.03),
        pool: Some(200),
        replicates: SPLITS,
        splits: SPLITS,
        candidates: observations
            .candidates
            .iter()
            .enumerate()
            .map(|(index, one)| row(one.label(), &scores(index)))
            .collect(),
        baselines: vec![row("Otsu".to_owned(), &scores(3))],
        pairs: Family { count: pairs.len(), pairs, flips: Flips { count: 4096, exact: true } },
        against_baselines: none,
        ranks: Some(Ranks {
            splits: SPLITS,
            mean: (0..count).map(|index| 1.08 + 0.9 * index as f64).collect(),
            histogram: Vec::new(),
            p_best: Vec::new(),
            friedman: test,
            iman_davenport: test,
            kendall_w: 0.91,
            critical_difference: 1.76,
            order: (0..count).collect(),
            cliques: vec![(1, 2), (2, 4)].into(),
        }),
        effects: None,
        variance: Variance {
            two_way: Some(TwoWay {
                candidates: count,
                splits: SPLITS,
                mean_squares: [4.8e-3, 2.3e-3, 8.9e-5],
                components,
            }),
            crossed: Vec::<Crossed>::new(),
            test_sampling: Some(TestSampling {
                case_sd: 0.22,
                test_cases: 50.0,
                pool: 200,
                split_sd: 0.021,
                share: Some(0.8),
            }),
        },
        power: Power {
            typical_sd: Some(0.02),
            pairs: 10,
            detectable: vec![Detectable {
                splits: SPLITS,
                this_pool: Some(0.9),
                new_data: Some(2.3),
                new_data_all_pairs: Some(3.1),
                this_pool_all_pairs: Some(1.3),
            }],
            floor: 1.98,
        },
        selection: Some(Selection {
            by_validation: Some(pick),
            by_test: pick,
            held_out: None,
            changes: None,
            optimism: None,
            optimism_of_one_split: None,
            flattery: None,
        }),
        warnings: vec![Warning::Collapsed { candidate: "fcn bce 0".to_owned(), jobs: SPLITS, count: 1 }],
    }
}
