//! The transforms of Winograd's minimal filtering for 3 taps, in one dimension, on vectors of channels.
//!
//! `F(m, 3)` computes `m` results of a correlation with 3 taps from `n = m + 2` data by `n` products instead of `3 m`. Data,
//! taps and results are polynomials, multiplied at `n - 1` points and at infinity:
//!
//! ```text
//!  result   y = A^T [(G g) * (B^T d)]          forward; gradient of the data, with the taps turned
//!  taps'      = G^T [(B^T d) * (A y')]         gradient of the taps
//! ```
//!
//! Lavin and Gray 2016, arXiv 1509.09308. [`Four`] takes the points 0, +-5/8, +-3/2, which oneDNN chose: they lose half as
//! much precision as 0, +-1, +-2. Arrays hold 6 vectors for both sizes, of which `Two` uses the first 4.

use crate::ops::cpu::run::simd::Real;
use pulp::Simd;
use std::mem::MaybeUninit;

/// Vectors along one dimension of a tile.
pub(super) type Line<T, S> = [<T as Real>::Lanes<S>; 6];

/// One size of tiles.
pub(in crate::ops::cpu::conv) trait Transform: Copy + Send + Sync {
    /// Results along one dimension of a tile.
    const RESULTS: usize;
    /// Data along one dimension of a tile.
    const DATA: usize;

    /// `B^T d`
    fn data<T: Real, S: Simd>(simd: S, d: Line<T, S>) -> Line<T, S>;
    /// `G g`, of 3 taps.
    fn taps<T: Real, S: Simd>(simd: S, g: Line<T, S>) -> Line<T, S>;
    /// `A^T m`
    fn results<T: Real, S: Simd>(simd: S, m: Line<T, S>) -> Line<T, S>;
    /// `A y`, the transpose of [`results`](Self::results).
    fn gradients<T: Real, S: Simd>(simd: S, y: Line<T, S>) -> Line<T, S>;
    /// `G^T u`, the transpose of [`taps`](Self::taps).
    fn taps_gradient<T: Real, S: Simd>(simd: S, u: Line<T, S>) -> Line<T, S>;
}

/// `F(2, 3)` with the points 0, 1, -1 and infinity.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops::cpu::conv) struct Two;

/// `F(4, 3)` with the points 0, `P`, `-P`, `Q`, `-Q` and infinity.
#[derive(Debug, Clone, Copy)]
pub(in crate::ops::cpu::conv) struct Four;

const P: f64 = 0.625;
const Q: f64 = 1.5;
const P2: f64 = P * P;
const Q2: f64 = Q * Q;

/// Vector arithmetic in short.
#[derive(Clone, Copy)]
struct Vectors<S>(S);

impl<S: Simd> Vectors<S> {
    #[inline(always)]
    fn add<T: Real>(self, a: T::Lanes<S>, b: T::Lanes<S>) -> T::Lanes<S> {
        T::plus(self.0, a, b)
    }

    #[inline(always)]
    fn sub<T: Real>(self, a: T::Lanes<S>, b: T::Lanes<S>) -> T::Lanes<S> {
        T::minus(self.0, a, b)
    }

    #[inline(always)]
    fn scale<T: Real>(self, factor: f64, a: T::Lanes<S>) -> T::Lanes<S> {
        T::times(self.0, T::splat(self.0, T::from_f64(factor)), a)
    }

    /// `factor * a + b`
    #[inline(always)]
    fn mul_add<T: Real>(self, factor: f64, a: T::Lanes<S>, b: T::Lanes<S>) -> T::Lanes<S> {
        T::mul_add(self.0, T::splat(self.0, T::from_f64(factor)), a, b)
    }
}

impl Transform for Two {
    const RESULTS: usize = 2;
    const DATA: usize = 4;

    #[inline(always)]
    fn data<T: Real, S: Simd>(simd: S, d: Line<T, S>) -> Line<T, S> {
        let v = Vectors(simd);
        let unused = d[5];
        [v.sub::<T>(d[0], d[2]), v.add::<T>(d[1], d[2]), v.sub::<T>(d[2], d[1]), v.sub::<T>(d[3], d[1]), unused, unused]
    }

    #[inline(always)]
    fn taps<T: Real, S: Simd>(simd: S, g: Line<T, S>) -> Line<T, S> {
        let v = Vectors(simd);
        let even = v.scale::<T>(0.5, v.add::<T>(g[0], g[2]));
        let odd = v.scale::<T>(0.5, g[1]);
        let unused = g[5];
        [g[0], v.add::<T>(even, odd), v.sub::<T>(even, odd), g[2], unused, unused]
    }

