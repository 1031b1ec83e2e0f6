//! What a prepared data set holds, for its owner: sizes of lesions, and what looks like a mistake.

use super::{CaseSet, Source};
use proto::data::{LesionShares, Summary};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// A mask that covers more than this share of the picture may be inverted.
const MOST: f64 = 0.5;
/// So may one that covers more than this share of the border.
const MOST_OF_BORDER: f64 = 0.9;

/// What the data set holds.
#[must_use]
pub fn summary(source: &Source, set: &CaseSet) -> Summary {
    let cases = 0..set.inventory.cases.len() as u32;
    let size = set.image_size as usize;
    let mut shares: Vec<f64> = set.areas().iter().map(|&area| f64::from(area) / (size * size) as f64).collect();
    let covering = cases
        .clone()
        .zip(&shares)
        .filter(|(case, share)| **share > MOST && border_share(set.mask(*case), size) > MOST_OF_BORDER);
    let seems_inverted = 2 * covering.count() > shares.len();
    shares.sort_by(f64::total_cmp);
    Summary {
        cases: cases.end,
        lesion: LesionShares {
            smallest: shares.first().copied().unwrap_or_default(),
            median: median(&shares),
            largest: shares.last().copied().unwrap_or_default(),
        },
        empty: shares.iter().filter(|share| **share == 0.0).count() as u32,
        full: shares.iter().filter(|share| **share == 1.0).count() as u32,
        seems_inverted,
        passed_over: source.passed_over.clone(),
        names: source.names.clone(),
        turned: source.turned(),
        duplicates: duplicates(set),
    }
}

fn median(sorted: &[f64]) -> f64 {
    let middle = |at: usize| sorted.get(at).copied().unwrap_or_default();
    (middle(sorted.len().saturating_sub(1) / 2) + middle(sorted.len() / 2)) / 2.0
}

/// The lesion's share of the outermost pixels of a square mask.
fn border_share(mask: &[u8], size: usize) -> f64 {
    let is_border = |at: &usize| [at / size, at % size].iter().any(|place| *place == 0 || place + 1 == size);
    let (lesion, pixels) = (0..mask.len())
        .filter(is_border)
        .fold((0u32, 0u32), |(lesion, pixels), at| (lesion + u32::from(mask[at]), pixels + 1));
    f64::from(lesion) / f64::from(pixels.max(1))
}

/// Groups of cases whose resized images are equal.
fn duplicates(set: &CaseSet) -> Vec<Vec<String>> {
    let cases = 0..set.inventory.cases.len() as u32;
    let hashes: Vec<_> = cases.into_par_iter().map(|case| blake3::hash(set.image(case))).collect();
    let mut names: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for (hash, name) in hashes.iter().zip(&set.inventory.cases) {
        names.entry(hash.as_bytes()).or_default().push(name.clone());
    }
    let mut groups: Vec<_> = names.into_values().filter(|names| names.len() > 1).collect();
    groups.sort();
    groups
}
