//! Example segmentations: test cases from the best to the worst, each drawn as image, probabilities, predicted mask and true mask,
//! side by side. Knows no files: a picture is the bytes of a PNG.

use crate::data::CaseSet;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ImageError, Rgb, RgbImage, imageops};
use proto::extras::Artifact;
use proto::measure::CaseCounts;

/// Longest side of a drawn image, pixels.
const MAX_SIDE: u32 = 256;

/// A test case that is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    pub(super) case: u32,
    /// 1 is the best.
    rank: u32,
    of: u32,
    iou: f64,
}

/// `count` of the cases, evenly spread from the best to the worst by IoU: with three the best, the median and the worst; one is the
/// median. Of equals the one with the lower index is better.
pub(super) fn choose(cases: &[CaseCounts], count: u32) -> Vec<Choice> {
    let mut sorted: Vec<_> = cases.iter().map(|case| (case.counts.iou(), case.case)).collect();
    sorted.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    let last = sorted.len().saturating_sub(1);
    let place = |index: u32| match count {
        1 => last / 2,
        _ => (index as usize * last) / (count as usize - 1),
    };
    let mut places: Vec<_> = (0..count).map(place).collect();
    places.dedup();
    let choice = |place: usize| {
        let &(iou, case) = sorted.get(place)?;
        Some(Choice { case, rank: place as u32 + 1, of: sorted.len() as u32, iou })
    };
    places.into_iter().filter_map(choice).collect()
}

/// Draws the chosen cases, whose logits these are, `[image_size, image_size]` each. Pictures that would be too large together are drawn
/// at half the size.
///
/// # Errors
/// If a picture cannot be encoded.
pub(super) fn draw(choices: &[Choice], logits: &[Vec<f32>], cases: &CaseSet) -> Result<Vec<Artifact>, ImageError> {
    let mut side = cases.image_size.min(MAX_SIDE);
    loop {
        let draw = |(choice, logits): (&Choice, &Vec<f32>)| {
            let &Choice { case, rank, of, iou } = choice;
            Ok(Artifact { case, rank, of, iou, png: png(&strip(case, logits, cases, side))? })
        };
        let artifacts = choices.iter().zip(logits).map(draw).collect::<Result<Vec<_>, ImageError>>()?;
        let bytes: usize = artifacts.iter().map(|artifact| artifact.png.len()).sum();
        if bytes <= Artifact::MAX_BYTES {
            return Ok(artifacts);
        }
        side /= 2;
    }
}

fn strip(case: u32, logits: &[f32], cases: &CaseSet, side: u32) -> RgbImage {
    let size = cases.image_size;
    let (colours, mask) = (cases.image(case), cases.mask(case));
    let pixels = mask.len();
    let grey = |share: f32| Rgb([(255.0 * share).round() as u8; 3]);
    let is = |truth: bool| Rgb([if truth { 255 } else { 0 }; 3]);
    let parts: [&dyn Fn(usize) -> Rgb<u8>; 4] = [
        &|pixel| Rgb([colours[pixel], colours[pixels + pixel], colours[2 * pixels + pixel]]),
        &|pixel| grey(1.0 / (1.0 + (-logits[pixel]).exp())),
        &|pixel| is(logits[pixel] >= 0.0),
        &|pixel| is(mask[pixel] != 0),
    ];
    let mut strip = RgbImage::new(4 * side, side);
    for (x, part) in (0..).step_by(side as usize).zip(parts) {
        let whole = RgbImage::from_fn(size, size, |x, y| part((y * size + x) as usize));
        imageops::replace(&mut strip, &imageops::thumbnail(&whole, side, side), x, 0);
    }
    strip
}

