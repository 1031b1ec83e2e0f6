//! Many numbers on a row: a hill, the higher the more of them lie at a place. Each number is a small triangle, about as wide as a dot, and
//! the triangles add up. A lone number is still seen beside many: no place with a number is lower than [`LEAST`]. And however many there
//! are, the hill is drawn with as many points as its row has room for.

use super::draw::polygon;
use maud::Markup;

/// Maximum number of dots in a figure. Of more numbers those of each row are a hill.
pub(super) const MAX_DOTS: usize = 1000;
/// The least height of a place with a number.
const LEAST: f64 = 1.5;
/// Half the width of a number's triangle, and how far the points of a hill are apart.
const STEP: f64 = 4.0;

/// The hill of some places of a row that reaches from `left` to `right`; it stands on `base`, and its top is `height` above that.
#[must_use]
pub(super) fn hill(places: impl IntoIterator<Item = f64>, (left, right): (f64, f64), base: f64, height: f64) -> Markup {
    // one point more at either side, so that each triangle has room
    let count = ((right - left) / STEP).ceil().max(0.0) as usize + 3;
    let mut heights = vec![0.0; count];
    for place in places {
        let at = ((place - left) / STEP + 1.0).clamp(1.0, (count - 2) as f64);
        let (before, share) = (at as usize, at.fract());
        heights[before] += 1.0 - share;
        heights[before + 1] += share;
    }
    let top = heights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let is_flat =
        |index: usize| heights[index.saturating_sub(1)..(index + 2).min(count)].iter().all(|high| *high == 0.0);
    let high = |index: usize| if heights[index] > 0.0 { (height * heights[index] / top).max(LEAST) } else { 0.0 };
    let point = |index: usize| (left + STEP * (index as f64 - 1.0), base - high(index));
    let outline: Vec<_> = (0..count).filter(|index| !is_flat(*index)).map(point).collect();
    polygon(&outline, "hill")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(places: &[f64]) -> Vec<(f64, f64)> {
        let drawn = hill(places.iter().copied(), (0.0, 40.0), 20.0, 10.0).into_string();
        let points = drawn.split('"').nth(1).unwrap_or_default().to_owned();
        let point = |point: &str| point.split_once(',').and_then(|(x, y)| Some((x.parse().ok()?, y.parse().ok()?)));
        points.split(' ').filter_map(point).collect()
    }

    #[test]
    fn numbers_add_up_where_they_lie() {
        assert_eq!(points(&[8.0]), [(4.0, 20.0), (8.0, 10.0), (12.0, 20.0)], "a triangle");
        assert_eq!(points(&[8.0, 10.0, 10.0]), [(4.0, 20.0), (8.0, 10.0), (12.0, 15.0), (16.0, 20.0)]);
        assert_eq!(points(&[0.0, 40.0])[..3], [(-4.0, 20.0), (0.0, 10.0), (4.0, 20.0)], "at the ends too");
        assert_eq!(points(&[0.0, 40.0]).len(), 6, "nothing is drawn between them");
        let many = [vec![20.0; 1000], vec![4.0]].concat();
        assert_eq!(points(&many)[..3], [(0.0, 20.0), (4.0, 18.5), (8.0, 20.0)], "one far from a thousand");
        assert_eq!(points(&[]), []);
    }

    #[test]
    fn a_thousand_numbers_take_no_more_room_than_a_hundred() {
        let places: Vec<f64> = (0..1000).map(|index| f64::from(index) * 0.04).collect();
        assert_eq!(points(&places).len(), 13);
    }
}
