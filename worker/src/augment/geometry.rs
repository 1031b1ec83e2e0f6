//! Where every pixel of a changed image comes from.
//!
//! The order in which a case is changed: flips, quarter turns, shear, rotation, scale, elastic deformation. Places are looked up the other
//! way round. The middle of the image stays; beyond its edges the image is mirrored, as scipy's `mode="reflect"` does it.

use super::changes::{CELLS, CONTROLS, Changes};
use crate::ops::vectorize;

/// A matrix of two rows.
type Matrix = [[f64; 2]; 2];

/// A map from the pixels of the changed image to places in the original.
#[derive(Debug, Clone)]
pub(super) struct Geometry {
    pub(super) size: usize,
    /// From a distance from the middle in the changed image to that in the original.
    back: Matrix,
    /// Displacements at the control points, pixels: along x, along y.
    elastic: Option<[Vec<f32>; 2]>,
    /// For each pixel of a row its first control point and the weights of four.
    spline: Vec<(usize, [f32; 4])>,
}

/// Places of a row of pixels in the original.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) x: Vec<f32>,
    pub(super) y: Vec<f32>,
}

impl Geometry {
    /// The geometry of a case; `None` if every pixel stays.
    pub(super) fn new(changes: &Changes, size: usize) -> Option<Self> {
        let forward = forward(changes);
        if forward == [[1.0, 0.0], [0.0, 1.0]] && changes.elastic.is_none() {
            return None;
        }
        let pixels = |shares: [f64; CONTROLS * CONTROLS]| shares.map(|share| (share * size as f64) as f32).to_vec();
        let elastic = changes.elastic.map(|axes| axes.map(pixels));
        let spline = if elastic.is_some() { (0..size).map(|at| spline(at, size)).collect() } else { Vec::new() };
        Some(Self { size, back: inverse(forward), elastic, spline })
    }

    /// The places that the pixels of row `row` come from, folded back into the image.
    pub(super) fn places(&self, row: usize, places: &mut Places) {
        let middle = (self.size as f32 - 1.0) / 2.0;
        let below = row as f32 - middle;
        let [[xx, xy], [yx, yy]] = self.back.map(|row| row.map(|entry| entry as f32));
        let elastic = self.elastic.as_ref().map(|axes| axes.each_ref().map(|axis| self.controls(row, axis)));
        let targets = [(&mut places.x, xx, xy), (&mut places.y, yx, yy)];
        for (axis, (target, along, across)) in targets.into_iter().enumerate() {
            target.resize(self.size, 0.0);
            let start = across * below + middle;
            vectorize(
                #[inline(always)]
                || {
                    for (column, place) in target.iter_mut().enumerate() {
                        *place = along * (column as f32 - middle) + start;
                    }
                },
            );
            if let Some(controls) = &elastic {
                for (place, (first, weights)) in target.iter_mut().zip(&self.spline) {
                    let near = &controls[axis][*first..*first + 4];
                    *place += weights.iter().zip(near).map(|(weight, control)| weight * control).sum::<f32>();
                }
            }
            fold(target, self.size as f32);
        }
    }

    /// The control points of a row: those of all rows, weighted.
    fn controls(&self, row: usize, axis: &[f32]) -> [f32; CONTROLS] {
        let (first, weights) = self.spline[row];
        let mut controls = [0.0; CONTROLS];
        for (weight, of_row) in weights.iter().zip(axis.chunks(CONTROLS).skip(first)) {
            for (sum, control) in controls.iter_mut().zip(of_row) {
                *sum += weight * control;
            }
        }
        controls
    }
}

/// Brings places beyond the edges back into the image, mirrored at its edges, and to the middle of a pixel at least.
fn fold(places: &mut [f32], size: f32) {
    vectorize(
        #[inline(always)]
        || {
            for place in places.iter_mut() {
                let from_edge = *place + 0.5;
                let turn = from_edge - 2.0 * size * (from_edge / (2.0 * size)).floor();
                let inside = turn.min(2.0 * size - turn) - 0.5;
                *place = inside.max(0.0).min(size - 1.0);
            }
        },
    );
}

/// From a distance from the middle in the original to that in the changed image; y points down.
fn forward(changes: &Changes) -> Matrix {
    let [flip_x, flip_y] = changes.flips.map(|flip| if flip { -1.0 } else { 1.0 });
    let turn =
        [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [-1.0, 0.0]], [[-1.0, 0.0], [0.0, -1.0]], [[0.0, -1.0], [1.0, 0.0]]];
    let (sin, cos) = changes.angle.sin_cos();
    let rotation = [[cos, sin], [-sin, cos]];
    let steps = [
        [[flip_x, 0.0], [0.0, flip_y]],
        turn[changes.quarter_turns as usize % 4],
        [[1.0, changes.shear], [0.0, 1.0]],
        rotation,
        [[changes.scale, 0.0], [0.0, changes.scale]],
    ];
    steps.into_iter().reduce(|before, step| product(step, before)).unwrap_or(turn[0])
}

fn product(a: Matrix, b: Matrix) -> Matrix {
    let entry = |row: usize, column: usize| a[row][0] * b[0][column] + a[row][1] * b[1][column];
    [0, 1].map(|row| [0, 1].map(|column| entry(row, column)))
}

fn inverse([[a, b], [c, d]]: Matrix) -> Matrix {
    let determinant = a * d - b * c;
    [[d / determinant, -b / determinant], [-c / determinant, a / determinant]]
}

/// The first of the four control points that reach pixel `at`, and their weights: the uniform cubic B-spline.
fn spline(at: usize, size: usize) -> (usize, [f32; 4]) {
    let place = (at as f64 + 0.5) / size as f64 * CELLS as f64;
    let (cell, t) = (place.floor(), place.fract());
    let s = 1.0 - t;
    let weights =
        [s.powi(3), 3.0 * t.powi(3) - 6.0 * t.powi(2) + 4.0, 3.0 * s.powi(3) - 6.0 * s.powi(2) + 4.0, t.powi(3)];
    (cell as usize, weights.map(|weight| (weight / 6.0) as f32))
}
