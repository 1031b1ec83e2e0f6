//! Analysis of variance of full crossings: one number in each cell.

/// A term of the crossing: a factor, or an interaction of several.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Term {
    /// Its factors, a bit each.
    pub factors: usize,
    /// Sum of squares.
    pub sum_of_squares: f64,
    /// Degrees of freedom.
    pub df: usize,
}

impl Term {
    /// Sum of squares by degrees of freedom.
    #[must_use]
    pub fn mean_square(&self) -> f64 {
        self.sum_of_squares / self.df as f64
    }
}

/// The terms of a full crossing of factors with these numbers of levels, in order of their bits: `terms[factors - 1]`. `values` has
/// the last factor varying fastest. The term of all factors together is the residual.
#[must_use]
pub fn terms(levels: &[usize], values: &[f64]) -> Vec<Term> {
    let term = |(index, effects): (usize, Vec<f64>)| Term {
        factors: index + 1,
        sum_of_squares: effects.iter().map(|effect| effect * effect).sum(),
        df: df(levels, index + 1),
    };
    effects(levels, values).into_iter().enumerate().map(term).collect()
}

/// The degrees of freedom of the term of these factors.
#[must_use]
pub fn df(levels: &[usize], factors: usize) -> usize {
    of_factors(levels, factors).map(|levels| levels - 1).product()
}

/// The effects of each of the [`terms`] at its levels, by the root of the number of cells there: their squares add up to its sum of
/// squares.
///
/// The effect of a term at its levels is the mean there without all effects of its parts: `sum over parts of (-1)^(missing factors)
/// mean`.
#[must_use]
pub fn effects(levels: &[usize], values: &[f64]) -> Vec<Vec<f64>> {
    let all = 1_usize << levels.len();
    let means: Vec<Vec<f64>> = (0..all).map(|factors| marginal_means(levels, values, factors)).collect();
    let effects = |factors: usize| {
        let cells: usize = of_factors(levels, factors).product();
        let weight = ((values.len() / cells.max(1)) as f64).sqrt();
        let effect = |cell: usize| {
            let parts = (0..=factors).filter(|part| part & !factors == 0);
            let signed = parts.map(|part| {
                let mean = means[part][project(levels, factors, part, cell)];
                if (factors ^ part).count_ones().is_multiple_of(2) { mean } else { -mean }
            });
            weight * signed.sum::<f64>()
        };
        (0..cells).map(effect).collect()
    };
    (1..all).map(effects).collect()
}

/// The components of variance where all factors are random, as sums of mean squares: of each of the [`terms`] those that contain it,
/// by their index and coefficient, `(-1)^(further factors)` by the number of cells at each of the term's levels.
#[must_use]
pub fn combinations(levels: &[usize]) -> Vec<Vec<(usize, f64)>> {
    let all = (1 << levels.len()) - 1;
    let combination = |of: usize| {
        let cells = of_factors(levels, all & !of).product::<usize>() as f64;
        let above = (1..=all).filter(move |factors| factors & of == of);
        let signed = above.map(move |factors| {
            let sign = if (factors ^ of).count_ones().is_multiple_of(2) { 1.0 } else { -1.0 };
            (factors - 1, sign / cells)
        });
        signed.collect()
    };
    (1..=all).map(combination).collect()
}

/// The levels of the factors in the set, in their order.
fn of_factors(levels: &[usize], factors: usize) -> impl Iterator<Item = usize> + '_ {
    levels.iter().enumerate().filter(move |(factor, _)| factors >> factor & 1 == 1).map(|(_, levels)| *levels)
}

/// The mean at each combination of the levels of some factors, the last varying fastest.
fn marginal_means(levels: &[usize], values: &[f64], factors: usize) -> Vec<f64> {
    let cells: usize = of_factors(levels, factors).product();
    let all = (1 << levels.len()) - 1;
    let mut sums = vec![0.0; cells];
    for (index, value) in values.iter().enumerate() {
        sums[project(levels, all, factors, index)] += value;
    }
    let each = (values.len() / cells.max(1)).max(1) as f64;
    sums.iter().map(|sum| sum / each).collect()
}

