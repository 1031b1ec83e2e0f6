//! A trainer that waits and makes its numbers up: the same job has the same numbers. It loads a coordinator without training.

use crate::data::split::{self, SplitError};
use crate::seed::stream;
use proto::extras::Extras;
use proto::measure::{CaseCounts, Counts, Evaluation, JobResult, Measurement, Verdict};
use proto::spec::{EpochChoice, JobSpec};
use rand::RngExt;
use std::time::{Duration, Instant};

/// What the device column says, so that nobody takes the numbers for real.
pub(super) const DEVICE: &str = "simulated";

/// Pixels of a made-up case, by truth.
const FOREGROUND: u32 = 300;
const BACKGROUND: u32 = 700;

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
    let subsets = split::assign(&spec.split, &vec![0; spec.split.total() as usize], spec.seeds.split_seed)?;
    let id = spec.id().0;
    let mut random = stream("simulated", &[(id >> 64) as u64, id as u64]);
    let epochs = spec.training.epochs;
    let skill: f64 = random.random_range(0.6..0.9);
    let mut evaluate = |progress: f64, cases: &[u32]| {
        let share = skill * progress;
        let cases = cases.iter().map(|&case| {
            let hit = (share + random.random_range(-0.05..0.05)).clamp(0.0, 1.0);
            let tp = (hit * f64::from(FOREGROUND)) as u32;
            let fp = ((1.0 - hit) * 0.1 * f64::from(BACKGROUND)) as u32;
            CaseCounts { case, counts: Counts { tp, fp, fn_: FOREGROUND - tp, tn: BACKGROUND - fp } }
        });
        Evaluation { loss: 1.0 - share, cases: cases.collect() }
    };
    let mut best: Option<(u32, f64, Evaluation)> = None;
    for epoch in 1..=epochs {
        let due = duration.mul_f64(f64::from(epoch) / f64::from(epochs));
        std::thread::sleep(due.saturating_sub(started.elapsed()));
        let progress = 1.0 - 0.5 / f64::from(epoch);
        let validation = evaluate(progress, &subsets.validation);
        let scores = validation.scores();
        let seconds = due.as_secs_f64();
        observe(&Measurement { epoch, train_loss: Some(1.0 - skill * progress), validation: scores, seconds });
        let score = scores.get(spec.selection.metric).unwrap_or(0.0);
        let is_better = best.as_ref().is_none_or(|(_, best, _)| spec.selection.metric.better(score, *best));
        if is_better || spec.selection.epoch == EpochChoice::Last {
            best = Some((epoch, score, validation));
        }
    }
    let test = evaluate(1.0, &subsets.test);
    let (best_epoch, _, validation) = best.unwrap_or_default();
    Ok(JobResult {
        verdict: Verdict::Trained,
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
