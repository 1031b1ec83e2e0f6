//! How often the one is better than the other.

use super::distributions::normal_quantile;

/// P(A > B) of pairs: the share of positive differences, zeros counting half (Bouthillier and others, 2021). `None` without any.
#[must_use]
pub fn paired(differences: &[f64]) -> Option<f64> {
    (!differences.is_empty())
        .then(|| differences.iter().copied().map(half_step).sum::<f64>() / differences.len() as f64)
}

/// P(A > B) of two lists without pairs: Mann and Whitney's U by the number of couples. `None` if one is empty.
#[must_use]
pub fn unpaired(a: &[f64], b: &[f64]) -> Option<f64> {
    let couples = a.len() * b.len();
    let wins: f64 = a.iter().map(|a| b.iter().map(|b| half_step(a - b)).sum::<f64>()).sum();
    (couples > 0).then(|| wins / couples as f64)
}

/// 1 for positive, 0 for negative, one half for none.
fn half_step(difference: f64) -> f64 {
    if difference > 0.0 {
        1.0
    } else if difference < 0.0 {
        0.0
    } else {
        0.5
    }
}

/// Noether's number of pairs for a one-sided test at level `alpha` and error of the second kind `beta` to show that P(A > B) is
/// more than one half, if it is `p`: `((z_alpha + z_beta) / (sqrt(6) (p - 1/2)))²`.
#[must_use]
pub fn noether_n(p: f64, alpha: f64, beta: f64) -> f64 {
    ((normal_quantile(alpha) + normal_quantile(beta)) / (6.0_f64.sqrt() * (p - 0.5))).powi(2)
}

/// Share of the squared distance between the quantile functions of two lists in which A is not above B: the violation ratio of
/// almost stochastic order (del Barrio and others, 2018), summed over `step`, 2 `step`, ... below 1. It ignores pairs. `None` if one is
/// empty; 0 where the lists are equal.
#[must_use]
pub fn violation_ratio(a: &[f64], b: &[f64], step: f64) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let sorted = |list: &[f64]| {
        let mut list = list.to_vec();
        list.sort_by(f64::total_cmp);
        list
    };
    let (a, b) = (sorted(a), sorted(b));
    let quantile = |list: &[f64], p: f64| list[((list.len() as f64 * p).ceil() as usize).clamp(1, list.len()) - 1];
    let (mut violated, mut all) = (0.0, 0.0);
    let points = ((1.0 - step) / step).ceil() as usize;
    for index in 0..points {
        let p = step + index as f64 * step;
        let excess = quantile(&b, p) - quantile(&a, p);
        all += excess * excess;
        // the first point is left out here, as the published implementation does
        if excess > 0.0 && index > 0 {
            violated += excess * excess;
        }
    }
    Some(if all > 0.0 { violated / all } else { 0.0 })
}
