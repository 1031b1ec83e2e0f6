//! The additive model `cell = row + column` of a table with gaps.

/// Least squares by turns: rows given columns, then columns given rows. Exact at once where nothing is missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Additive {
    /// Each row's mean as if it had every column; `None` for empty rows.
    pub rows: Vec<Option<f64>>,
    /// Each column's difference from the mean column; zero for empty columns. They sum to zero over columns that are not empty.
    pub columns: Vec<f64>,
}

impl Additive {
    /// Fits `cells[row][column]`, where NaN is a gap.
    #[must_use]
    pub fn fit(cells: &[Vec<f64>]) -> Self {
        let width = cells.iter().map(Vec::len).max().unwrap_or(0);
        let mut fit = Self { rows: vec![None; cells.len()], columns: vec![0.0; width] };
        for _ in 0..MAX_TURNS {
            fit.fit_rows(cells);
            if fit.fit_columns(cells) <= 1e-13 {
                break;
            }
        }
        fit.fit_rows(cells);
        fit
    }

    /// The value that the model gives a cell.
    #[must_use]
    pub fn cell(&self, row: usize, column: usize) -> Option<f64> {
        Some(self.rows.get(row).copied().flatten()? + self.columns.get(column)?)
    }

    fn fit_rows(&mut self, cells: &[Vec<f64>]) {
        for (row, cells) in self.rows.iter_mut().zip(cells) {
            let rest = cells.iter().zip(&self.columns).filter(|(cell, _)| !cell.is_nan());
            *row = mean(rest.map(|(cell, column)| cell - column));
        }
    }

    /// Returns the greatest change.
    fn fit_columns(&mut self, cells: &[Vec<f64>]) -> f64 {
        let mut sums = vec![(0.0, 0.0); self.columns.len()];
        for (row, cells) in self.rows.iter().zip(cells) {
            let Some(row) = row else { continue };
            for (sum, cell) in sums.iter_mut().zip(cells).filter(|(_, cell)| !cell.is_nan()) {
                *sum = (sum.0 + cell - row, sum.1 + 1.0);
            }
        }
        let kept = sums.iter().filter(|(_, n)| *n > 0.0).map(|(sum, n)| sum / n);
        let centre = mean(kept).unwrap_or(0.0);
        let mut change = 0.0_f64;
        for (column, (sum, n)) in self.columns.iter_mut().zip(sums) {
            let new = if n > 0.0 { sum / n - centre } else { 0.0 };
            change = change.max((new - *column).abs());
            *column = new;
        }
        change
    }
}

/// Enough for gaps in half of a table; each turn takes a constant part of the error away.
const MAX_TURNS: usize = 1000;

fn mean(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = numbers.fold((0.0, 0.0), |(sum, n), number| (sum + number, n + 1.0));
    (n > 0.0).then(|| sum / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_has_its_means() {
        let fit = Additive::fit(&[vec![1.0, 2.0, 6.0], vec![3.0, 4.0, 2.0]]);
        assert_eq!(fit.rows, [Some(3.0), Some(3.0)]);
        assert_eq!(fit.columns, [-1.0, 0.0, 1.0]);
    }

    #[test]
    fn gaps_are_filled_by_what_their_row_and_column_say() {
        let gap = f64::NAN;
        let fit = Additive::fit(&[vec![1.0, 2.0, gap], vec![2.0, 3.0, 7.0], vec![gap, gap, gap]]);
        assert!(fit.cell(0, 2).is_some_and(|cell| (cell - 6.0).abs() < 1e-9));
        assert!(fit.rows[0].is_some_and(|row| (row - 3.0).abs() < 1e-9), "the mean as if it had the third column too");
        assert_eq!(fit.cell(2, 0), None);
    }
}
