//! Intervals of components of variance, which are sums of mean squares with coefficients of either sign.
//!
//! A single mean square has the exact interval of its chi-squared distribution. For sums there is no exact one; the modified
//! large-sample interval of Ting, Burdick, Graybill, Jeyaratnam and Lu (Confidence intervals on linear combinations of variance
//! components that are unrestricted in sign, Journal of Statistical Computation and Simulation 35, 1990; Burdick and Graybill,
//! Confidence Intervals on Variance Components, 1992, section 3.3) is exact at both extremes and covers .94 to .99 between them.
//! `tests/reference/components.py` measures it.

use super::Interval;
use super::anova;
use super::distributions::{chi_squared_quantile, f_quantile};

/// One mean square of a sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Square {
    /// What it is multiplied by in the sum.
    pub coefficient: f64,
    /// The mean square, not below zero.
    pub mean_square: f64,
    /// Its degrees of freedom, above zero; whole only where all that it pools vary alike.
    pub df: f64,
}

impl Square {
    fn size(&self) -> f64 {
        self.coefficient.abs() * self.mean_square
    }
}

/// The estimate of a component, below zero by chance where it is small.
#[must_use]
pub fn estimate(squares: &[Square]) -> f64 {
    squares.iter().map(|square| square.coefficient * square.mean_square).sum()
}

/// The interval at confidence 1 - `alpha` of a component, the sum of the `squares`' expectations by their coefficients; ends below
/// zero are zero. The squares are independent.
#[must_use]
pub fn interval(squares: &[Square], alpha: f64) -> Interval {
    let tail = alpha / 2.0;
    if let [Square { coefficient, mean_square, df }] = *squares {
        let sum = coefficient * mean_square * df;
        let end = |tail| (sum / chi_squared_quantile(tail, df)).max(0.0);
        return Interval { low: end(tail), high: end(1.0 - tail) };
    }
    let estimate = estimate(squares);
    let (added, taken): (Vec<_>, Vec<_>) = squares.iter().partition(|square| square.coefficient > 0.0);
    Interval {
        low: (estimate - reach(&added, &taken, tail)).max(0.0),
        // the upper end is the lower one of the negative sum
        high: (estimate + reach(&taken, &added, tail)).max(0.0),
    }
}

/// How far the lower end lies below the sum of the `added` without the `taken`. For one square alone it is exact: the end is where a
/// chi-squared test would put it.
fn reach(added: &[Square], taken: &[Square], tail: f64) -> f64 {
    let mut square = 0.0;
    for (index, a) in added.iter().enumerate() {
        square += (below(a.df, tail) * a.size()).powi(2);
        for b in taken {
            square += unlike(a.df, b.df, tail) * a.size() * b.size();
        }
        for b in &added[index + 1..] {
            square += alike(a.df, b.df, tail) * a.size() * b.size() / (added.len() - 1) as f64;
        }
    }
    for b in taken {
        square += (above(b.df, tail) * b.size()).powi(2);
    }
    square.max(0.0).sqrt()
}

/// The share of a mean square by which the lower end of its own interval lies below it.
fn below(df: f64, tail: f64) -> f64 {
    1.0 - df / chi_squared_quantile(tail, df)
}

/// The share of a mean square by which the upper end of its own interval lies above it.
fn above(df: f64, tail: f64) -> f64 {
    df / chi_squared_quantile(1.0 - tail, df) - 1.0
}

/// The weight of the product of an added and a taken square: so that the end is zero exactly where F rejects that they are equal.
fn unlike(added: f64, taken: f64, tail: f64) -> f64 {
    let f = f_quantile(tail, added, taken);
    ((f - 1.0).powi(2) - (below(added, tail) * f).powi(2) - above(taken, tail).powi(2)) / f
}

/// The weight of the product of two added squares: so that the end is exact where both expect the same.
fn alike(a: f64, b: f64, tail: f64) -> f64 {
    let both = below(a + b, tail).powi(2) * (a + b).powi(2) / (a * b);
    both - below(a, tail).powi(2) * a / b - below(b, tail).powi(2) * b / a
}

