//! Topological loss of a case: what components and holes the probabilities have, against those of the truth.
//!
//! As a threshold falls from 1 to 0, components of the pixels above it begin at maxima and end where they meet an older one; holes
//! begin where a ring closes and end at the minimum inside. Each has a *birth* `b` and a *death* `d < b`, two probabilities. If the truth has
//! `k` components, the `k` with the greatest `b - d` cost `(1 - b)^2 + d^2`, and every other costs `(b - d)^2 / 2`, the square of its
//! distance to `b = d`; likewise holes. Hu et al. 2019, arXiv 1906.05404, with the whole picture for their patches. The oldest component
//! never ends, and costs `(1 - b)^2`.
//!
//! Only the pixels at births and deaths have a slope. Components are connected by sides and corners, holes by sides.

use super::case::Case;
use crate::ops::Real;

/// A component or a hole: the pixels where it begins and ends; the oldest component never ends.
struct Pair {
    birth: usize,
    death: Option<usize>,
}

/// The loss of a case; `slope` gets the index and the slope of every pixel that has one.
pub(super) fn of_case<T: Real>(case: Case<'_, T>, mut slope: impl FnMut(usize, f64)) -> f64 {
    let (probabilities, slopes) = case.probabilities();
    let truth = case.truth();
    let mut total = 0.0;
    for pairs_of in [components, holes] {
        let wanted = pairs_of(&truth, case.width).len();
        let mut pairs = pairs_of(&probabilities, case.width);
        let at = |pixel: Option<usize>| pixel.map_or(0.0, |pixel| probabilities[pixel]);
        let persistence = |pair: &Pair| at(Some(pair.birth)) - at(pair.death);
        pairs.sort_by(|one, other| persistence(other).total_cmp(&persistence(one)).then(one.birth.cmp(&other.birth)));
        for (rank, pair) in pairs.iter().enumerate() {
            let (birth, death) = (at(Some(pair.birth)), at(pair.death));
            let (value, along_birth, along_death) = if rank < wanted {
                ((1.0 - birth).powi(2) + death * death, 2.0 * (birth - 1.0), 2.0 * death)
            } else {
                let apart = birth - death;
                (apart * apart / 2.0, apart, -apart)
            };
            total += value;
            slope(pair.birth, along_birth * slopes[pair.birth]);
            if let Some(death) = pair.death {
                slope(death, along_death * slopes[death]);
            }
        }
    }
    total
}

/// The components of the pixels above a falling threshold, those without duration left out.
fn components(picture: &[f64], width: usize) -> Vec<Pair> {
    let mut order: Vec<usize> = (0..picture.len()).collect();
    order.sort_by(|one, other| picture[*other].total_cmp(&picture[*one]).then(one.cmp(other)));
    let mut forest = Forest::new(picture.len());
    let mut pairs = Vec::new();
    for (age, &pixel) in order.iter().enumerate() {
        forest.add(pixel, age);
        neighbours(pixel, picture.len(), width, true, |neighbour| {
            if let Some(younger) = forest.join(pixel, neighbour) {
                let birth = order[younger];
                if picture[birth] > picture[pixel] {
                    pairs.push(Pair { birth, death: Some(pixel) });
                }
            }
        });
    }
    // nothing is no component
    pairs.extend(order.first().filter(|pixel| picture[**pixel] > 0.0).map(|&birth| Pair { birth, death: None }));
    pairs
}

/// The holes in the pixels above a falling threshold: as the threshold rises, the components of what lies below it that do not reach the edge of
/// the picture begin at minima and end where they meet an older one or the edge.
fn holes(picture: &[f64], width: usize) -> Vec<Pair> {
    let mut order: Vec<usize> = (0..picture.len()).collect();
    order.sort_by(|one, other| picture[*one].total_cmp(&picture[*other]).then(one.cmp(other)));
    // what lies outside of the picture is older than all
    let outside = picture.len();
    let mut forest = Forest::new(picture.len() + 1);
    forest.add(outside, 0);
    let height = picture.len() / width;
    let mut pairs = Vec::new();
    for (before, &pixel) in order.iter().enumerate() {
        forest.add(pixel, before + 1);
        let mut join = |neighbour| {
            if let Some(younger) = forest.join(pixel, neighbour) {
                let death = order[younger - 1];
                if picture[pixel] > picture[death] {
                    pairs.push(Pair { birth: pixel, death: Some(death) });
                }
            }
        };
        neighbours(pixel, picture.len(), width, false, &mut join);
        let (x, y) = (pixel % width, pixel / width);
        if x == 0 || y == 0 || x + 1 == width || y + 1 == height {
            join(outside);
        }
    }
    pairs
}

