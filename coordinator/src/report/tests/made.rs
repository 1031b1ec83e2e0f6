//! A made-up sweep, with all that a report is made of.

use crate::analysis::comparison::Analysis;
use crate::analysis::comparison::{
    Comparison, Component, Crossed, Detectable, Family, Finding, Flips, NewData, NotWorse, Options, Pair, Performance,
    Pick, Posterior, Power, Question, Ranks, Selection, Share, Simultaneous, Superiority, Test, TestSampling, TwoWay,
    Variance, Verdicts, Warning,
};
use crate::analysis::observations::Observations;
use crate::analysis::observations::{Baseline, Candidate, Observation, Replicate, ReplicatesAre};
use crate::plan::{AxisValue, Objective};
use crate::report::*;
use crate::results::{Example, JobRow, MeasurementRow, RowState, ScoredResult, SplitsAre, SweepHead, SweepResults};
use crate::stats::{Interval, Summary};
use crate::tables::About;
use proto::extras::Extras;
use proto::ids::{Attempt, ContentHash, JobId};
use proto::measure::{CaseCounts, Counts, Evaluation, JobResult, Measurement, Scores, Verdict};
use proto::spec::{Seeds, Split, Trainer};
use std::sync::Arc;

/// 97.5 % point of Student's t with 11 degrees of freedom.
const T: f64 = 2.200_985_160_1;
pub(super) const SPLITS: usize = 12;
/// Scores of five candidates on twelve splits; the last one collapsed once.
const SCORES: [[f64; 5]; SPLITS] = [
    [0.702, 0.678, 0.671, 0.655, 0.612],
    [0.731, 0.690, 0.702, 0.668, 0.640],
    [0.688, 0.671, 0.655, 0.649, 0.601],
    [0.745, 0.722, 0.709, 0.701, 0.655],
    [0.694, 0.668, 0.690, 0.640, 0.588],
    [0.718, 0.709, 0.684, 0.676, 0.633],
    [0.669, 0.650, 0.661, 0.622, 0.090],
    [0.752, 0.731, 0.718, 0.690, 0.664],
    [0.707, 0.712, 0.676, 0.661, 0.619],
    [0.683, 0.659, 0.640, 0.651, 0.594],
    [0.736, 0.715, 0.722, 0.683, 0.647],
    [0.699, 0.681, 0.669, 0.644, 0.606],
];

/// The score of a candidate: those beyond the table repeat it, a little lower.
fn score(candidate: usize, split: usize) -> f64 {
    SCORES[split][candidate % 5] - 0.01 * (candidate / 5) as f64
}

/// A made-up sweep with what a report is made of.
pub(crate) struct Made {
    pub(crate) results: SweepResults,
    pub(crate) analysed: Analysed,
    pub(crate) measurements: Vec<MeasurementRow>,
    pub(crate) examples: Vec<Example>,
    pub(crate) provenance: Provenance,
}

impl Made {
    /// A sweep whose scores are drawn anew on so many splits; the analysis is that of other scores.
    pub(crate) fn of_splits(candidates: usize, splits: u64) -> Self {
        let mut made = Self::new(candidates);
        let observations = Arc::make_mut(&mut made.analysed.observations);
        observations.replicates = (0..splits).map(replicate).collect();
        made.results.head.replicates = observations.replicates.iter().filter_map(|replicate| replicate.seeds).collect();
        let all = (0..candidates).flat_map(|candidate| (0..splits as usize).map(move |split| (candidate, split)));
        let like = made.results.jobs[0].clone();
        let job = |(candidate, replicate)| JobRow {
            job: JobId((candidate * splits as usize + replicate) as u128),
            candidate,
            replicate,
            ..like.clone()
        };
        made.results.jobs = all.map(job).collect();
        for (index, candidate) in observations.candidates.iter_mut().enumerate() {
            // neither even nor at random: each place between 0 and 1 comes soon
            let place = |split: u64| (0.618_034 * (split as f64 + 7.0 * index as f64)).fract();
            let score = |split| 0.6 + 0.001 * index as f64 + 0.2 * place(split).powi(2);
            candidate.observations = (0..splits).map(|split| Observation::scored(score(split))).collect();
        }
        made
    }

    pub(crate) fn new(candidates: usize) -> Self {
        let observations = observations(candidates);
        let analysis = analysis(&observations);
        let jobs = jobs(candidates);
        let head = SweepHead {
            sweep: "made <up> & small".to_owned(),
            content: Some(ContentHash(0xfeed)),
            trainer: Trainer::Candle,
            axes: observations.axes.clone(),
            candidates: observations.candidates.iter().map(|candidate| candidate.values.clone()).collect(),
            replicates: observations.replicates.iter().filter_map(|replicate| replicate.seeds).collect(),
            objective: Objective::default(),
            measured: Vec::new(),
            metric: Objective::default().metric,
            split: Split::default(),
            cases: Some(200),
            groups: Vec::new(),
            splits_are: SplitsAre::Drawn,
        };
        Self {
            measurements: measurements(&jobs),
            results: SweepResults { head, jobs, baselines: Vec::new(), looks: Vec::new(), cases: Vec::new() },
            examples: examples(),
            provenance: Provenance {
                file: "sweep: made  # <script>alert(1)</script>".to_owned(),
                submitted: "2026-01-02T03:04:05Z".to_owned(),
                version: "0.1.0".to_owned(),
                resolved: "sweep: made\nmodel:\n  width: 64\n".to_owned(),
                job: Some("architecture: unet\n".to_owned()),
                commands: vec![(
                    "Run the sweep".to_owned(),
                    "coordinator --sweep made.yaml --store made.db".to_owned(),
                )],
            },
            analysed: Analysed { about: About::default(), observations: observations.into(), analysis },
        }
    }