/// The mean of the mean squares of several tables, as a sum of two: of what the tables share and of what each has of its own. A row has
/// the effects of one table, whose squares add up to its sum of squares on `df` degrees of freedom. Tables of candidates on the same
/// splits rise and fall together, so their mean square has fewer degrees of freedom than all of theirs.
fn pooled(rows: &[&[f64]], df: usize) -> Vec<Square> {
    let count = rows.len() as f64;
    let width = rows.first().map_or(0, |row| row.len());
    let shared: Vec<f64> = (0..width).map(|at| rows.iter().map(|row| row[at]).sum::<f64>() / count).collect();
    let mean_square = count * shared.iter().map(|effect| effect * effect).sum::<f64>() / df as f64;
    let mut squares = vec![Square { coefficient: 1.0 / count, mean_square, df: df as f64 }];
    if rows.len() > 1 {
        let own: Vec<Vec<f64>> =
            rows.iter().map(|row| row.iter().zip(&shared).map(|(effect, shared)| effect - shared).collect()).collect();
        let sum: f64 = own.iter().flatten().map(|effect| effect * effect).sum();
        let mean_square = sum / ((count - 1.0) * df as f64);
        squares.push(Square { coefficient: (count - 1.0) / count, mean_square, df: effective_df(&own, df) });
    }
    squares
}

/// The mean over tables of the mean square of each of the terms of a crossing, of which every table has one number per cell: as sums
/// of two, of what the tables share and of what each has of its own.
#[must_use]
pub fn pooled_terms(levels: &[usize], tables: &[&[f64]]) -> Vec<Vec<Square>> {
    let effects: Vec<Vec<Vec<f64>>> = tables.iter().map(|values| anova::effects(levels, values)).collect();
    let pool = |term: usize| {
        let rows: Vec<&[f64]> = effects.iter().map(|effects| effects[term].as_slice()).collect();
        pooled(&rows, anova::df(levels, term + 1))
    };
    (0..(1 << levels.len()) - 1).map(pool).collect()
}

/// The components of a crossing, as sums of the squares of its [`pooled_terms`], in their order.
#[must_use]
pub fn crossed(levels: &[usize], terms: &[Vec<Square>]) -> Vec<Vec<Square>> {
    let scaled = |(term, by): (usize, f64)| {
        terms[term].iter().map(move |square| Square { coefficient: by * square.coefficient, ..*square })
    };
    anova::combinations(levels).into_iter().map(|sum| sum.into_iter().flat_map(scaled).collect()).collect()
}

/// The components of columns and of the rest of `table[row][column]`, where rows are fixed and columns are drawn.
#[must_use]
pub fn two_way(table: &[Vec<f64>]) -> [Vec<Square>; 2] {
    let (rows, columns) = (table.len() as f64, table.first().map_or(0, Vec::len));
    let squares = anova::two_way(table);
    let df = (columns - 1) as f64;
    let mean_square = squares.rest / ((rows - 1.0) * df);
    let rest = Square { coefficient: 1.0, mean_square, df: effective_df(&anova::residuals(table), columns - 1) };
    let column = Square { coefficient: 1.0 / rows, mean_square: squares.columns / df, df };
    [vec![column, Square { coefficient: -1.0 / rows, ..rest }], vec![rest]]
}

/// The degrees of freedom of a mean square that pools the `rows`, which sum to zero and of which each has `df`: `(rows - 1) df` if
/// all vary alike and independently, as few as `df` if one row has all the variance. It is twice the square of the expected sum of
/// squares by its variance, from estimates without bias of both, as in Huynh and Feldt's correction (Journal of Educational
/// Statistics 1, 1976).
fn effective_df(rows: &[Vec<f64>], df: usize) -> f64 {
    let all = (rows.len().saturating_sub(1) * df) as f64;
    if df < 2 || rows.len() < 3 {
        return all;
    }
    let v = df as f64;
    let trace: f64 = rows.iter().flatten().map(|value| value * value).sum::<f64>() / v;
    let squares = products(rows) / (v * v);
    let of_squares = v / ((v - 1.0) * (v + 2.0)) * (v * squares - trace * trace);
    let of_trace = trace * trace - 2.0 * of_squares / v;
    // without a positive estimate nothing speaks against independent rows
    if of_squares > 0.0 { (v * of_trace / of_squares).clamp(v, all) } else { all }
}

/// The sum over all pairs of rows of their squared scalar products, which is the same for columns.
fn products(rows: &[Vec<f64>]) -> f64 {
    let width = rows.first().map_or(0, Vec::len);
    if rows.len() > width {
        let columns: Vec<Vec<f64>> = (0..width).map(|at| rows.iter().map(|row| row[at]).collect()).collect();
        return of_pairs(&columns);
    }
    of_pairs(rows)
}

fn of_pairs(rows: &[Vec<f64>]) -> f64 {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>().powi(2);
    rows.iter().map(|a| rows.iter().map(|b| product(a, b)).sum::<f64>()).sum()
}
