//! Cutout (DeVries and Taylor 2017, arXiv 1708.04552): a square of the image gets the mean of its channel. Its middle may be anywhere, so
//! part of it may be beyond the edge. The mask stays: what is hidden is still to be found.

/// Cuts a square out of a plane `[size, size]`: its middle and its side as shares of the plane.
pub(super) fn apply(plane: &mut [u8], size: usize, ([x, y], side): ([f64; 2], f64)) {
    let sum: u64 = plane.iter().map(|&value| u64::from(value)).sum();
    let mean = ((sum + plane.len() as u64 / 2) / plane.len() as u64) as u8;
    let range = |middle: f64| {
        let ends = [middle - side / 2.0, middle + side / 2.0];
        let [from, to] = ends.map(|end| (end.clamp(0.0, 1.0) * size as f64).round() as usize);
        from..to
    };
    for row in plane.chunks_mut(size).take(range(y).end).skip(range(y).start) {
        row[range(x)].fill(mean);
    }
}
