//! What lies on the skin beside a lesion: round plasters of strong colours, and a ruler along an edge. Both are as dark as a lesion in
//! some channel, or darker.

use super::paint::Colour;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Yellow, orange, green and blue.
const PLASTERS: [Colour; 4] = [[238.0, 196.0, 70.0], [222.0, 120.0, 50.0], [70.0, 140.0, 95.0], [60.0, 100.0, 170.0]];
/// Paper and ink of a ruler.
const RULER: [Colour; 2] = [[225.0, 225.0, 220.0], [40.0, 40.0, 44.0]];
/// Width of a tick of a ruler, pixels.
const TICK: f64 = 6.0;

/// The clutter of one picture.
pub(super) struct Clutter {
    plasters: Vec<Plaster>,
    ruler: Option<Ruler>,
}

struct Plaster {
    centre: [f64; 2],
    radius: f64,
    colour: Colour,
}

/// A ruler along the upper or the lower edge: from which row to which.
struct Ruler {
    rows: std::ops::Range<f64>,
}

impl Clutter {
    /// Draws up to two plasters at the edges, and a ruler in every third picture.
    pub(super) fn draw(rng: &mut ChaCha8Rng, width: f64, height: f64) -> Self {
        let count = [0, 0, 1, 1, 1, 1, 1, 2, 2, 2][rng.random_range(0..10)];
        let plasters = (0..count).map(|_| Plaster::draw(rng, width, height)).collect();
        let ruler = rng.random_bool(0.3).then(|| {
            let thickness = rng.random_range(8.0..14.0);
            let rows = if rng.random_bool(0.5) { 0.0..thickness } else { height - thickness..height };
            Ruler { rows }
        });
        Self { plasters, ruler }
    }

    /// The colour of what lies at a point, if anything does.
    pub(super) fn at(&self, x: f64, y: f64) -> Option<Colour> {
        if self.ruler.as_ref().is_some_and(|ruler| ruler.rows.contains(&y)) {
            return Some(RULER[(x / TICK) as usize % 2]);
        }
        self.plasters.iter().rev().find(|plaster| plaster.covers(x, y)).map(|plaster| plaster.colour)
    }
}

impl Plaster {
    /// Draws a plaster that an edge of the picture cuts.
    fn draw(rng: &mut ChaCha8Rng, width: f64, height: f64) -> Self {
        let radius = height * rng.random_range(0.16..0.3);
        let (along, inside) = (rng.random_range(0.2..0.8), radius * rng.random_range(0.0..0.6));
        let centre = match rng.random_range(0..4) {
            0 => [along * width, inside],
            1 => [along * width, height - inside],
            2 => [inside, along * height],
            _ => [width - inside, along * height],
        };
        let (colour, faded) = (PLASTERS[rng.random_range(0..PLASTERS.len())], rng.random_range(0.7..1.0));
        Self { centre, radius, colour: colour.map(|channel| channel * faded) }
    }

    fn covers(&self, x: f64, y: f64) -> bool {
        let (x, y) = (x - self.centre[0], y - self.centre[1]);
        x * x + y * y < self.radius * self.radius
    }
}
