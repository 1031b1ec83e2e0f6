//! A segmentation without training: what is dark in the blue channel, cleaned up. Skin lesions are darkest there.
//!
//! ```text
//!  blue --Otsu's threshold--> dark pixels --opening, 2 x--> no hairs --> largest region without a corner --> holes filled
//! ```
//!
//! A region that reaches into a corner of the image is the shadow of the lens. Neighbours are the four pixels that share an edge.

/// Erosions, and then dilations, of the opening.
const OPENINGS: usize = 2;

/// Segments an image, `[3, size, size]`: red, green and blue, 0 to 255.
#[must_use]
pub fn segment(image: &[u8], size: usize) -> Vec<bool> {
    let blue = &image[2 * size * size..];
    let level = threshold(blue);
    let mut mask: Vec<bool> = blue.iter().map(|&pixel| pixel <= level).collect();
    for _ in 0..OPENINGS {
        mask = eroded(&mask, size);
    }
    for _ in 0..OPENINGS {
        mask = dilated(&mask, size);
    }
    filled(&largest(&mask, size), size)
}

/// The level t that splits the histogram into `<= t` and `> t` with the greatest variance between them, the first of equals; 0 if
/// all values are equal (Otsu 1979, doi 10.1109/TSMC.1979.4310076).
fn threshold(values: &[u8]) -> u8 {
    let mut counts = [0u64; 256];
    for &value in values {
        counts[usize::from(value)] += 1;
    }
    let moment =
        |levels: &[u64], first: usize| -> u64 { (first as u64..).zip(levels).map(|(level, n)| level * n).sum() };
    let (all, total) = (values.len() as u64, moment(&counts, 0));
    let (mut below, mut below_total) = (0, 0);
    let mut best = (0.0, 0);
    for (level, count) in (0u8..255).zip(counts) {
        below += count;
        below_total += u64::from(level) * count;
        let above = all - below;
        if below > 0 && above > 0 {
            // the difference of the means times both numbers of pixels, exact
            let gap = (i128::from(below_total) * i128::from(above)
                - i128::from(total - below_total) * i128::from(below)) as f64;
            let between = gap * gap / (below as f64 * above as f64);
            if between > best.0 {
                best = (between, level);
            }
        }
    }
    best.1
}

/// Pixels whose neighbours are all set; beyond the edge nothing is.
fn eroded(mask: &[bool], size: usize) -> Vec<bool> {
    let kept = |pixel: usize| mask[pixel] && neighbours(pixel, size).all(|next| next.is_some_and(|next| mask[next]));
    (0..mask.len()).map(kept).collect()
}

/// Pixels that are set or have a neighbour that is.
fn dilated(mask: &[bool], size: usize) -> Vec<bool> {
    let reached = |pixel: usize| mask[pixel] || neighbours(pixel, size).flatten().any(|next| mask[next]);
    (0..mask.len()).map(reached).collect()
}

/// The largest region without a corner, the first of equals; nothing if there is none.
fn largest(mask: &[bool], size: usize) -> Vec<bool> {
    let corners = [0, size - 1, size * (size - 1), size * size - 1];
    let mut seen = vec![false; mask.len()];
    let mut best = Vec::new();
    for start in 0..mask.len() {
        if mask[start] && !seen[start] {
            let region = flood(&mut seen, vec![start], |pixel| mask[pixel], size);
            if region.len() > best.len() && !corners.iter().any(|corner| region.contains(corner)) {
                best = region;
            }
        }
    }
    let mut largest = vec![false; mask.len()];
    for pixel in best {
        largest[pixel] = true;
    }
    largest
}

/// The mask with what cannot be reached from the edge of the image.
fn filled(mask: &[bool], size: usize) -> Vec<bool> {
    let at_edge = |pixel: &usize| neighbours(*pixel, size).any(|next| next.is_none());
    let edge = (0..mask.len()).filter(at_edge).filter(|&pixel| !mask[pixel]).collect();
    let mut outside = vec![false; mask.len()];
    flood(&mut outside, edge, |pixel| !mask[pixel], size);
    outside.iter().map(|outside| !outside).collect()
}

/// The pixels that `inside` joins to `from`. They are marked as seen.
fn flood(seen: &mut [bool], from: Vec<usize>, inside: impl Fn(usize) -> bool, size: usize) -> Vec<usize> {
    let mut region = from;
    for &pixel in &region {
        seen[pixel] = true;
    }
    let mut next = 0;
    while let Some(&pixel) = region.get(next) {
        next += 1;
        for neighbour in neighbours(pixel, size).flatten() {
            if inside(neighbour) && !seen[neighbour] {
                seen[neighbour] = true;
                region.push(neighbour);
            }
        }
    }
    region
}

/// Above, left, right, below; `None` beyond the edge.
fn neighbours(pixel: usize, size: usize) -> impl Iterator<Item = Option<usize>> {
    let (row, column) = (pixel / size, pixel % size);
    [
        (row > 0).then(|| pixel - size),
        (column > 0).then(|| pixel - 1),
        (column + 1 < size).then(|| pixel + 1),
        (row + 1 < size).then(|| pixel + size),
    ]
    .into_iter()
}
