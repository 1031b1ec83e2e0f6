//! Whether a training that ended is a model.
//!
//! | rule | hits if | verdict |
//! |---|---|---|
//! | `not_finite` | the loss of a step, of the last epoch, or on the test cases was not finite | diverged |
//! | `constant_mask` | the mean IoU on the test cases does not exceed that of the best constant mask | trivial |
//! | `nearly_empty_or_full` | on at least 90 % of the test cases the foreground is less than 1 % or more than 99 % of the image | degenerate |
//! | `same_for_all_images` | two predictions have a mean IoU with each other of more than 0.98 | degenerate |
//! | `no_gradient` | the norm of the gradient was below 1e-8 at the end of two epochs in a row | degenerate |
//! | `constant_probability` | the best training loss is less than 5 % better than that of the best constant probability | trivial |
//!
//! The first rule that hits gives the verdict; all that hit are the evidence. A training that no rule hits is **trained**. The constant
//! masks are all foreground, all background, the mean training mask at 0.5, and a disc in the middle as large as the mean training
//! lesion. Where a split has no test cases, the validation cases stand in for them.

use super::baselines::Baselines;
use super::predictions::Predictions;
use proto::extras::{Baseline, Evidence, Rule};
use proto::measure::{CaseCounts, Counts, Evaluation, Verdict};

/// Share of the test cases with a nearly empty or full prediction that makes a network degenerate.
const DEGENERATE_CASES: f64 = 0.9;
/// A prediction with less foreground than this, or less background, is nearly empty or full.
const NEARLY: f64 = 0.01;
/// Mean IoU of predictions with each other above which a network does not look at its images.
const SIMILAR: f64 = 0.98;
/// Share of saturated logits above which a step moves nothing.
const SATURATED: f64 = 0.99;
/// Norm of the gradient below which a step moves nothing.
pub const NO_GRADIENT: f64 = 1e-8;
/// Epochs in a row with such a gradient.
const EPOCHS_WITHOUT_GRADIENT: u32 = 2;
/// Share of the best constant probability's loss that the training loss must come below.
const BETTER_LOSS: f64 = 0.95;

/// What a training is judged by.
#[derive(Debug)]
pub struct Trial<'a> {
    /// On the test cases.
    pub test: &'a Evaluation,
    /// The predictions on them.
    pub predictions: &'a Predictions,
    /// Whether a step, or the last epoch, was not finite.
    pub diverged: bool,
    /// Epochs that were trained.
    pub epochs: u32,
    /// Epochs in a row, up to the last, whose last gradient had a norm below [`NO_GRADIENT`].
    pub without_gradient: u32,
    /// The best mean loss of an epoch on the training cases, and that of the best constant probability.
    pub losses: Option<(f64, f64)>,
}

/// The verdict, and the evidence of all rules that hit.
#[must_use]
pub fn judge(baselines: &Baselines<'_>, trial: &Trial<'_>) -> (Verdict, Vec<Evidence>) {
    let evidence = |rule, found, bound| Evidence { rule, found, bound };
    if trial.diverged || !trial.test.loss.is_finite() {
        return (Verdict::Diverged, vec![evidence(Rule::NotFinite, trial.epochs.into(), 0.0)]);
    }
    let mut hits = Vec::new();
    let (score, bound) = (mean(&ious(&trial.test.cases)), constant_mask(baselines, &trial.test.cases));
    if score <= bound {
        hits.push(evidence(Rule::ConstantMask, score, bound));
    }
    hits.extend(collapse(&trial.test.cases, trial.predictions).filter(|sign| sign.rule != Rule::Saturated));
    if trial.without_gradient >= EPOCHS_WITHOUT_GRADIENT {
        hits.push(evidence(Rule::NoGradient, trial.without_gradient.into(), EPOCHS_WITHOUT_GRADIENT.into()));
    }
    if let Some((found, constant)) = trial.losses.filter(|(_, constant)| *constant > 0.0)
        && found >= BETTER_LOSS * constant
    {
        hits.push(evidence(Rule::ConstantProbability, found, BETTER_LOSS * constant));
    }
    let verdict = match hits.first().map(|hit| hit.rule) {
        None => Verdict::Trained,
        Some(Rule::NotFinite) => Verdict::Diverged,
        Some(Rule::ConstantMask | Rule::ConstantProbability) => Verdict::Trivial,
        Some(Rule::NearlyEmptyOrFull | Rule::SameForAllImages | Rule::NoGradient | Rule::Saturated) => {
            Verdict::Degenerate
        }
    };
    (verdict, hits)
}

