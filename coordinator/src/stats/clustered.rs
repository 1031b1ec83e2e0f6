//! Mean over (case, split) cells, robust to clustering by both.

/// Adds up differences of two over (case, split). Those of one case are alike over splits, and those of one split are alike over
/// cases: with the mean m of n cells and residuals r, the variance of m is `V_case + V_split - V_both`,
/// `V_case = N/(N-1) sum_case (sum_split r)² / n²`, `V_split = S/(S-1) sum_split (sum_case r)² / n²`, `V_both = sum r² / n²`, and at
/// least each of the first two (Cameron, Gelbach and Miller 2011). Where cases are alike that belong together, a group of them counts as
/// one case: its cells of one split are added up before they are squared.
#[derive(Debug, Clone, Default)]
pub struct Cells {
    /// Sum of each case, and its number of cells.
    sums: Vec<f64>,
    counts: Vec<u32>,
    /// Sum and number of cells of each split.
    splits: Vec<(f64, f64)>,
    /// Of the cells of a group in a split, which are most often one: the sums squared, times their number, and the number squared.
    squares: f64,
    products: f64,
    sizes: f64,
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

/// Share of the variance that a split's test cases give its mean, as the part of the training sets that all splits of a pool have in
/// common: it does not average out over splits.
const TRAINING_SHARE: f64 = 0.02;
/// Degrees of freedom of intervals for new cases, whatever the number of splits.
pub const DEGREES_OF_FREEDOM: f64 = 11.0;

impl ClusteredMean {
    /// The variance of the mean for new cases, for a t with [`DEGREES_OF_FREEDOM`].
    ///
    /// Clusters alone leave out that all training sets are drawn from one pool, and t with splits - 1 degrees of freedom gets narrower
    /// with more splits where that part does not. Both constants are measured: intervals then cover .94 to .98 where training is
    /// repeated on fresh pools, from 5 splits to 60 (`tests/reference/new_cases.py`).
    #[must_use]
    pub fn variance_for_new_cases(&self) -> f64 {
        self.variance + TRAINING_SHARE * self.splits as f64 * self.parts[2]
    }
}

impl Cells {
    /// Forgets all cells, for cases `0..cases`.
    pub fn clear(&mut self, cases: usize) {
        self.sums.clear();
        self.sums.resize(cases, 0.0);
        self.counts.clear();
        self.counts.resize(cases, 0);
        self.splits.clear();
        (self.squares, self.products, self.sizes) = (0.0, 0.0, 0.0);
    }

    /// Adds the cells of one split: its cases, and the numbers whose differences count. The cases of a group have one number and follow each
    /// other.
    pub fn add_split(&mut self, cases: &[u32], a: &[f64], b: &[f64]) {
        let (mut all, mut start) = (0.0, 0);
        for group in cases.chunk_by(|one, next| one == next) {
            let cells = start..start + group.len();
            let sum: f64 = a[cells.clone()].iter().zip(&b[cells]).map(|(a, b)| a - b).sum();
            let size = group.len() as f64;
            self.sums[group[0] as usize] += sum;
            self.counts[group[0] as usize] += group.len() as u32;
            self.squares += sum * sum;
            self.products += sum * size;
            self.sizes += size * size;
            all += sum;
            start += group.len();
        }
        self.splits.push((all, cases.len() as f64));
    }

    /// The mean; `None` for fewer than two cases or splits.
    #[must_use]
    pub fn mean(&self) -> Option<ClusteredMean> {
        let (sum, n) = self.splits.iter().fold((0.0, 0.0), |(sum, n), split| (sum + split.0, n + split.1));
        let mean = sum / n;
        let cases = self.sums.iter().zip(&self.counts).map(|(sum, count)| (*sum, f64::from(*count)));
        let (cases, of_cases) = between(cases, mean)?;
        let (splits, of_splits) = between(self.splits.iter().copied(), mean)?;
        let of_both = (self.squares - 2.0 * mean * self.products + mean * mean * self.sizes).max(0.0);
        let [of_cases, of_splits, of_both] = [of_cases, of_splits, of_both].map(|part| part / (n * n));
        let variance = (of_cases + of_splits - of_both).max(of_cases).max(of_splits);
        Some(ClusteredMean { mean, variance, parts: [of_cases, of_splits, of_both], cases, splits })
    }
}

/// The number of clusters, and `N/(N-1) sum (sum of residuals)²` over them; `None` for fewer than two.
fn between(clusters: impl Iterator<Item = (f64, f64)>, mean: f64) -> Option<(usize, f64)> {
    let add = |(count, squares): (usize, f64), (sum, n): (f64, f64)| {
        (count + usize::from(n > 0.0), squares + (sum - n * mean).powi(2))
    };
    let (count, squares) = clusters.fold((0, 0.0), add);
    (count > 1).then(|| (count, count as f64 / (count - 1) as f64 * squares))
}