    #[inline(always)]
    fn results<T: Real, S: Simd>(simd: S, m: Line<T, S>) -> Line<T, S> {
        let v = Vectors(simd);
        let (sum, difference) = (v.add::<T>(m[1], m[2]), v.sub::<T>(m[1], m[2]));
        let unused = m[5];
        [v.add::<T>(m[0], sum), v.add::<T>(difference, m[3]), unused, unused, unused, unused]
    }

    #[inline(always)]
    fn gradients<T: Real, S: Simd>(simd: S, y: Line<T, S>) -> Line<T, S> {
        let v = Vectors(simd);
        let unused = y[5];
        [y[0], v.add::<T>(y[0], y[1]), v.sub::<T>(y[0], y[1]), y[1], unused, unused]
    }

    #[inline(always)]
    fn taps_gradient<T: Real, S: Simd>(simd: S, u: Line<T, S>) -> Line<T, S> {
        let v = Vectors(simd);
        let even = v.scale::<T>(0.5, v.add::<T>(u[1], u[2]));
        let odd = v.scale::<T>(0.5, v.sub::<T>(u[1], u[2]));
        let unused = u[5];
        [v.add::<T>(u[0], even), odd, v.add::<T>(even, u[3]), unused, unused, unused]
    }
}

/// One over the product of a point's distances from the others.
const AT_ZERO: f64 = 1.0 / (P2 * Q2);
const AT_P: f64 = 1.0 / (2.0 * P2 * (P2 - Q2));
const AT_Q: f64 = 1.0 / (2.0 * Q2 * (Q2 - P2));

impl Transform for Four {
    const RESULTS: usize = 4;
    const DATA: usize = 6;

    #[inline(always)]
    fn data<T: Real, S: Simd>(simd: S, d: Line<T, S>) -> Line<T, S> {
        let v = Vectors(simd);
        let zero = v.mul_add::<T>(P2 * Q2, d[0], v.mul_add::<T>(-(P2 + Q2), d[2], d[4]));
        let infinity = v.mul_add::<T>(P2 * Q2, d[1], v.mul_add::<T>(-(P2 + Q2), d[3], d[5]));
        let (even_p, odd_p) = (v.mul_add::<T>(-Q2, d[2], d[4]), v.mul_add::<T>(-Q2, d[1], d[3]));
        let (even_q, odd_q) = (v.mul_add::<T>(-P2, d[2], d[4]), v.mul_add::<T>(-P2, d[1], d[3]));
        [
            zero,
            v.mul_add::<T>(P, odd_p, even_p),
            v.mul_add::<T>(-P, odd_p, even_p),
            v.mul_add::<T>(Q, odd_q, even_q),
            v.mul_add::<T>(-Q, odd_q, even_q),
            infinity,
        ]
    }

    #[inline(always)]
    fn taps<T: Real, S: Simd>(simd: S, g: Line<T, S>) -> Line<T, S> {
        let v = Vectors(simd);
        let even_p = v.mul_add::<T>(P2, g[2], g[0]);
        let even_q = v.mul_add::<T>(Q2, g[2], g[0]);
        [
            v.scale::<T>(AT_ZERO, g[0]),
            v.scale::<T>(AT_P, v.mul_add::<T>(P, g[1], even_p)),
            v.scale::<T>(AT_P, v.mul_add::<T>(-P, g[1], even_p)),
            v.scale::<T>(AT_Q, v.mul_add::<T>(Q, g[1], even_q)),
            v.scale::<T>(AT_Q, v.mul_add::<T>(-Q, g[1], even_q)),
            g[2],
        ]
    }

    #[inline(always)]
    fn results<T: Real, S: Simd>(simd: S, m: Line<T, S>) -> Line<T, S> {
        let v = Vectors(simd);
        let (even_p, odd_p) = (v.add::<T>(m[1], m[2]), v.sub::<T>(m[1], m[2]));
        let (even_q, odd_q) = (v.add::<T>(m[3], m[4]), v.sub::<T>(m[3], m[4]));
        let unused = m[5];
        [
            v.add::<T>(m[0], v.add::<T>(even_p, even_q)),
            v.mul_add::<T>(P, odd_p, v.scale::<T>(Q, odd_q)),
            v.mul_add::<T>(P2, even_p, v.scale::<T>(Q2, even_q)),
            v.mul_add::<T>(P2 * P, odd_p, v.mul_add::<T>(Q2 * Q, odd_q, m[5])),
            unused,
            unused,
        ]
    }