fn png(picture: &RgbImage) -> Result<Vec<u8>, ImageError> {
    let mut bytes = Vec::new();
    picture.write_with_encoder(PngEncoder::new_with_quality(
        &mut bytes,
        CompressionType::Best,
        FilterType::Adaptive,
    ))?;
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::seed::stream;
    use proto::data::Inventory;
    use proto::ids::ContentHash;
    use proto::measure::Counts;
    use rand::Rng;

    /// Cases with these intersections over unions, in percent; their indices count down.
    fn cases(ious: &[u32]) -> Vec<CaseCounts> {
        let counts = |&tp: &u32| Counts { tp, fp: 100 - tp, fn_: 0, tn: 0 };
        (0..ious.len() as u32).rev().zip(ious).map(|(case, iou)| CaseCounts { case, counts: counts(iou) }).collect()
    }

    #[test]
    fn examples_reach_from_the_best_to_the_worst() {
        let chosen = |ious: &[u32], count| -> Vec<_> {
            choose(&cases(ious), count)
                .iter()
                .map(|choice| (choice.rank, (100.0 * choice.iou).round() as u32))
                .collect()
        };
        assert_eq!(chosen(&[10, 90, 50, 30, 70], 3), [(1, 90), (3, 50), (5, 10)]);
        assert_eq!(chosen(&[10, 90, 50, 30], 3), [(1, 90), (2, 50), (4, 10)]);
        assert_eq!(chosen(&[10, 90, 50, 30, 70], 1), [(3, 50)]);
        assert_eq!(chosen(&[10, 90], 3), [(1, 90), (2, 10)]);
        assert_eq!(chosen(&[10, 90], 0), []);
        assert_eq!(chosen(&[], 3), []);
        let equals = choose(&cases(&[50, 50]), 2);
        assert_eq!((equals[0].case, equals[1].case), (0, 1));
    }

    /// One case of `size` x `size` pixels: its left half is red and lesion, its right half blue and skin.
    fn halves(size: usize) -> CaseSet {
        let left = |pixel: usize| pixel % size < size / 2;
        let channel = |on: bool, lit: bool| (0..size * size).map(move |pixel| u8::from(left(pixel) == lit && on) * 255);
        let images = channel(true, true).chain(channel(false, true)).chain(channel(true, false)).collect();
        let inventory = Inventory::new(ContentHash(0), vec!["a".to_owned()]);
        let masks = (0..size * size).map(|pixel| u8::from(left(pixel))).collect();
        CaseSet::new(inventory, size as u32, images, masks)
    }

    #[test]
    fn a_picture_shows_image_probabilities_prediction_and_truth() {
        let choice = Choice { case: 0, rank: 1, of: 1, iou: 1.0 };
        // the top half is predicted foreground with probability 3/4, the rest background with 1/4
        let logits: Vec<f32> = (0..64).map(|pixel| if pixel < 32 { 3f32.ln() } else { -3f32.ln() }).collect();
        let drawn = draw(&[choice], &[logits], &halves(8)).unwrap();
        let picture = image::load_from_memory(&drawn[0].png).unwrap().into_rgb8();
        assert_eq!(picture.dimensions(), (32, 8));
        let pixel = |part: u32, right: u32, bottom: u32| picture.get_pixel(8 * part + 7 * right, 7 * bottom).0;
        assert_eq!([pixel(0, 0, 0), pixel(0, 1, 1)], [[255, 0, 0], [0, 0, 255]]);
        assert_eq!([pixel(1, 0, 0), pixel(1, 0, 1)], [[191; 3], [64; 3]]);
        assert_eq!([pixel(2, 1, 0), pixel(2, 0, 1)], [[255; 3], [0; 3]]);
        assert_eq!([pixel(3, 0, 1), pixel(3, 1, 0)], [[255; 3], [0; 3]]);
    }

    #[test]
    fn pictures_that_do_not_fit_are_drawn_smaller() {
        // noise, which nothing compresses
        let mut cases = halves(256);
        let mut noise = cases.images.to_vec();
        stream("noise", &[]).fill_bytes(&mut noise);
        cases.images = noise.into();
        let choices = [1, 2, 3].map(|rank| Choice { case: 0, rank, of: 3, iou: 0.5 });
        let drawn = draw(&choices, &vec![vec![0.0; 256 * 256]; 3], &cases).unwrap();
        let bytes: usize = drawn.iter().map(|artifact| artifact.png.len()).sum();
        assert!(bytes <= Artifact::MAX_BYTES, "{bytes}");
        let picture = image::load_from_memory(&drawn[0].png).unwrap();
        assert_eq!((picture.width(), picture.height()), (512, 128));
    }
}
