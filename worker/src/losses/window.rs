//! A Gaussian window that slides over a picture.

/// Weights of a window along one side; the window is their product with themselves.
pub(super) struct Window {
    weights: Vec<f64>,
}

/// What a window makes of a picture `[height, width]`, and back: only where the window lies within the picture.
impl Window {
    /// A window of `size` (odd) pixels a side, with standard deviation `sigma` pixels; its weights add up to 1.
    pub(super) fn gaussian(size: usize, sigma: f64) -> Self {
        let middle = (size / 2) as f64;
        let weights: Vec<_> =
            (0..size).map(|at| (-(at as f64 - middle).powi(2) / (2.0 * sigma * sigma)).exp()).collect();
        let total: f64 = weights.iter().sum();
        Self { weights: weights.into_iter().map(|weight| weight / total).collect() }
    }

    /// Sides of the picture of windows in a picture of these sides; 0 where it does not fit.
    pub(super) fn inner(&self, (height, width): (usize, usize)) -> (usize, usize) {
        let less = self.weights.len() - 1;
        (height.saturating_sub(less), width.saturating_sub(less))
    }

    /// The weighted mean of every window.
    pub(super) fn means(&self, picture: &[f64], (height, width): (usize, usize)) -> Vec<f64> {
        let (rows, columns) = self.inner((height, width));
        let mut along = vec![0.0; height * columns];
        for y in 0..height {
            for x in 0..columns {
                let pixels = &picture[y * width + x..];
                along[y * columns + x] = self.weights.iter().zip(pixels).map(|(weight, pixel)| weight * pixel).sum();
            }
        }
        let mut means = vec![0.0; rows * columns];
        for y in 0..rows {
            for (offset, weight) in self.weights.iter().enumerate() {
                let from = &along[(y + offset) * columns..][..columns];
                for (mean, value) in means[y * columns..][..columns].iter_mut().zip(from) {
                    *mean += weight * value;
                }
            }
        }
        means
    }

    /// The gradient of [`means`](Self::means): what every pixel gets from the windows that it lies in.
    pub(super) fn spread(&self, windows: &[f64], (height, width): (usize, usize)) -> Vec<f64> {
        let (rows, columns) = self.inner((height, width));
        let mut along = vec![0.0; height * columns];
        for y in 0..rows {
            for (offset, weight) in self.weights.iter().enumerate() {
                let from = &windows[y * columns..][..columns];
                for (sum, value) in along[(y + offset) * columns..][..columns].iter_mut().zip(from) {
                    *sum += weight * value;
                }
            }
        }
        let mut picture = vec![0.0; height * width];
        for y in 0..height {
            for x in 0..columns {
                let value = along[y * columns + x];
                for (sum, weight) in picture[y * width + x..].iter_mut().zip(&self.weights) {
                    *sum += weight * value;
                }
            }
        }
        picture
    }
}