/// The index of a combination of levels of `from` among those of its part `to`.
fn project(levels: &[usize], from: usize, to: usize, mut index: usize) -> usize {
    let (mut projected, mut stride) = (0, 1);
    for (factor, &levels) in levels.iter().enumerate().rev() {
        if from >> factor & 1 == 0 {
            continue;
        }
        if to >> factor & 1 == 1 {
            projected += index % levels * stride;
            stride *= levels;
        }
        index /= levels;
    }
    projected
}

/// Groups of equal size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OneWay {
    /// Mean square between groups.
    pub between: f64,
    /// Mean square within groups.
    pub within: f64,
    /// Number of groups.
    pub groups: usize,
    /// Size of a group.
    pub size: usize,
}

impl OneWay {
    /// The analysis of groups; `None` unless there are two groups of one size of at least two.
    #[must_use]
    pub fn of(groups: &[Vec<f64>]) -> Option<Self> {
        let size = groups.first()?.len();
        if groups.len() < 2 || size < 2 || groups.iter().any(|group| group.len() != size) {
            return None;
        }
        let means: Vec<f64> = groups.iter().map(|group| group.iter().sum::<f64>() / size as f64).collect();
        let mean = means.iter().sum::<f64>() / means.len() as f64;
        let between: f64 = means.iter().map(|group| (group - mean).powi(2)).sum();
        let rest = groups.iter().zip(&means).flat_map(|(group, mean)| group.iter().map(move |value| value - mean));
        let within: f64 = rest.map(|rest| rest * rest).sum();
        Some(Self {
            between: size as f64 * between / (groups.len() - 1) as f64,
            within: within / (groups.len() * (size - 1)) as f64,
            groups: groups.len(),
            size,
        })
    }

    /// The variance between groups: `(between - within) / size`, negative ones included.
    #[must_use]
    pub fn component(&self) -> f64 {
        (self.between - self.within) / self.size as f64
    }

    /// The share of the variance that lies between groups: the intraclass correlation.
    #[must_use]
    pub fn correlation(&self) -> f64 {
        self.component() / (self.component() + self.within)
    }

    /// F and its p.
    #[must_use]
    pub fn f(&self) -> (f64, f64) {
        let f = self.between / self.within;
        let df = ((self.groups - 1) as f64, (self.groups * (self.size - 1)) as f64);
        (f, super::distributions::f_tail(f, df.0, df.1))
    }
}

/// Sums of squares of a table of rows and columns without repetition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwoWay {
    /// Between rows.
    pub rows: f64,
    /// Between columns.
    pub columns: f64,
    /// The rest.
    pub rest: f64,
}

/// The sums of squares of `table[row][column]`, as [`terms`] of two factors, but for tables of any size.
#[must_use]
pub fn two_way(table: &[Vec<f64>]) -> TwoWay {
    let (rows, columns) = margins(table);
    let mean = rows.iter().sum::<f64>() / rows.len() as f64;
    let squares = |means: &[f64]| means.iter().map(|of| (of - mean).powi(2)).sum::<f64>();
    let rest = residuals(table).iter().flatten().map(|rest| rest * rest).sum();
    TwoWay { rows: columns.len() as f64 * squares(&rows), columns: rows.len() as f64 * squares(&columns), rest }
}

/// What row and column leave unexplained of each cell of `table[row][column]`.
#[must_use]
pub fn residuals(table: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let (rows, columns) = margins(table);
    let mean = rows.iter().sum::<f64>() / rows.len() as f64;
    let of_row = |(values, row): (&Vec<f64>, &f64)| {
        values.iter().zip(&columns).map(|(value, column)| value - row - column + mean).collect()
    };
    table.iter().zip(&rows).map(of_row).collect()
}

/// The means of the rows and of the columns.
fn margins(table: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let (height, width) = (table.len() as f64, table.first().map_or(0, Vec::len));
    let rows = table.iter().map(|row| row.iter().sum::<f64>() / width as f64).collect();
    let mut columns = vec![0.0; width];
    for row in table {
        columns.iter_mut().zip(row).for_each(|(column, value)| *column += value / height);
    }
    (rows, columns)
}
