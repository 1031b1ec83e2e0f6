//! Which axes matter: exact analysis of variance of a full grid.

use super::factors::Factors;
use super::grid::{End, Grid, GridRow, mean};
use crate::analysis::observations::Observations;
use crate::stats::additive::Additive;
use crate::stats::anova::{self, Term};
use crate::stats::distributions::f_tail;
use serde::Serialize;

/// The analysis with and without what did not train.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effects {
    /// With every job that ended: collapsed ones with their score, those without a score with the worst of the sweep.
    pub all: EffectTable,
    /// Without jobs that did not train: their places are filled by the additive model candidate + split, and the residual loses a
    /// degree of freedom each (Yates). `None` if a candidate or a split has no trained model left.
    pub trained: Option<EffectTable>,
}

/// Where the sum of squares goes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectTable {
    /// Number of splits.
    pub splits: usize,
    /// Number of places that were filled.
    pub filled: usize,
    /// Each axis, then interactions of two, then all higher ones together, then the splits, then the rest.
    pub terms: Vec<Effect>,
    /// The mean score at each level of each axis.
    pub levels: Vec<LevelMean>,
}

/// A term.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    /// Its name: an axis, `axis × axis`, `higher interactions`, `split` or `residual`.
    pub name: String,
    /// Sum of squares.
    pub sum_of_squares: f64,
    /// Degrees of freedom.
    pub df: usize,
    /// Share of the whole sum of squares.
    pub share: f64,
    /// F against the residual, and its p: this pool only. `None` for the residual.
    pub f: Option<f64>,
    /// p of the F.
    pub p: Option<f64>,
}

/// The mean score at one level of an axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LevelMean {
    /// The axis.
    pub axis: String,
    /// The level.
    pub level: String,
    /// The mean over all other axes and splits.
    pub mean: f64,
}

impl Effects {
    /// The analysis; `None` unless the candidates are a full grid and two of them ended on two splits.
    pub(super) fn of(grid: &Grid, observations: &Observations) -> Option<Self> {
        let factors = Factors::of(observations)?;
        let splits = grid.ended_splits();
        if splits.len() < 2 || grid.worst.is_nan() {
            return None;
        }
        let table = |cell: &dyn Fn(&GridRow, usize) -> f64| -> Vec<Vec<f64>> {
            let of_split = |row: &GridRow, split: usize| mean(grid.splits[split].iter().map(|at| cell(row, *at)));
            let of_row = |row: &GridRow| splits.iter().map(|split| of_split(row, *split)).collect();
            factors.candidates.iter().map(|candidate| of_row(&grid.rows[*candidate])).collect()
        };
        let all = table(&|row, replicate| match row.ends[replicate] {
            End::WithoutScore => grid.worst,
            _ => row.scores[replicate],
        });
        let trained = table(&|row, replicate| match row.ends[replicate] {
            End::Trained => row.scores[replicate],
            _ => f64::NAN,
        });
        Some(Self { all: EffectTable::of(&factors, &all, 0), trained: filled(&factors, trained) })
    }
}

/// The analysis of a table whose gaps are filled by the additive model.
fn filled(factors: &Factors, mut table: Vec<Vec<f64>>) -> Option<EffectTable> {
    let fit = Additive::fit(&table);
    let has_one = |split: usize| table.iter().any(|row| !row[split].is_nan());
    if !(0..table.first()?.len()).all(has_one) {
        return None;
    }
    let mut gaps = 0;
    for (row, cells) in table.iter_mut().enumerate() {
        for (split, cell) in cells.iter_mut().enumerate().filter(|(_, cell)| cell.is_nan()) {
            *cell = fit.cell(row, split)?;
            gaps += 1;
        }
    }
    Some(EffectTable::of(factors, &table, gaps))
}

impl EffectTable {
    /// The analysis of `table[candidate][split]`, candidates in the factors' order, of which some cells were filled.
    fn of(factors: &Factors, table: &[Vec<f64>], filled: usize) -> Self {
        let (candidates, splits) = (table.len(), table.first().map_or(0, Vec::len));
        let means: Vec<f64> = table.iter().map(|row| mean(row.iter().copied())).collect();
        let all = anova::two_way(table);
        let levels: Vec<usize> = factors.levels.iter().map(Vec::len).collect();
        let mut parts = parts(factors, &anova::terms(&levels, &means), splits as f64);
        parts.push(("split".to_owned(), all.columns, splits - 1));
        let df = ((candidates - 1) * (splits - 1)).saturating_sub(filled);
        let whole = all.rows + all.columns + all.rest;
        let share = |squares: f64| if whole > 0.0 { squares / whole } else { 0.0 };
        let term = |(name, sum_of_squares, of): (String, f64, usize)| {
            let f = (sum_of_squares / of as f64) / (all.rest / df as f64);
            let f = Some(f).filter(|f| df > 0 && f.is_finite());
            let p = f.map(|f| f_tail(f, of as f64, df as f64));
            Effect { name, sum_of_squares, df: of, share: share(sum_of_squares), f, p }
        };
        let mut terms: Vec<Effect> = parts.into_iter().map(term).collect();
        let share = share(all.rest);
        terms.push(Effect { name: "residual".to_owned(), sum_of_squares: all.rest, df, share, f: None, p: None });
        Self { splits, filled, terms, levels: level_means(factors, &means) }
    }
}

/// Names, sums of squares and degrees of freedom of the candidates' effects: single ones, those of two, the others together.
fn parts(factors: &Factors, terms: &[Term], splits: f64) -> Vec<(String, f64, usize)> {
    let of_order = |order: u32| terms.iter().filter(move |term| term.factors.count_ones() == order);
    let named = |term: &Term| {
        let names = factors.names.iter().enumerate().filter(|(factor, _)| term.factors >> factor & 1 == 1);
        let names: Vec<&str> = names.map(|(_, name)| name.as_str()).collect();
        (names.join(" × "), term.sum_of_squares * splits, term.df)
    };
    let mut parts: Vec<_> = of_order(1).chain(of_order(2)).map(named).collect();
    let higher = terms.iter().filter(|term| term.factors.count_ones() > 2);
    let (squares, df) = higher.fold((0.0, 0), |(squares, df), term| (squares + term.sum_of_squares, df + term.df));
    if df > 0 {
        parts.push(("higher interactions".to_owned(), squares * splits, df));
    }
    parts
}

fn level_means(factors: &Factors, means: &[f64]) -> Vec<LevelMean> {
    let mut found = Vec::new();
    let mut stride = means.len();
    for (axis, levels) in factors.names.iter().zip(&factors.levels) {
        stride /= levels.len();
        for (place, level) in levels.iter().enumerate() {
            let at_level = means.iter().enumerate().filter(|(index, _)| index / stride % levels.len() == place);
            let mean = mean(at_level.map(|(_, mean)| *mean));
            found.push(LevelMean { axis: axis.clone(), level: level.clone(), mean });
        }
    }
    found
}
