//! What pictures are painted with: colours, smooth noise, hairs.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Red, green and blue, 0 to 255.
pub(super) type Colour = [f64; 3];

/// `share` of `b` on `a`.
pub(super) fn blend(a: Colour, b: Colour, share: f64) -> Colour {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * share)
}

/// From 0 at 0 to 1 at 1, flat at both ends.
pub(super) fn smooth(t: f64) -> f64 {
    t * t * (3.0 - 2.0 * t)
}

/// A random unit vector.
pub(super) fn direction(rng: &mut ChaCha8Rng) -> [f64; 2] {
    loop {
        let (x, y) = (rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0));
        let square: f64 = x * x + y * y;
        if (0.01..1.0).contains(&square) {
            let length = square.sqrt();
            return [x / length, y / length];
        }
    }
}

/// Smooth noise from -1 to 1: random values on a lattice, interpolated between, and the same turned and finer.
pub(super) struct Texture {
    spacing: f64,
    lattice: [[f64; Self::SIDE]; Self::SIDE],
}

impl Texture {
    const SIDE: usize = 32;

    /// Draws noise whose values are `spacing` pixels apart; it repeats after 31 of them.
    pub(super) fn draw(rng: &mut ChaCha8Rng, spacing: f64) -> Self {
        let lattice = std::array::from_fn(|_| std::array::from_fn(|_| rng.random_range(-1.0..1.0)));
        Self { spacing, lattice }
    }

    /// The noise at a point of the picture.
    pub(super) fn at(&self, x: f64, y: f64) -> f64 {
        let (x, y) = (x / self.spacing, y / self.spacing);
        0.6 * self.value(x, y) + 0.4 * self.value(1.2 * x + 1.6 * y, 1.2 * y + 1.6 * (Self::SIDE as f64 - x))
    }

    /// The lattice between its points; `x` and `y` are not negative.
    fn value(&self, x: f64, y: f64) -> f64 {
        let cell = |position: f64| {
            let whole = position as usize;
            (whole % (Self::SIDE - 1), smooth(position - whole as f64))
        };
        let ((column, across), (row, down)) = (cell(x), cell(y));
        let along = |row: &[f64; Self::SIDE]| row[column] + (row[column + 1] - row[column]) * across;
        let (above, below) = (along(&self.lattice[row]), along(&self.lattice[row + 1]));
        above + (below - above) * down
    }
}

/// The share of light that hairs take from every pixel, `[height, width]`. Half of the pictures have none.
pub(super) fn hairs(rng: &mut ChaCha8Rng, width: usize, height: usize) -> Vec<f64> {
    let mut shadow = vec![0.0; width * height];
    let count = if rng.random_bool(0.5) { rng.random_range(2..10) } else { 0 };
    for _ in 0..count {
        let mut point = || [rng.random_range(0.0..width as f64), rng.random_range(0.0..height as f64)];
        let curve = [point(), point(), point()];
        let (thickness, darkness) = (rng.random_range(0.6..1.4), rng.random_range(0.35..0.8));
        hair(&mut shadow, width, curve, thickness, darkness);
    }
    shadow
}

/// Draws one hair along a quadratic Bezier curve.
fn hair(shadow: &mut [f64], width: usize, [a, b, c]: [[f64; 2]; 3], thickness: f64, darkness: f64) {
    let height = shadow.len() / width;
    let steps = 2 * (width + height);
    for step in 0..=steps {
        let t = step as f64 / steps as f64;
        let at = |i: usize| (1.0 - t) * (1.0 - t) * a[i] + 2.0 * t * (1.0 - t) * b[i] + t * t * c[i];
        let (x, y) = (at(0), at(1));
        for row in (y as usize).saturating_sub(2)..(y as usize + 3).min(height) {
            for column in (x as usize).saturating_sub(2)..(x as usize + 3).min(width) {
                let (dx, dy) = (column as f64 + 0.5 - x, row as f64 + 0.5 - y);
                let cover = (thickness + 0.5 - (dx * dx + dy * dy).sqrt()).clamp(0.0, 1.0);
                let pixel = &mut shadow[row * width + column];
                *pixel = pixel.max(darkness * cover);
            }
        }
    }
}