/// The neighbours of a pixel by sides, and by corners too.
fn neighbours(pixel: usize, count: usize, width: usize, corners: bool, mut visit: impl FnMut(usize)) {
    let (x, y) = ((pixel % width) as isize, (pixel / width) as isize);
    let height = (count / width) as isize;
    for (right, down) in [(0, -1), (-1, 0), (1, 0), (0, 1), (-1, -1), (1, -1), (-1, 1), (1, 1)] {
        let (x, y) = (x + right, y + down);
        let is_corner = right != 0 && down != 0;
        if (corners || !is_corner) && (0..width as isize).contains(&x) && (0..height).contains(&y) {
            visit((y * width as isize + x) as usize);
        }
    }
}

/// Trees of nodes that are connected; the root of each knows the age of its oldest node.
struct Forest {
    /// The node above; itself for a root. Nodes that were not added have none.
    above: Vec<Option<usize>>,
    /// The moment at which the tree began.
    age: Vec<usize>,
}

impl Forest {
    fn new(nodes: usize) -> Self {
        Self { above: vec![None; nodes], age: vec![0; nodes] }
    }

    fn add(&mut self, node: usize, age: usize) {
        self.above[node] = Some(node);
        self.age[node] = age;
    }

    fn root(&mut self, mut node: usize) -> Option<usize> {
        loop {
            let above = self.above[node]?;
            if above == node {
                return Some(node);
            }
            // halves the way for the next search
            self.above[node] = self.above[above];
            node = above;
        }
    }

    /// Joins two trees: the age of the younger, unless they are one, or a node was not added yet.
    fn join(&mut self, one: usize, other: usize) -> Option<usize> {
        let (one, other) = (self.root(one)?, self.root(other)?);
        if one == other {
            return None;
        }
        let (older, younger) = if self.age[one] < self.age[other] { (one, other) } else { (other, one) };
        self.above[younger] = Some(older);
        Some(self.age[younger])
    }
}

#[cfg(test)]
mod tests {
    use super::{components, holes};

    /// Births and deaths of the pairs, largest birth first.
    fn values(pairs: &[super::Pair], picture: &[f64]) -> Vec<(f64, Option<f64>)> {
        let mut values: Vec<_> =
            pairs.iter().map(|pair| (picture[pair.birth], pair.death.map(|pixel| picture[pixel]))).collect();
        values.sort_by(|one, other| other.0.total_cmp(&one.0));
        values
    }

    #[test]
    fn the_reference_picture_has_the_reference_pairs() {
        // `CubicalComplex` of gudhi 3.13, on 1 - picture: tests/reference/losses.py
        #[rustfmt::skip]
        let picture = [
            0.9, 0.8, 0.1, 0.2, 0.7,
            0.8, 0.9, 0.2, 0.1, 0.8,
            0.2, 0.3, 0.1, 0.2, 0.3,
            0.1, 0.6, 0.65, 0.1, 0.1,
            0.1, 0.6, 0.2, 0.1, 0.4,
        ];
        let found = values(&components(&picture, 5), &picture);
        assert_eq!(found, [(0.9, None), (0.8, Some(0.2)), (0.65, Some(0.3)), (0.4, Some(0.1))]);
        assert_eq!(values(&holes(&picture, 5), &picture), [(0.2, Some(0.1)); 2]);
    }

    #[test]
    fn a_ring_is_a_component_with_a_hole() {
        let ring: Vec<f64> = (0..49)
            .map(|index| f64::from(u8::from(((index % 7_i32 - 3).abs()).max((index / 7 - 3).abs()) == 2)))
            .collect();
        assert_eq!((components(&ring, 7).len(), holes(&ring, 7).len()), (1, 1));
        let (empty, full) = ([0.0; 9], [1.0; 9]);
        assert_eq!((components(&empty, 3).len(), holes(&empty, 3).len()), (0, 0));
        assert_eq!((components(&full, 3).len(), holes(&full, 3).len()), (1, 0));
    }
}