    pub(crate) fn report(self) -> Report {
        let tables = [("tables/candidates.csv".to_owned(), "the candidates".to_owned())];
        report(Material {
            results: &self.results,
            analysed: self.analysed,
            measurements: &self.measurements,
            examples: &self.examples,
            provenance: &self.provenance,
            tables: &tables,
        })
    }
}

fn replicate(split: u64) -> Replicate {
    Replicate {
        label: split.to_string(),
        seeds: Some(Seeds { split_seed: split, init_seed: split, order_seed: split }),
        split: Some(split),
        permutation: None,
    }
}

fn observations(candidates: usize) -> Observations {
    let names = ["unet", "unet2", "segnet", "linknet", "fcn"];
    let value = |name: &str| Some(AxisValue::Name(name.to_owned()));
    let candidate = |index: usize| Candidate {
        values: vec![
            value(names[index % 5]),
            value(["bce", "dice"][index / 5 % 2]),
            Some(AxisValue::Integer(index as u64 / 10)),
        ],
        observations: (0..SPLITS).map(|split| Observation::scored(score(index, split))).collect(),
    };
    Observations {
        metric: "thresholded_iou".to_owned(),
        higher_is_better: true,
        axes: ["architecture", "loss", "learning_rate"].map(str::to_owned).to_vec(),
        candidates: (0..candidates).map(candidate).collect(),
        baselines: vec![Baseline {
            name: "Otsu".to_owned(),
            is_constant: false,
            observations: vec![Observation::scored(0.66); SPLITS],
        }],
        replicates: (0..SPLITS as u64).map(replicate).collect(),
        replicates_are: ReplicatesAre::Splits,
        range: Some(Interval { low: 0.0, high: 1.0 }),
        ratio: Some(0.5),
        clusters: Vec::new(),
        pool: Some(200),
        decided: None,
    }
}

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

fn analysis(observations: &Observations) -> Analysis {
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

fn jobs(candidates: usize) -> Vec<JobRow> {
    // all foreground is found, and as much beside it as the score says
    let evaluation = |score: f64| {
        let tp = (score * 1e6) as u32;
        Evaluation::of(f64::NAN, vec![CaseCounts { case: 0, counts: Counts { tp, fp: 1_000_000 - tp, fn_: 0, tn: 0 } }])
    };
    let job = |(candidate, replicate): (usize, usize)| {
        let score = score(candidate, replicate);
        let result = JobResult {
            verdict: if score < 0.2 { Verdict::Trivial } else { Verdict::Trained },
            epochs: 20,
            best_epoch: 18,
            validation: evaluation(score),
            test: evaluation(score),
            train_seconds: 80.0,
            parameters: 1_900_000 * (1 + candidate as u64 % 5),
            device: "cuda:0 (H100)".to_owned(),
            split_hash: None,
            extras: Extras::default(),
        };
        let result = ScoredResult { result, worker: "gpu-1".to_owned(), baselines: None };
        JobRow {
            job: JobId((candidate * SPLITS + replicate) as u128),
            candidate,
            replicate,
            state: RowState::Succeeded,
            attempts: 1,
            message: None,
            result: Some(result),
        }
    };
    let mut jobs: Vec<JobRow> = (0..candidates)
        .flat_map(|candidate| (0..SPLITS).map(move |replicate| (candidate, replicate)))
        .map(job)
        .collect();
    if let Some(last) = jobs.last_mut() {
        *last = JobRow {
            state: RowState::Failed,
            attempts: 3,
            message: Some("out of <memory>".to_owned()),
            result: None,
            ..last.clone()
        };
    }
    jobs
}

fn measurements(jobs: &[JobRow]) -> Vec<MeasurementRow> {
    let epoch = |job: &JobRow, epoch: u32| {
        let share = 1.0 - (-0.3 * f64::from(epoch)).exp();
        let score = score(job.candidate, job.replicate) * share;
        let validation = Scores { loss: Some(1.05 - share * 0.8), thresholded_iou: Some(score), ..Scores::default() };
        let measurement =
            Measurement { epoch, train_loss: Some(1.0 - share * 0.85), validation, seconds: 4.0 * f64::from(epoch) };
        MeasurementRow { job: job.job, attempt: Attempt(1), measurement }
    };
    jobs.iter().flat_map(|job| (1..=20).map(move |number| epoch(job, number))).collect()
}

fn examples() -> Vec<Example> {
    let example = |rank, iou| Example {
        candidate: 0,
        split: "3".to_owned(),
        case: "IMD<002>".to_owned(),
        rank,
        of: 50,
        iou,
        png: vec![0x89, b'P', b'N', b'G'],
    };
    vec![example(1, 0.97), example(25, 0.84), example(50, 0.12)]
}
