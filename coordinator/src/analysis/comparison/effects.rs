//! Which axes matter: exact analysis of variance of a full grid.

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