    #[inline(always)]
    fn gradients<T: Real, S: Simd>(simd: S, y: Line<T, S>) -> Line<T, S> {
        let v = Vectors(simd);
        let (even_p, odd_p) = (v.mul_add::<T>(P2, y[2], y[0]), v.mul_add::<T>(P2, y[3], y[1]));
        let (even_q, odd_q) = (v.mul_add::<T>(Q2, y[2], y[0]), v.mul_add::<T>(Q2, y[3], y[1]));
        [
            y[0],
            v.mul_add::<T>(P, odd_p, even_p),
            v.mul_add::<T>(-P, odd_p, even_p),
            v.mul_add::<T>(Q, odd_q, even_q),
            v.mul_add::<T>(-Q, odd_q, even_q),
            y[3],
        ]
    }

    #[inline(always)]
    fn taps_gradient<T: Real, S: Simd>(simd: S, u: Line<T, S>) -> Line<T, S> {
        let v = Vectors(simd);
        let (even_p, odd_p) = (v.add::<T>(u[1], u[2]), v.sub::<T>(u[1], u[2]));
        let (even_q, odd_q) = (v.add::<T>(u[3], u[4]), v.sub::<T>(u[3], u[4]));
        let unused = u[5];
        [
            v.mul_add::<T>(AT_ZERO, u[0], v.mul_add::<T>(AT_P, even_p, v.scale::<T>(AT_Q, even_q))),
            v.mul_add::<T>(AT_P * P, odd_p, v.scale::<T>(AT_Q * Q, odd_q)),
            v.mul_add::<T>(AT_P * P2, even_p, v.mul_add::<T>(AT_Q * Q2, even_q, u[5])),
            unused,
            unused,
            unused,
        ]
    }
}

/// Which of a transform's five matrices.
#[derive(Debug, Clone, Copy)]
pub(super) enum Matrix {
    Data,
    Taps,
    Results,
    Gradients,
    TapsGradient,
}

/// Vectors, each in one line of the cache.
#[repr(align(64))]
struct Aligned<T>(T);

/// Repeats a block for these numbers. The compiler leaves long loops as they are, and then keeps no array in registers.
macro_rules! repeat {
    ($number:ident in $($numbers:literal)* $block:block) => {
        $({ let $number: usize = $numbers; $block })*
    };
}

/// Multiplies a tile by a matrix from both sides: `from` x `from` vectors that are loaded become `to` x `to` that are stored, by row
/// and column each.
///
/// Both functions must be inlined, or they would be compiled for another instruction set.
#[inline(always)]
pub(super) fn square<F: Transform, T: Real, S: Simd>(
    simd: S,
    matrix: Matrix,
    (from, to): (usize, usize),
    load: impl Fn(usize, usize) -> T::Lanes<S>,
    mut store: impl FnMut(usize, usize, T::Lanes<S>),
) {
    // not zeros: nothing reads them, and writing them costs time at every tile
    let mut tile = Aligned([[MaybeUninit::<T::Lanes<S>>::uninit(); 6]; 6]);
    let tile = &mut tile.0;
    let zero = T::splat(simd, T::default());
    repeat!(column in 0 1 2 3 4 5 {
        if column < from {
            let mut along = [zero; 6];
            repeat!(row in 0 1 2 3 4 5 {
                if row < from {
                    along[row] = load(row, column);
                }
            });
            let along = multiply::<F, T, S>(simd, matrix, along);
            repeat!(row in 0 1 2 3 4 5 {
                if row < to {
                    tile[row][column].write(along[row]);
                }
            });
        }
    });
    repeat!(row in 0 1 2 3 4 5 {
        if row < to {
            let mut along = [zero; 6];
            repeat!(column in 0 1 2 3 4 5 {
                if column < from {
                    // SAFETY: the first `from` columns of the first `to` rows are written above.
                    along[column] = unsafe { tile[row][column].assume_init() };
                }
            });
            let along = multiply::<F, T, S>(simd, matrix, along);
            repeat!(column in 0 1 2 3 4 5 {
                if column < to {
                    store(row, column, along[column]);
                }
            });
        }
    });
}

/// A function, because a closure that is not inlined would be compiled for another instruction set.
#[inline(always)]
fn multiply<F: Transform, T: Real, S: Simd>(simd: S, matrix: Matrix, line: Line<T, S>) -> Line<T, S> {
    match matrix {
        Matrix::Data => F::data::<T, S>(simd, line),
        Matrix::Taps => F::taps::<T, S>(simd, line),
        Matrix::Results => F::results::<T, S>(simd, line),
        Matrix::Gradients => F::gradients::<T, S>(simd, line),
        Matrix::TapsGradient => F::taps_gradient::<T, S>(simd, line),
    }
}