/// The signs, in predictions alone, that a network has collapsed. Saturation alone is one only while a network trains: a network that is
/// right everywhere may be saturated in the end.
pub fn collapse(cases: &[CaseCounts], predictions: &Predictions) -> impl Iterator<Item = Evidence> + use<> {
    let nearly = |counts: &Counts| {
        let share = f64::from(counts.tp + counts.fp) / f64::from(counts.pixels());
        !(NEARLY..=1.0 - NEARLY).contains(&share)
    };
    let constant = cases.iter().filter(|case| nearly(&case.counts)).count() as f64 / cases.len().max(1) as f64;
    let (similarity, saturated) = (predictions.similarity().unwrap_or(0.0), predictions.saturated());
    let signs = [
        (Rule::NearlyEmptyOrFull, constant, DEGENERATE_CASES, constant >= DEGENERATE_CASES),
        (Rule::SameForAllImages, similarity, SIMILAR, similarity > SIMILAR),
        (Rule::Saturated, saturated, SATURATED, saturated > SATURATED),
    ];
    let hits = signs.into_iter().filter(|(.., hits)| *hits);
    hits.map(|(rule, found, bound, _)| Evidence { rule, found, bound })
}

fn ious(cases: &[CaseCounts]) -> Vec<f64> {
    cases.iter().map(|case| case.counts.iou()).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean IoU that a network must exceed: that of the best mask that does not depend on the image. How sure it is that a network exceeds
/// it is no part of the verdict: few test cases make no network worse, and the analysis compares candidates with baselines over all splits.
fn constant_mask(baselines: &Baselines<'_>, test: &[CaseCounts]) -> f64 {
    let cases: Vec<u32> = test.iter().map(|case| case.case).collect();
    let [all, mean_mask] =
        [Baseline::AllForeground, Baseline::MeanMask].map(|baseline| baselines.counts(baseline, &cases));
    // all background is right where there is no foreground to be found, and nowhere else
    let nothing: Vec<_> = all.iter().map(|case| f64::from(u8::from(case.counts.tp == 0))).collect();
    let masks = [ious(&all), ious(&mean_mask), ious(&baselines.disc(&cases)), nothing];
    masks.iter().map(|mask| mean(mask)).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::CaseSet;
    use proto::data::Inventory;
    use proto::ids::ContentHash;

    /// Ten cases of 4 x 4 pixels: the left half is foreground; in the last one the right half.
    fn halves() -> CaseSet {
        let left: [u8; 16] = std::array::from_fn(|pixel| u8::from(pixel % 4 < 2));
        let mut masks = left.repeat(9);
        masks.extend(left.map(|pixel| 1 - pixel));
        let inventory = Inventory::new(ContentHash(0), (0..10).map(|case| case.to_string()).collect());
        CaseSet::new(inventory, 4, vec![0; 10 * 48], masks)
    }

    fn test(counts: Counts) -> Evaluation {
        Evaluation::of(0.1, (5..10).map(|case| CaseCounts { case, counts }).collect())
    }

    fn rules(test: &Evaluation, change: impl Fn(&mut Trial<'_>)) -> (Verdict, Vec<Rule>) {
        let train: Vec<u32> = (0..5).collect();
        let (cases, predictions) = (halves(), Predictions::default());
        let mut trial =
            Trial { test, predictions: &predictions, diverged: false, epochs: 9, without_gradient: 0, losses: None };
        change(&mut trial);
        let (verdict, evidence) = judge(&Baselines::new(&cases, &train), &trial);
        (verdict, evidence.iter().map(|hit| hit.rule).collect())
    }

    #[test]
    fn a_training_is_judged_by_its_test_cases() {
        let judge = |counts| rules(&test(counts), |_| ());
        let (full, empty) = (Counts { tp: 8, fp: 8, fn_: 0, tn: 0 }, Counts { tp: 0, fp: 0, fn_: 8, tn: 8 });
        let both = vec![Rule::ConstantMask, Rule::NearlyEmptyOrFull];
        assert_eq!([judge(full), judge(empty)], [(Verdict::Trivial, both.clone()), (Verdict::Trivial, both)]);
        // the mean training mask, left half, is right on 4 of the 5 test cases: 0.8
        let right = Counts { tp: 8, fp: 0, fn_: 0, tn: 8 };
        assert_eq!(judge(Counts { fp: 2, tn: 6, ..right }), (Verdict::Trivial, vec![Rule::ConstantMask]));
        assert_eq!(judge(Counts { fp: 1, tn: 7, ..right }), (Verdict::Trained, vec![]));
        // nothing was there and nothing was found: better than any constant mask of the rest, and still no image was looked at
        let nothing = judge(Counts { tp: 0, fp: 0, fn_: 0, tn: 16 });
        assert!(nothing.1.contains(&Rule::NearlyEmptyOrFull), "{nothing:?}");
    }

    #[test]
    fn a_network_must_exceed_the_best_constant_mask() {
        // the first five cases, on all of which the mean mask is right
        let with = |missed: u32| {
            let counts = Counts { tp: 8 - missed, fp: 0, fn_: missed, tn: 8 };
            Evaluation::of(0.1, (0..5).map(|case| CaseCounts { case, counts }).collect())
        };
        assert_eq!(rules(&with(0), |_| ()), (Verdict::Trivial, vec![Rule::ConstantMask]), "as good is not better");
        let cases = halves();
        let train: Vec<u32> = vec![9];
        let baselines = Baselines::new(&cases, &train);
        // trained on the other half, the mean mask is wrong everywhere: all foreground is best, 0.5
        let bound = constant_mask(&baselines, &with(0).cases);
        assert!((bound - 0.5).abs() < 1e-12, "{bound}");
    }

    #[test]
    fn every_other_rule_hits() {
        let train: Vec<u32> = vec![9];
        let cases = halves();
        let baselines = Baselines::new(&cases, &train);
        let mut good = test(Counts { tp: 8, fp: 0, fn_: 0, tn: 8 });
        good.cases.truncate(4);
        let none = Predictions::default();
        let judged = |change: &dyn Fn(&mut Trial<'_>)| {
            let mut trial = Trial {
                test: &good,
                predictions: &none,
                diverged: false,
                epochs: 9,
                without_gradient: 1,
                losses: Some((0.1, 0.5)),
            };
            change(&mut trial);
            let (verdict, evidence) = judge(&baselines, &trial);
            (verdict, evidence.into_iter().map(|hit| hit.rule).collect::<Vec<_>>())
        };
        assert_eq!(judged(&|_| ()), (Verdict::Trained, vec![]));
        assert_eq!(judged(&|trial| trial.without_gradient = 2), (Verdict::Degenerate, vec![Rule::NoGradient]));
        assert_eq!(
            judged(&|trial| trial.losses = Some((0.48, 0.5))),
            (Verdict::Trivial, vec![Rule::ConstantProbability])
        );
        assert_eq!(judged(&|trial| trial.losses = Some((-0.1, -0.5))), (Verdict::Trained, vec![]), "no floor at 0");
        assert_eq!(judged(&|trial| trial.diverged = true), (Verdict::Diverged, vec![Rule::NotFinite]));
    }

    #[test]
    fn nine_constant_predictions_of_ten_are_degenerate() {
        let signs = |evaluation: &Evaluation| collapse(&evaluation.cases, &Predictions::default()).count();
        let right = Counts { tp: 8, fp: 0, fn_: 0, tn: 8 };
        let mut evaluation = test(Counts { tp: 8, fp: 8, fn_: 0, tn: 0 });
        evaluation.cases.extend(evaluation.cases.clone());
        evaluation.cases[9].counts = right;
        assert_eq!(signs(&evaluation), 1);
        evaluation.cases[8].counts = right;
        assert_eq!(signs(&evaluation), 0);
    }
}
