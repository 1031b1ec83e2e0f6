//! Probabilities and truth: how far the probabilities are from what happens.

/// Bins of the calibration error, as in torchmetrics.
const BINS: usize = 15;

fn probability(logit: f32) -> f64 {
    let logit = f64::from(logit);
    let small = (-logit.abs()).exp();
    if logit < 0.0 { small / (1.0 + small) } else { 1.0 / (1.0 + small) }
}

/// Expected calibration error: the pixels fall into 15 bins of equal width by their probability of foreground; the mean over the pixels of how
/// far the mean probability of their bin is from its share of foreground. Naeini et al. 2015; torchmetrics' `BinaryCalibrationError`.
pub(super) fn ece(logits: &[f32], truth: &[bool]) -> f64 {
    let mut bins = [(0.0, 0.0); BINS];
    for (logit, truth) in logits.iter().zip(truth) {
        let probability = probability(*logit);
        // what is not a number has no bin, and is no less wrong for it: the first
        let (sum, foreground) = &mut bins[((probability * BINS as f64) as usize).min(BINS - 1)];
        *sum += probability;
        *foreground += f64::from(u8::from(*truth));
    }
    bins.iter().map(|(sum, foreground)| (sum - foreground).abs()).sum::<f64>() / logits.len() as f64
}

/// The mean square of the difference of probability and truth. Brier 1950.
pub(super) fn brier(logits: &[f32], truth: &[bool]) -> f64 {
    let square = |(logit, truth): (&f32, &bool)| (probability(*logit) - f64::from(u8::from(*truth))).powi(2);
    logits.iter().zip(truth).map(square).sum::<f64>() / logits.len() as f64
}

/// The area under the receiver operating characteristic: the probability that a foreground pixel has a greater logit than a background pixel,
/// equal ones counting by half. `None` if all pixels are foreground or all are background, or a logit is not a number.
pub(super) fn auroc(logits: &[f32], truth: &[bool]) -> Option<f64> {
    let foreground = truth.iter().filter(|pixel| **pixel).count();
    let background = truth.len() - foreground;
    if foreground == 0 || background == 0 || logits.iter().any(|logit| logit.is_nan()) {
        return None;
    }
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|one, other| logits[*one].total_cmp(&logits[*other]));
    let (mut below, mut wins) = (0, 0.0);
    for equals in order.chunk_by(|one, other| logits[*one] == logits[*other]) {
        let hits = equals.iter().filter(|index| truth[**index]).count();
        let misses = equals.len() - hits;
        wins += hits as f64 * (below as f64 + misses as f64 / 2.0);
        below += misses;
    }
    Some(wins / (foreground as f64 * background as f64))
}
