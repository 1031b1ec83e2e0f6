//! The passes that both kinds of convolution are made of: strips through [`product`](super::product).

use super::parallel;
use super::product::{Correlate, Multiply, Weights};
use super::simd::{Real, dispatch};
use super::strip::{Grid, Strip};

/// Rows and columns of the weights' gradient that one task computes.
const TASK: (usize, usize) = (8, 144);

/// Feature maps as strips, with the strips' places; all of a batch in order.
pub(super) type Packed<T> = Vec<(Strip, Vec<T>)>;

/// Packs a whole batch.
pub(super) fn pack<T: Real>(grid: &Grid, pack: impl Fn(&Strip) -> Vec<T> + Sync + Send) -> Packed<T> {
    let groups = parallel::collect(grid.groups(), |group| {
        grid.strips(group).map(|strip| (strip, pack(&strip))).collect::<Vec<_>>()
    });
    groups.into_iter().flatten().collect()
}

/// `weights` times a strip.
pub(super) fn multiply<T: Real>(
    grid: &Grid,
    strip: &Strip,
    packed: &[T],
    weights: &Weights<T>,
    shifts: &[usize],
) -> Vec<T> {
    let (span, stride) = (grid.span(strip), grid.stride(strip));
    dispatch(Multiply { weights, strip: packed, shifts, span, stride })
}

/// The sum over all positions of `left` times shifted `right`, `[rows, columns]`; `shifts(stride)` are those of the columns.
pub(super) fn correlate<T: Real>(
    grid: &Grid,
    (left, rows): (&Packed<T>, usize),
    (right, columns): (&Packed<T>, usize),
    shifts: impl Fn(usize) -> Vec<usize> + Sync + Send,
) -> Vec<T> {
    let row_tasks = rows.div_ceil(TASK.0);
    let column_tasks = columns.div_ceil(TASK.1);
    let parts = parallel::collect(row_tasks * column_tasks, |task| {
        let first_row = task / column_tasks * TASK.0;
        let first_column = task % column_tasks * TASK.1;
        let (rows, columns) = (TASK.0.min(rows - first_row), TASK.1.min(columns - first_column));
        let mut result = vec![T::default(); rows * columns];
        for ((strip, left), (_, right)) in left.iter().zip(right) {
            let stride = grid.stride(strip);
            dispatch(Correlate {
                left: &left[first_row * stride + grid.origin()..],
                left_stride: stride,
                rows,
                strip: right,
                shifts: &shifts(stride)[first_column..first_column + columns],
                span: grid.span(strip),
                result: &mut result,
            });
        }
        (first_row, first_column, columns, result)
    });
    let mut gradient = vec![T::default(); rows * columns];
    for (first_row, first_column, width, part) in parts {
        for (row, part) in part.chunks_exact(width).enumerate() {
            let start = (first_row + row) * columns + first_column;
            gradient[start..start + width].copy_from_slice(part);
        }
    }
    gradient
}

/// The sum of `per_output` neighbouring channels over all positions: the gradient of a bias.
pub(super) fn channel_sums<T: Real>(grid: &Grid, packed: &Packed<T>, outputs: usize, per_output: usize) -> Vec<T> {
    parallel::collect(outputs, |output| {
        let mut total = T::default();
        for (strip, values) in packed {
            let (stride, span) = (grid.stride(strip), grid.span(strip));
            for channel in output * per_output..(output + 1) * per_output {
                let start = channel * stride + grid.origin();
                total += sum(&values[start..start + span]);
            }
        }
        total
    })
}

/// The sum of `values`, in an order that depends on their number alone.
pub(super) fn sum<T: Real>(values: &[T]) -> T {
    dispatch(
        #[inline(always)]
        || {
            let mut sums = [T::default(); 32];
            let chunks = values.chunks_exact(32);
            let rest = chunks.remainder();
            for chunk in chunks {
                for (sum, &value) in sums.iter_mut().zip(chunk) {
                    *sum += value;
                }
            }
            sums.iter().chain(rest).copied().sum()
        },
    )
}
