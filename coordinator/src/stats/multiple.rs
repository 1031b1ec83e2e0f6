//! Corrections of p-values for a family of tests.
//!
//! Both corrections depend on a test's own p and on the sorted p-values of its family. So a family of millions is sorted once, and
//! the few of its tests that somebody looks at are corrected.

use rayon::prelude::*;

/// The p-values of a whole family, in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub struct SortedFamily(Vec<f64>);

impl SortedFamily {
    /// The family of these p-values.
    #[must_use]
    pub fn of(mut p: Vec<f64>) -> Self {
        p.par_sort_unstable_by(f64::total_cmp);
        Self(p)
    }

    /// Holm's step-down correction of some of the family: strong control of the chance of any false rejection.
    #[must_use]
    pub fn holm(&self, some: &[f64]) -> Vec<f64> {
        let mut corrected = vec![0.0; some.len()];
        let (mut rank, mut greatest) = (0, 0.0_f64);
        for index in ascending(some) {
            while let Some(p) = self.0.get(rank).filter(|p| **p <= some[index]) {
                greatest = greatest.max(p * (self.0.len() - rank) as f64).min(1.0);
                rank += 1;
            }
            corrected[index] = greatest;
        }
        corrected
    }

    /// Benjamini and Hochberg's step-up correction of some of the family: control of the share of false ones among the rejections.
    #[must_use]
    pub fn benjamini_hochberg(&self, some: &[f64]) -> Vec<f64> {
        let mut corrected = vec![0.0; some.len()];
        let (mut left, mut least) = (self.0.len(), 1.0_f64);
        for index in ascending(some).into_iter().rev() {
            while let Some(p) = self.0[..left].last().filter(|p| **p >= some[index]) {
                least = least.min(p * self.0.len() as f64 / left as f64);
                left -= 1;
            }
            corrected[index] = least;
        }
        corrected
    }

    /// The greatest p of the family that Holm's correction leaves at `alpha` or below; `None` if there is none.
    #[must_use]
    pub fn holm_threshold(&self, alpha: f64) -> Option<f64> {
        let is_rejected = |(rank, p): (usize, &f64)| (p * (self.0.len() - rank) as f64).min(1.0) <= alpha;
        let rejected = self.0.iter().enumerate().take_while(|ranked| is_rejected(*ranked)).count();
        rejected.checked_sub(1).map(|last| self.0[last])
    }
}

/// Holm's correction of a whole family.
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    SortedFamily::of(p.to_vec()).holm(p)
}

/// Benjamini and Hochberg's correction of a whole family.
#[must_use]
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    SortedFamily::of(p.to_vec()).benjamini_hochberg(p)
}

fn ascending(p: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_unstable_by(|&a, &b| p[a].total_cmp(&p[b]).then(a.cmp(&b)));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::random::Random;

    /// Both corrections by their definitions: step by step through the whole family.
    fn by_definition(p: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let order = ascending(p);
        let (mut holm, mut bh) = (vec![0.0; p.len()], vec![0.0; p.len()]);
        let mut greatest = 0.0_f64;
        for (rank, &index) in order.iter().enumerate() {
            greatest = greatest.max(p[index] * (p.len() - rank) as f64).min(1.0);
            holm[index] = greatest;
        }
        let mut least = 1.0_f64;
        for (rank, &index) in order.iter().enumerate().rev() {
            least = least.min(p[index] * p.len() as f64 / (rank + 1) as f64);
            bh[index] = least;
        }
        (holm, bh)
    }

    #[test]
    fn some_of_a_family_are_corrected_as_in_the_whole_ties_included() {
        let mut random = Random::of(1);
        for size in [1, 2, 7, 100] {
            // few different values, so that many are equal
            let p: Vec<f64> = (0..size).map(|_| random.below(20) as f64 / 400.0).collect();
            let (all_holm, all_bh) = by_definition(&p);
            assert_eq!((holm(&p), benjamini_hochberg(&p)), (all_holm.clone(), all_bh.clone()));
            let family = SortedFamily::of(p.clone());
            let every_third = |all: &[f64]| all.iter().copied().step_by(3).collect::<Vec<_>>();
            let some = every_third(&p);
            assert_eq!(family.holm(&some), every_third(&all_holm));
            assert_eq!(family.benjamini_hochberg(&some), every_third(&all_bh));
            for alpha in [0.0, 0.05, 0.2, 0.9] {
                let threshold = family.holm_threshold(alpha);
                for (p, corrected) in p.iter().zip(&all_holm) {
                    assert_eq!(threshold.is_some_and(|threshold| *p <= threshold), *corrected <= alpha, "{p} {alpha}");
                }
            }
        }
    }
}
