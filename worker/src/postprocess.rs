//! What is done to predicted masks before they are counted: the largest component, and holes.
//!
//! Foreground pixels touch their eight neighbours, background pixels the four beside them: otherwise a diagonal line would both part the
//! background and let it through. So do `scipy.ndimage.label` with a full structure, and `binary_fill_holes`.

use proto::spec::Postprocess;

/// Foreground.
const FOREGROUND: u8 = 1;

/// Post-processes a mask of 0 and 1 with rows of `width` pixels.
pub fn apply(postprocess: Postprocess, mask: &mut [u8], width: usize) {
    if matches!(postprocess, Postprocess::LargestComponent | Postprocess::Both) {
        keep_largest(mask, width);
    }
    if matches!(postprocess, Postprocess::FillHoles | Postprocess::Both) {
        fill_holes(mask, width);
    }
}

/// Removes all components but the largest; of equals the one that begins first, row by row, stays.
fn keep_largest(mask: &mut [u8], width: usize) {
    let mut seen = vec![false; mask.len()];
    let mut largest = Vec::new();
    for start in 0..mask.len() {
        if mask[start] == FOREGROUND && !seen[start] {
            let component = component(start, width, &mut seen, true, |pixel| mask[pixel] == FOREGROUND);
            if component.len() > largest.len() {
                largest = component;
            }
        }
    }
    mask.fill(1 - FOREGROUND);
    largest.into_iter().for_each(|pixel| mask[pixel] = FOREGROUND);
}

/// Makes background foreground that no way leads from to the edge.
fn fill_holes(mask: &mut [u8], width: usize) {
    let mut outside = vec![false; mask.len()];
    for start in 0..mask.len() {
        let (row, column) = (start / width, start % width);
        let at_edge = row == 0 || column == 0 || column == width - 1 || start + width >= mask.len();
        if at_edge && mask[start] != FOREGROUND && !outside[start] {
            component(start, width, &mut outside, false, |pixel| mask[pixel] != FOREGROUND);
        }
    }
    for (pixel, outside) in mask.iter_mut().zip(outside) {
        *pixel = if outside { 1 - FOREGROUND } else { FOREGROUND };
    }
}

/// The pixels of the kind of `start` that hang together with it, all of which are then `seen`.
fn component(
    start: usize,
    width: usize,
    seen: &mut [bool],
    diagonals: bool,
    is_of_kind: impl Fn(usize) -> bool,
) -> Vec<usize> {
    let height = seen.len() / width;
    let mut found = vec![start];
    seen[start] = true;
    let mut next = 0;
    while let Some(&pixel) = found.get(next) {
        next += 1;
        let (row, column) = (pixel / width, pixel % width);
        for y in row.saturating_sub(1)..=(row + 1).min(height - 1) {
            for x in column.saturating_sub(1)..=(column + 1).min(width - 1) {
                let neighbour = y * width + x;
                if (diagonals || y == row || x == column) && !seen[neighbour] && is_of_kind(neighbour) {
                    seen[neighbour] = true;
                    found.push(neighbour);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;
    use std::path::Path;

    /// Masks of many components and holes, and what scipy makes of them: `tests/reference/postprocess.py`.
    #[test]
    fn masks_are_post_processed_as_by_scipy() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/postprocess.json");
        let reference: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let width = reference["width"].as_u64().unwrap() as usize;
        let mask = |text: &serde_json::Value| -> Vec<u8> { text.as_str().unwrap().bytes().map(|c| c - b'0').collect() };
        let cases = reference["masks"].as_array().unwrap();
        assert!(cases.len() >= 8);
        for case in cases {
            for postprocess in Postprocess::ALL {
                let mut found = mask(&case["none"]);
                apply(*postprocess, &mut found, width);
                assert_eq!(found, mask(&case[postprocess.name()]), "{postprocess}");
            }
        }
    }
}
