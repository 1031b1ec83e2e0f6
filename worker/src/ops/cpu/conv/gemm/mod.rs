//! The two matrix products behind every convolution that is not computed in tiles. The rows of `A` begin anywhere in one slice, and have
//! the same pieces; those of `D` lie equally far apart.
//!
//! ```text
//!  Multiply    Y[i, n]  = sum over k of A[i, k] B[k, n]      outputs, and gradients of inputs
//!  Correlate   G[k, n] += sum over i of A[i, k] D[i, n]      gradients of weights
//! ```
//!
//! A row of `A` is a patch of a feature map: its runs, one after the other. Both products hold a tile of their result in
//! registers, its columns in vectors, and take the elements of `A` one by one.

mod correlate;
mod multiply;

pub(super) use correlate::Correlate;
pub(super) use multiply::Multiply;

/// Columns of a panel of `B`.
pub(super) const PANEL: usize = 16;
/// Rows of a full tile.
const ROWS: usize = 6;
/// Rows of `A` and `D` that [`Correlate`] goes through before it moves to the next tile, so that they stay in the L1 cache.
pub(super) const CHUNK: usize = 128;

/// Elements of the panels of a matrix of `depth` rows.
pub(super) fn panels_size(depth: usize, columns: usize) -> usize {
    depth * columns.next_multiple_of(PANEL)
}

/// The pieces of a row of the left matrix.
#[derive(Clone, Copy)]
pub(super) struct Runs {
    /// How many there are; at least one.
    pub(super) count: usize,
    /// How far behind the one before each begins.
    pub(super) pitch: usize,
    /// Elements of each.
    pub(super) length: usize,
}

impl Runs {
    /// How far behind the first each begins.
    pub(super) fn offsets(self) -> impl Iterator<Item = usize> {
        (0..self.count).map(move |run| run * self.pitch)
    }
}

/// The left matrix.
#[derive(Clone, Copy)]
pub(super) struct Patches<'a, T> {
    values: &'a [T],
    places: &'a [usize],
    runs: Runs,
}

impl<'a, T> Patches<'a, T> {
    /// The rows that begin at these places in `values`.
    pub(super) fn new(values: &'a [T], places: &'a [usize], runs: Runs) -> Self {
        assert!(runs.count > 0, "rows of nothing");
        let end = places.iter().max().map_or(0, |last| last + (runs.count - 1) * runs.pitch + runs.length);
        assert!(end <= values.len(), "a row ends behind the values");
        Self { values, places, runs }
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        self.places.len()
    }

    /// Number of columns.
    pub(super) fn depth(&self) -> usize {
        self.runs.count * self.runs.length
    }

    /// The pieces of each row.
    pub(super) fn runs(&self) -> Runs {
        self.runs
    }

    /// Where each row begins in the values.
    pub(super) fn places(&self) -> &'a [usize] {
        self.places
    }

    /// What the rows lie in.
    pub(super) fn values(&self) -> &'a [T] {
        self.values
    }

    /// Where the values begin: all elements of all runs of all places are readable from there on.
    pub(super) fn start(&self) -> *const T {
        self.values.as_ptr()
    }
}
