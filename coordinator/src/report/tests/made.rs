//! A made-up sweep, with all that a report is made of.

use super::made_analysis::analysis;
use crate::analysis::observations::Observations;
use crate::analysis::observations::{Baseline, Candidate, Observation, Replicate, ReplicatesAre};
use crate::plan::{AxisValue, Objective};
use crate::report::*;
use crate::results::{Example, JobRow, MeasurementRow, RowState, ScoredResult, SplitsAre, SweepHead, SweepResults};
use crate::stats::Interval;
use crate::tables::About;
use proto::extras::Extras;
use proto::ids::{Attempt, ContentHash, JobId};
use proto::measure::{CaseCounts, Counts, Evaluation, JobResult, Measurement, Scores, Verdict};
use proto::spec::{Seeds, Split, Trainer};
use std::sync::Arc;

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
pub(super) fn score(candidate: usize, split: usize) -> f64 {
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
