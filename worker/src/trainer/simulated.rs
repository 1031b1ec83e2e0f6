//! A trainer that waits and makes its numbers up: the same job has the same numbers. It loads a coordinator without training, and plays a
//! sweep's course with the scores that its file sets.

use crate::data::split::{self, Pool, SplitError};
use crate::seed::stream;
use proto::extras::Extras;
use proto::measure::{CaseCounts, Counts, Evaluation, JobResult, Measurement, Verdict};
use proto::spec::{EpochChoice, JobSpec, Scheme, Simulation, Split};
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use std::time::{Duration, Instant};

/// What the device column says, so that nobody takes the numbers for real.
pub(super) const DEVICE: &str = "simulated";

/// Pixels of a made-up case, by truth.
const FOREGROUND: u32 = 300;
const BACKGROUND: u32 = 700;

/// Foreground pixels of a case whose IoU is set: so many that its rounding is far below any difference of candidates.
const FINE: u32 = 1_000_000;
/// The IoU of a simulated training that collapsed.
const COLLAPSED: f64 = 0.09;

/// Waits for `duration`, spread over the epochs. The data set is as large as the split, and no case has a lesion.
///
/// # Errors
/// If there is no such split.
pub(super) fn train(
    spec: &JobSpec,
    duration: Duration,
    observe: &mut dyn FnMut(&Measurement),
) -> Result<JobResult, SplitError> {
    let started = Instant::now();
    // nobody knows the cases that a file lists
    let scheme = if spec.split.scheme == Scheme::File { Scheme::Random } else { spec.split.scheme };
    let pool = Pool::of_size(spec.split.total() as usize);
    let subsets = split::assign(&Split { scheme, ..spec.split }, &pool, spec.seeds.split_seed)?;
    let epochs = spec.training.epochs;
    let mut scores = Scores::of(spec);
    let mut best: Option<(u32, f64, Evaluation)> = None;
    for epoch in 1..=epochs {
        let due = duration.mul_f64(f64::from(epoch) / f64::from(epochs));
        std::thread::sleep(due.saturating_sub(started.elapsed()));
        let (train_loss, validation) = scores.validation(epoch, epochs, &subsets.validation);
        let validation_scores = validation.scores();
        let seconds = due.as_secs_f64();
        observe(&Measurement { epoch, train_loss: Some(train_loss), validation: validation_scores, seconds });
        let score = validation_scores.get(spec.selection.metric).unwrap_or(0.0);
        let is_better = best.as_ref().is_none_or(|(_, best, _)| spec.selection.metric.better(score, *best));
        if is_better || spec.selection.epoch == EpochChoice::Last {
            best = Some((epoch, score, validation));
        }
    }
    let test = scores.test(&subsets.test);
    let (best_epoch, _, validation) = best.unwrap_or_default();
    Ok(JobResult {
        verdict: scores.verdict(),
        epochs,
        best_epoch,
        validation,
        test,
        train_seconds: duration.as_secs_f64(),
        parameters: 0,
        device: DEVICE.to_owned(),
        split_hash: Some(subsets.hash(spec.data.content)),
        extras: Extras::default(),
    })
}

/// Where the scores of a job come from.
enum Scores {
    /// Some skill, which differs from job to job.
    Any { skill: f64, random: Box<ChaCha8Rng> },
    /// What the sweep file sets.
    Set { validation: f64, test: f64, has_collapsed: bool },
}

impl Scores {
    fn of(spec: &JobSpec) -> Self {
        let id = spec.id().0;
        let id = [(id >> 64) as u64, id as u64];
        match &spec.simulation {
            None => {
                let mut random = stream("simulated", &id);
                Self::Any { skill: random.random_range(0.6..0.9), random: random.into() }
            }
            Some(simulation) => Self::set(simulation, spec.seeds.split_seed, &id),
        }
    }

    /// The candidate's mean, an effect of the split that all candidates share, and a residual of the job's own for each subset.
    fn set(simulation: &Simulation, split_seed: u64, id: &[u64]) -> Self {
        let Simulation { mean, split_sd, residual_sd, collapse } = *simulation;
        let shared = mean + split_sd * normal(&mut stream("simulated split", &[split_seed]));
        let mut own = stream("simulated job", id);
        let has_collapsed = own.random_bool(collapse.clamp(0.0, 1.0));
        let mut score = || {
            let score = shared + residual_sd * normal(&mut own);
            if has_collapsed { COLLAPSED } else { score.clamp(0.0, 1.0) }
        };
        Self::Set { validation: score(), test: score(), has_collapsed }
    }

