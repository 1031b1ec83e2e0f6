//! The shape and the colours of one lesion: an ellipse whose radius is a short Fourier series of the angle. A ray from its
//! centre crosses its border once, so it is one piece without holes.

use super::paint::{Colour, Texture, blend, direction, smooth};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// The harmonics 2 to 6; the first would only move the lesion.
const HARMONICS: usize = 5;

/// How large a lesion is and where it lies.
enum Kind {
    /// Well inside the picture.
    Whole,
    /// Cut by the picture's border.
    Cut,
    /// Nearly as large as the picture.
    Large,
}

/// One lesion.
pub(super) struct Lesion {
    centre: [f64; 2],
    /// Half axes, pixels.
    axes: [f64; 2],
    /// Direction of the first axis, a unit vector.
    rotation: [f64; 2],
    /// Real and imaginary part of each harmonic, as shares of the radius.
    harmonics: [[f64; 2]; HARMONICS],
    /// Width of the border, pixels.
    softness: f64,
    /// How much of the lesion's colour covers the skin at most.
    strength: f64,
    colours: [Colour; 2],
    mottle: Texture,
}

impl Lesion {
    /// Draws a lesion for a picture of that size on skin of that colour.
    pub(super) fn draw(rng: &mut ChaCha8Rng, width: f64, height: f64, skin: Colour) -> Self {
        let kind = match rng.random_range(0..20) {
            0..13 => Kind::Whole,
            13..17 => Kind::Cut,
            _ => Kind::Large,
        };
        let (offset, radius) = match kind {
            Kind::Whole => (rng.random_range(0.0..0.08), rng.random_range(0.14..0.33)),
            Kind::Cut => (rng.random_range(0.4..0.55), rng.random_range(0.25..0.45)),
            Kind::Large => (rng.random_range(0.0..0.15), rng.random_range(0.5..0.8)),
        };
        let away = direction(rng);
        let rotation = direction(rng);
        let irregularity = rng.random_range(0.05..0.3);
        let harmonics = std::array::from_fn(|k| {
            let size = irregularity / (k + 2) as f64;
            [rng.random_range(-size..size), rng.random_range(-size..size)]
        });
        let strength = if rng.random_bool(0.2) { rng.random_range(0.25..0.45) } else { rng.random_range(0.65..1.0) };
        let tones = [[0.52, 0.40, 0.36], [0.30, 0.22, 0.24], [0.70, 0.42, 0.36], [0.45, 0.44, 0.52]];
        let mut tone = || tones[rng.random_range(0..tones.len())];
        let colours = [tone(), tone()].map(|tone| std::array::from_fn(|i| skin[i] * tone[i]));
        Self {
            centre: [width * (0.5 + offset * away[0]), height * (0.5 + offset * away[1])],
            axes: [radius * height, radius * height * rng.random_range(0.65..1.0)],
            rotation,
            harmonics,
            softness: rng.random_range(2.0..12.0),
            strength,
            colours,
            mottle: Texture::draw(rng, 14.0),
        }
    }

    /// How far inside the lesion a point lies, in pixels along the ray from its centre; negative outside.
    pub(super) fn depth(&self, x: f64, y: f64) -> f64 {
        let (x, y) = (x - self.centre[0], y - self.centre[1]);
        let [c, s] = self.rotation;
        let (u, v) = ((c * x + s * y) / self.axes[0], (c * y - s * x) / self.axes[1]);
        let radius = (u * u + v * v).sqrt().max(1e-9);
        let unit = [u / radius, v / radius];
        let mut power = unit;
        let mut border = 1.0;
        for [re, im] in self.harmonics {
            power = [power[0] * unit[0] - power[1] * unit[1], power[0] * unit[1] + power[1] * unit[0]];
            border += re * power[0] + im * power[1];
        }
        (border - radius) * self.axes[1]
    }

    /// How much of the skin the lesion covers at that depth.
    pub(super) fn opacity(&self, depth: f64) -> f64 {
        self.strength * smooth((depth / self.softness + 0.5).clamp(0.0, 1.0))
    }

    /// The lesion's own colour.
    pub(super) fn colour_at(&self, x: f64, y: f64) -> Colour {
        blend(self.colours[0], self.colours[1], smooth((self.mottle.at(x, y) + 0.5).clamp(0.0, 1.0)))
    }
}
