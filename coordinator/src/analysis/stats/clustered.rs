//! Mean over (case, split) cells, robust to clustering by both.

/// Adds cells up. Differences of one case are alike over splits, and those of one split are alike over cases: with the mean m of
/// n cells and residuals r, the variance of m is `V_case + V_split - V_both`, `V_case = N/(N-1) sum_case (sum_split r)² / n²`,
/// `V_split = S/(S-1) sum_split (sum_case r)² / n²`, `V_both = sum r² / n²`, and at least each of the first two.
#[derive(Debug, Clone, Default)]
pub struct Cells {
    /// Sum and number of cells of each case.
    cases: Vec<(f64, f64)>,
    /// Sum and number of cells of each split.
    splits: Vec<(f64, f64)>,
    /// Sum of all, and of their squares.
    sum: f64,
    squares: f64,
    n: f64,
}

/// The mean and its variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClusteredMean {
    /// The mean of all cells.
    pub mean: f64,
    /// Its variance.
    pub variance: f64,
    /// The parts of the variance: of cases, of splits, of cells.
    pub parts: [f64; 3],
    /// Number of cases with a cell.
    pub cases: usize,
    /// Number of splits with a cell.
    pub splits: usize,
}

impl Cells {
    /// Forgets all cells, for cases `0..cases`.
    pub fn clear(&mut self, cases: usize) {
        self.cases.clear();
        self.cases.resize(cases, (0.0, 0.0));
        self.splits.clear();
        (self.sum, self.squares, self.n) = (0.0, 0.0, 0.0);
    }

    /// Adds the cells of one split: the case and the number.
    pub fn add_split(&mut self, cells: impl Iterator<Item = (usize, f64)>) {
        let (mut sum, mut squares, mut n) = (0.0, 0.0, 0.0);
        for (case, number) in cells {
            let of = &mut self.cases[case];
            of.0 += number;
            of.1 += 1.0;
            sum += number;
            squares += number * number;
            n += 1.0;
        }
        self.splits.push((sum, n));
        self.sum += sum;
        self.squares += squares;
        self.n += n;
    }

    /// The mean; `None` for fewer than two cases or splits.
    #[must_use]
    pub fn mean(&self) -> Option<ClusteredMean> {
        let mean = self.sum / self.n;
        let part = |clusters: &[(f64, f64)]| {
            let squares = clusters.iter().map(|(sum, n)| (sum - n * mean).powi(2)).sum::<f64>();
            let count = clusters.iter().filter(|(_, n)| *n > 0.0).count();
            (count > 1).then(|| (count, count as f64 / (count - 1) as f64 * squares / (self.n * self.n)))
        };
        let ((cases, of_cases), (splits, of_splits)) = (part(&self.cases)?, part(&self.splits)?);
        let of_both = (self.squares - self.n * mean * mean).max(0.0) / (self.n * self.n);
        let variance = (of_cases + of_splits - of_both).max(of_cases).max(of_splits);
        Some(ClusteredMean { mean, variance, parts: [of_cases, of_splits, of_both], cases, splits })
    }
}
