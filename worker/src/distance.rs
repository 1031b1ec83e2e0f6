//! Euclidean distances on a grid of pixels, exact: to the nearest pixel of a set.

/// A set of pixels, row by row.
#[derive(Clone, Copy)]
pub(crate) struct Grid<'a> {
    pub(crate) pixels: &'a [bool],
    /// Pixels of a row.
    pub(crate) width: usize,
}

/// The distance of every pixel to the nearest pixel of the set; infinite for an empty one.
///
/// The squares of the distances are the lower envelope of parabolas, first along columns, then along rows: Felzenszwalb and Huttenlocher
/// 2012, Theory of Computing 8.
pub(crate) fn distances(grid: Grid<'_>) -> Vec<f64> {
    let Grid { pixels, width } = grid;
    if width == 0 {
        return Vec::new();
    }
    let height = pixels.len() / width;
    let mut squares = along_columns(pixels, width, height);
    let mut envelope = Envelope::with_capacity(width);
    let mut row = vec![0.0; width];
    for y in 0..height {
        let squares = &mut squares[y * width..(y + 1) * width];
        envelope.of(squares, &mut row);
        squares.copy_from_slice(&row);
    }
    squares.into_iter().map(f64::sqrt).collect()
}

/// The square of the distance to the nearest pixel of the set in the same column.
fn along_columns(pixels: &[bool], width: usize, height: usize) -> Vec<f64> {
    let mut squares = vec![f64::INFINITY; pixels.len()];
    // whole rows at a time, from the top and then from the bottom
    for rows in [(0..height).collect::<Vec<_>>(), (0..height).rev().collect()] {
        let mut steps = vec![f64::INFINITY; width];
        for y in rows {
            let row = y * width..(y + 1) * width;
            for ((step, square), &is_in) in steps.iter_mut().zip(&mut squares[row.clone()]).zip(&pixels[row]) {
                *step = if is_in { 0.0 } else { *step + 1.0 };
                *square = square.min(*step * *step);
            }
        }
    }
    squares
}

/// The lower envelope of parabolas `(x - place)^2 + height`.
struct Envelope {
    /// Places of the parabolas that are lowest somewhere, from left to right.
    places: Vec<usize>,
    /// Where each of them begins to be the lowest.
    starts: Vec<f64>,
}

impl Envelope {
    fn with_capacity(width: usize) -> Self {
        Self { places: Vec::with_capacity(width), starts: Vec::with_capacity(width) }
    }

    /// Its height at every place, from the height of the parabola at every place.
    fn of(&mut self, heights: &[f64], lowest: &mut [f64]) {
        self.places.clear();
        self.starts.clear();
        for (place, &height) in heights.iter().enumerate().filter(|(_, height)| height.is_finite()) {
            let mut start = f64::NEG_INFINITY;
            while let (Some(&before), Some(&began)) = (self.places.last(), self.starts.last()) {
                let at = |place: usize, height: f64| height + (place * place) as f64;
                start = (at(place, height) - at(before, heights[before])) / (2 * (place - before)) as f64;
                if start > began {
                    break;
                }
                self.places.pop();
                self.starts.pop();
                start = f64::NEG_INFINITY;
            }
            self.places.push(place);
            self.starts.push(start);
        }
        let mut index = 0;
        for (x, lowest) in lowest.iter_mut().enumerate() {
            while self.starts.get(index + 1).is_some_and(|start| *start < x as f64) {
                index += 1;
            }
            *lowest = match self.places.get(index) {
                Some(&place) => x.abs_diff(place).pow(2) as f64 + heights[place],
                None => f64::INFINITY,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Grid, distances};

    #[test]
    fn distances_are_those_to_the_nearest_pixel() {
        // sets of many shapes: the definition, pixel by pixel, beside it
        let (width, height) = (13, 9);
        for seed in 0..60_usize {
            let rare = 2 + seed % 40;
            let pixels: Vec<bool> =
                (0..width * height).map(|index| (index * 7919 + seed * 104_729) % 101 < rare).collect();
            let found = distances(Grid { pixels: &pixels, width });
            for (index, found) in found.iter().enumerate() {
                let (x, y) = (index % width, index / width);
                let square = |other: usize| (other % width).abs_diff(x).pow(2) + (other / width).abs_diff(y).pow(2);
                let nearest = (0..pixels.len()).filter(|other| pixels[*other]).map(square).min();
                let expected = nearest.map_or(f64::INFINITY, |square| (square as f64).sqrt());
                assert_eq!(*found, expected, "pixel {index} of set {seed}");
            }
        }
        assert!(distances(Grid { pixels: &[false; 6], width: 3 }).iter().all(|distance| distance.is_infinite()));
    }
}