    /// The training loss and the validation cases after an epoch.
    fn validation(&mut self, epoch: u32, epochs: u32, cases: &[u32]) -> (f64, Evaluation) {
        match self {
            Self::Any { skill, random } => {
                let share = *skill * (1.0 - 0.5 / f64::from(epoch));
                (1.0 - share, any(share, random, cases))
            }
            // the last epoch has the very score
            Self::Set { validation, .. } => {
                let iou = *validation * (1.0 - 0.5 * (1.0 / f64::from(epoch) - 1.0 / f64::from(epochs)));
                (1.0 - iou, exact(iou, cases))
            }
        }
    }

    fn test(&mut self, cases: &[u32]) -> Evaluation {
        match self {
            Self::Any { skill, random } => any(*skill, random, cases),
            Self::Set { test, .. } => exact(*test, cases),
        }
    }

    fn verdict(&self) -> Verdict {
        match self {
            Self::Set { has_collapsed: true, .. } => Verdict::Trivial,
            _ => Verdict::Trained,
        }
    }
}

/// Cases of about this share of hits.
fn any(share: f64, random: &mut impl Rng, cases: &[u32]) -> Evaluation {
    let cases = cases.iter().map(|&case| {
        let hit = (share + random.random_range(-0.05..0.05)).clamp(0.0, 1.0);
        let tp = (hit * f64::from(FOREGROUND)) as u32;
        let fp = ((1.0 - hit) * 0.1 * f64::from(BACKGROUND)) as u32;
        CaseCounts { case, counts: Counts { tp, fp, fn_: FOREGROUND - tp, tn: BACKGROUND - fp } }
    });
    Evaluation::of(1.0 - share, cases.collect())
}

/// Cases of this very IoU.
fn exact(iou: f64, cases: &[u32]) -> Evaluation {
    let tp = (iou * f64::from(FINE)).round() as u32;
    let counts = Counts { tp, fp: 0, fn_: FINE - tp, tn: FINE };
    Evaluation::of(1.0 - iou, cases.iter().map(|&case| CaseCounts { case, counts }).collect())
}

/// A number of the standard normal distribution (Box and Muller 1958).
fn normal(random: &mut impl Rng) -> f64 {
    let mut unit = || random.random_range(0.0..1.0);
    let (radius, angle): (f64, f64) = (unit(), unit());
    (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(split_seed: u64, job: u64, collapse: f64) -> (f64, f64, Verdict) {
        let simulation = Simulation { mean: 0.7, split_sd: 0.04, residual_sd: 0.02, collapse };
        let mut scores = Scores::set(&simulation, split_seed, &[job]);
        let validation = scores.validation(3, 3, &[0, 1]).1.scores().iou.unwrap_or_default();
        (validation, scores.test(&[3, 4]).scores().iou.unwrap_or_default(), scores.verdict())
    }

    #[test]
    fn set_scores_have_the_mean_the_shared_and_the_own_deviation() {
        let all: Vec<Vec<f64>> =
            (0..400).map(|split| (0..8).map(|job| scores(split, 1000 * split + job, 0.0).0).collect()).collect();
        let mean = |numbers: &[f64]| numbers.iter().sum::<f64>() / numbers.len() as f64;
        let sd = |numbers: &[f64]| {
            let mean = mean(numbers);
            (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (numbers.len() - 1) as f64).sqrt()
        };
        let of_splits: Vec<f64> = all.iter().map(|jobs| mean(jobs)).collect();
        let own: Vec<f64> = all.iter().map(|jobs| sd(jobs).powi(2)).collect();
        // four standard errors of each
        assert!((mean(&of_splits) - 0.7).abs() < 4.0 * 0.0406 / 20.0, "{}", mean(&of_splits));
        assert!((sd(&of_splits) - 0.0406).abs() < 4.0 * 0.0406 / 800f64.sqrt(), "{}", sd(&of_splits));
        assert!((mean(&own).sqrt() - 0.02).abs() < 4.0 * 0.02 / 5600f64.sqrt(), "{}", mean(&own).sqrt());
    }

    #[test]
    fn a_simulated_job_has_the_same_scores_again_and_collapses_as_often_as_it_should() {
        assert_eq!(scores(1, 2, 0.5), scores(1, 2, 0.5));
        assert_ne!(scores(1, 2, 0.0).0, scores(1, 3, 0.0).0);
        assert_eq!(scores(1, 2, 1.0), (COLLAPSED, COLLAPSED, Verdict::Trivial));
        let collapsed = (0..400).filter(|job| scores(0, *job, 0.25).2 == Verdict::Trivial).count();
        assert!((65..=135).contains(&collapsed), "{collapsed} of 400");
    }
}
