//! Candidates that rise and fall together over the splits, so that their difference varies little. The correction for new data takes from
//! that how much a new pool would change the difference. Where two candidates share what the splits do to them, and not what a pool does, it
//! is too little. No number of splits of one pool shows that it is so, but that they move together shows.
//!
//! ```text
//!  one - mean of half of the others        the effect of the split cancels out: if no two candidates move together,
//!  other - mean of the other half          the two lines have no correlation, whatever the candidates' own spreads are
//! ```
//!
//! `tests/reference/together.py` measures how often this warns: at most .03 of sweeps without such candidates, mostly below .005; of sweeps
//! with a false claim because of them, it names every one in .74 to .95 at 12 splits and more.

use super::grid::{Grid, mean};
use super::pair::{Family, Pair};
use super::performance::Performance;
use super::{Finding, Question, Warning};
use crate::stats::distributions::StudentT;

/// The level of the test, all pairs of a sweep together.
const LEVEL: f64 = 0.05;
/// Fewest candidates: two, and one for each half of the others.
const MIN_CANDIDATES: usize = 4;
/// Fewest splits: a correlation of fewer says little.
const MIN_SPLITS: usize = super::MIN_SPLITS;

/// A warning, if the pool's effect may be larger than is assumed for pairs of which something is claimed for new data.
pub(super) fn warning(grid: &Grid, pairs: &Family, rows: &[Performance]) -> Option<Warning> {
    let lines = lines(grid);
    if lines.len() < MIN_CANDIDATES || lines[0].len() < MIN_SPLITS {
        return None;
    }
    let is_claimed =
        |pair: &&Pair| matches!(pair.finding, Finding::Better(Question::NewData) | Finding::Worse(Question::NewData));
    let student = StudentT::new(lines[0].len() as f64 - 2.0);
    let moves = |pair: &Pair| -> Option<f64> {
        let r = correlation_without_split(&lines, pair.first, pair.second);
        let t = r * ((lines[0].len() as f64 - 2.0) / (1.0 - r * r)).sqrt();
        (student.tail(t) * pairs.count as f64 <= LEVEL).then_some(r)
    };
    let mut together: Vec<_> =
        pairs.pairs.iter().filter(is_claimed).filter_map(|pair| Some((pair, moves(pair)?))).collect();
    together.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let name = |candidate: usize| rows[candidate].label.clone();
    let named: Vec<_> = together.iter().map(|(pair, _)| [name(pair.first), name(pair.second)]).collect();
    let (_, correlation) = *together.first()?;
    Some(Warning::Together { pairs: named, correlation })
}

/// The scores of each candidate on the splits on which all candidates have one.
fn lines(grid: &Grid) -> Vec<Vec<f64>> {
    let rows = grid.of_candidates();
    let is_whole = |split: &usize| rows.iter().all(|row| !row.by_split[*split].is_nan());
    let splits: Vec<usize> = (0..grid.splits.len()).filter(is_whole).collect();
    rows.iter().map(|row| splits.iter().map(|split| row.by_split[*split]).collect()).collect()
}

/// The lesser of the two correlations that the halves of the others make.
fn correlation_without_split(lines: &[Vec<f64>], one: usize, other: usize) -> f64 {
    let rest: Vec<&Vec<f64>> =
        lines.iter().enumerate().filter(|(index, _)| ![one, other].contains(index)).map(|(_, line)| line).collect();
    let half = |from: usize| -> Vec<f64> {
        (0..lines[one].len()).map(|split| mean(rest.iter().skip(from).step_by(2).map(|line| line[split]))).collect()
    };
    let (even, odd) = (half(0), half(1));
    let minus = |line: usize, half: &[f64]| -> Vec<f64> {
        lines[line].iter().zip(half).map(|(score, mean)| score - mean).collect()
    };
    let straight = correlation(&minus(one, &even), &minus(other, &odd));
    straight.min(correlation(&minus(one, &odd), &minus(other, &even)))
}

/// Pearson's correlation, below 1; 0 where one does not vary.
fn correlation(one: &[f64], other: &[f64]) -> f64 {
    let (center, other_center) = (mean(one.iter().copied()), mean(other.iter().copied()));
    let (mut product, mut square, mut other_square) = (0.0, 0.0, 0.0);
    for (x, y) in one.iter().zip(other) {
        let (x, y) = (x - center, y - other_center);
        (product, square, other_square) = (product + x * y, square + x * x, other_square + y * y);
    }
    let scale = (square * other_square).sqrt();
    if scale > 0.0 { (product / scale).clamp(-1.0, 1.0 - 1e-12) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::correlation_without_split;

    #[test]
    fn what_the_split_does_to_all_is_no_correlation() {
        // by correlation() of tests/reference/together.py
        let split = [0.03, -0.02, 0.05, 0.0, -0.04, 0.01];
        let own: [[f64; 6]; 4] = [
            [1.0, -1.0, 2.0, 0.0, 1.0, -3.0],
            [1.1, -0.9, 1.8, 0.2, 0.9, -3.1],
            [0.0, 1.0, 0.0, -1.0, 0.0, 1.0],
            [-1.0, 0.0, 1.0, 0.0, -1.0, 1.0],
        ];
        let line = |own: &[f64; 6]| own.iter().zip(split).map(|(own, split)| 0.7 + 0.01 * own + split).collect();
        let lines: Vec<Vec<f64>> = own.iter().map(line).collect();
        let r = [(0, 1), (0, 2), (2, 3)].map(|(one, other)| correlation_without_split(&lines, one, other));
        for (r, expected) in r.into_iter().zip(EXPECTED) {
            assert!((r - expected).abs() < 1e-9, "{r} {expected}");
        }
    }

    const EXPECTED: [f64; 3] = [0.903_089_902_465_157_4, -0.910_382_975_063_468_9, 0.903_089_902_465_157_4];
}
