//! What happens to one case in one epoch, drawn.

use crate::seed;
use proto::spec::Augmentation;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// What happens to a case.
#[derive(Debug, Clone)]
pub(super) struct Changes {
    /// Mirrored left to right, top to bottom.
    pub(super) flips: [bool; 2],
    /// Quarter turns counter-clockwise.
    pub(super) quarter_turns: u32,
    /// Angle of rotation, radians, counter-clockwise.
    pub(super) angle: f64,
    /// Factor of size.
    pub(super) scale: f64,
    /// Shift of a row per its distance from the middle.
    pub(super) shear: f64,
    /// Displacements at the control points of an elastic deformation, as shares of the image: along x, along y.
    pub(super) elastic: Option<[[f64; CONTROL_POINTS]; 2]>,
    /// Factor of all values.
    pub(super) brightness: f64,
    /// Factor of differences from the mean gray.
    pub(super) contrast: f64,
    /// Exponent of values between 0 and 1.
    pub(super) gamma: f64,
    /// Shift along the circle of hues.
    pub(super) hue: f64,
    /// Standard deviation of a blur, pixels.
    pub(super) blur: f64,
    /// Standard deviation of noise, as a share of the range of values, and what it is drawn from.
    pub(super) noise: Option<(f64, ChaCha8Rng)>,
    /// Middle and side of a square, as shares of the image.
    pub(super) cutout: Option<([f64; 2], f64)>,
}

/// Cells of the control grid of an elastic deformation along a side.
pub(super) const CELLS: usize = 4;
/// Control points along a side: a cubic spline has two beyond the cells and one on either end.
pub(super) const CONTROLS: usize = CELLS + 3;
/// Control points in all.
pub(super) const CONTROL_POINTS: usize = CONTROLS * CONTROLS;

impl Changes {
    /// Nothing happens.
    #[cfg(test)]
    pub(super) const NONE: Self = Self {
        flips: [false; 2],
        quarter_turns: 0,
        angle: 0.0,
        scale: 1.0,
        shear: 0.0,
        elastic: None,
        brightness: 1.0,
        contrast: 1.0,
        gamma: 1.0,
        hue: 0.0,
        blur: 0.0,
        noise: None,
        cutout: None,
    };

    /// What happens to a case in an epoch.
    pub(super) fn drawn(of: &Augmentation, seed: u64, epoch: u32, case: u32) -> Self {
        let stream =
            |change: &str| seed::stream(&format!("augmentation {change}"), &[seed, u64::from(epoch), u64::from(case)]);
        let share = |change: &str| unit(&mut stream(change));
        // between -range and range
        let around = |change: &str, range: f64| if range > 0.0 { range * (2.0 * share(change) - 1.0) } else { 0.0 };
        // between 1 / (1 + range) and 1 + range, larger as often as smaller
        let factor = |change: &str, range: f64| around(change, range.ln_1p()).exp();
        let elastic = || {
            let mut stream = stream("elastic");
            [0, 1].map(|_| [(); CONTROL_POINTS].map(|()| of.elastic * normal(&mut stream)[0]))
        };
        let cutout = || {
            let mut stream = stream("cutout");
            let [x, y, side] = [0; 3].map(|_| unit(&mut stream));
            ([x, y], of.cutout * side)
        };
        let noise = || {
            let mut stream = stream("noise");
            (of.noise * unit(&mut stream), stream)
        };
        Self {
            flips: if of.flips { ["flip x", "flip y"].map(|flip| share(flip) < 0.5) } else { [false; 2] },
            quarter_turns: if of.quarter_turns { (4.0 * share("quarter turns")) as u32 } else { 0 },
            angle: around("rotation", of.rotation).to_radians(),
            scale: factor("scale", of.scale),
            shear: around("shear", of.shear),
            elastic: (of.elastic > 0.0).then(elastic),
            brightness: 1.0 + around("brightness", of.brightness),
            contrast: 1.0 + around("contrast", of.contrast),
            gamma: factor("gamma", of.gamma),
            hue: around("hue", of.hue),
            blur: if of.blur > 0.0 { of.blur * share("blur") } else { 0.0 },
            noise: (of.noise > 0.0).then(noise),
            cutout: (of.cutout > 0.0).then(cutout),
        }
    }

    /// Whether brightness, contrast, gamma or hue change.
    pub(super) fn changes_light(&self) -> bool {
        let Self { brightness, contrast, gamma, hue, .. } = *self;
        (brightness, contrast, gamma, hue) != (1.0, 1.0, 1.0, 0.0)
    }
}

/// A number in [0, 1).
pub(super) fn unit(stream: &mut impl Rng) -> f64 {
    // the 53 bits of a float in [0, 1)
    (stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Two numbers of the standard normal distribution (Box and Muller 1958).
pub(super) fn normal(stream: &mut impl Rng) -> [f64; 2] {
    let radius = (-2.0 * (1.0 - unit(stream)).ln()).sqrt();
    let (sin, cos) = (std::f64::consts::TAU * unit(stream)).sin_cos();
    [radius * cos, radius * sin]
}
