//! Pictures like those of skin lesions, made from a seed and a case's index alone.
//!
//! ```text
//!  skin (freckled) + plasters, ruler + lesion (irregular, mottled, soft border) + hairs -> light -> noise -> bytes
//!                                      '-> mask
//! ```
//!
//! A lesion may be faint, large or cut by the border. Plasters, the side away from the light, corners, freckles and hairs are
//! dark without being lesion, so that no threshold finds it. Only `+ - * /` and square roots are used: IEEE 754 defines them
//! exactly, so every machine makes the same bytes. Knows no files.

mod clutter;
mod lesion;
mod paint;

use super::Case;
use crate::seed;
use clutter::Clutter;
use lesion::Lesion;
use paint::{Colour, Texture, blend, direction, hairs, smooth};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

const WIDTH: std::ops::RangeInclusive<u32> = 252..=260;
const HEIGHT: std::ops::RangeInclusive<u32> = 188..=196;

/// Makes the case `index` of the data set with that seed.
#[must_use]
pub fn case(seed: u64, index: u32) -> Case {
    let mut rng = seed::stream("synthetic", &[seed, u64::from(index)]);
    let (width, height) = (rng.random_range(WIDTH), rng.random_range(HEIGHT));
    let (w, h) = (f64::from(width), f64::from(height));
    let skin = Skin::draw(&mut rng, w, h);
    let lesion = Lesion::draw(&mut rng, w, h, skin.colour);
    let hairs = hairs(&mut rng, width as usize, height as usize);
    let light = Light::draw(&mut rng, w, h);
    let clutter = Clutter::draw(&mut rng, w, h);

    let pixels = width as usize * height as usize;
    let (mut image, mut mask) = (Vec::with_capacity(3 * pixels), Vec::with_capacity(pixels));
    for (pixel, hair) in hairs.iter().enumerate() {
        let (x, y) = ((pixel % width as usize) as f64 + 0.5, (pixel / width as usize) as f64 + 0.5);
        let depth = lesion.depth(x, y);
        let under = clutter.at(x, y).filter(|_| depth <= 0.0).unwrap_or_else(|| skin.at(x, y));
        let colour = match lesion.opacity(depth) {
            0.0 => under,
            opacity => blend(under, lesion.colour_at(x, y), opacity),
        };
        let noise = 5.0 * (rng.random::<f64>() + rng.random::<f64>() - 1.0);
        let light = light.at(x, y) * (1.0 - hair);
        image.extend(colour.map(|channel| (channel * light + noise + 0.5).clamp(0.0, 255.0) as u8));
        mask.push(u8::from(depth > 0.0));
    }
    Case { width, height, image, mask }
}

/// Skin with freckles.
struct Skin {
    colour: Colour,
    texture: Texture,
    /// x, y, radius and darkness of each.
    freckles: Vec<[f64; 4]>,
}

impl Skin {
    fn draw(rng: &mut ChaCha8Rng, width: f64, height: f64) -> Self {
        let colour = blend([232.0, 190.0, 168.0], [178.0, 122.0, 96.0], rng.random());
        let mut freckle = |_| {
            let (x, y) = (rng.random_range(0.0..width), rng.random_range(0.0..height));
            [x, y, rng.random_range(1.5..6.0), rng.random_range(0.1..0.4)]
        };
        let freckles = (0..6).map(&mut freckle).collect();
        Self { colour, texture: Texture::draw(rng, 24.0), freckles }
    }

    fn at(&self, x: f64, y: f64) -> Colour {
        let mut light = 1.0 + 0.08 * self.texture.at(x, y);
        for [cx, cy, radius, darkness] in &self.freckles {
            let distance = ((x - cx) * (x - cx) + (y - cy) * (y - cy)) / (radius * radius);
            if distance < 1.0 {
                light -= darkness * smooth(1.0 - distance);
            }
        }
        self.colour.map(|channel| channel * light)
    }
}

/// Light from one side, and corners darkened by the lens.
struct Light {
    centre: [f64; 2],
    /// Square of the distance from the picture's centre to its corners.
    corner: f64,
    /// The share of light that is lost there.
    strength: f64,
    /// What a pixel's step to the right and down adds to the light.
    slope: [f64; 2],
}

impl Light {
    fn draw(rng: &mut ChaCha8Rng, width: f64, height: f64) -> Self {
        let centre = [width * rng.random_range(0.46..0.54), height * rng.random_range(0.46..0.54)];
        let (away, fall) = (direction(rng), rng.random_range(0.4..0.9));
        Self {
            centre,
            corner: (width * width + height * height) / 4.0,
            strength: rng.random_range(0.1..0.75),
            slope: [fall * away[0] / width, fall * away[1] / height],
        }
    }

    fn at(&self, x: f64, y: f64) -> f64 {
        let (x, y) = (x - self.centre[0], y - self.centre[1]);
        let distance = (x * x + y * y) / self.corner;
        let lens = 1.0 - (self.strength * distance * distance).min(0.9);
        lens * (0.85 - self.slope[0] * x - self.slope[1] * y).max(0.15)
    }
}
