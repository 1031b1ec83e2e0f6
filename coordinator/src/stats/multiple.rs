//! Corrections of p-values for a family of tests.
//!
//! Both corrections depend on a test's own p and on the sorted p-values of its family. So a family of millions is sorted once, and
//! the few of its tests that somebody looks at are corrected.

/// The p-values of a whole family, in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub struct SortedFamily(Vec<f64>);

impl SortedFamily {
    /// The family of these p-values.
    #[must_use]
    pub fn of(mut p: Vec<f64>) -> Self {
        p.sort_unstable_by(f64::total_cmp);
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
