//! An example segmentation with the outlines of both masks drawn on the image. Knows pixels, no sweep.
//!
//! A worker hands in a strip of four squares: image, probabilities, predicted mask, true mask. The page shows one more between the first
//! two: the image, with the true outline in green and the predicted one in orange; where they coincide, both colours alternate.

use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Transformations};
use std::io::Cursor;

/// Squares of the strip that a worker hands in.
const GIVEN: usize = 4;
/// Maximum height of a square, pixels: that of the largest image that is trained on.
const MAX_SIDE: usize = 4096;
/// Least height of a square in which outlines are drawn, pixels: smaller images are enlarged by a whole factor.
const LEAST_SIDE: usize = 192;
/// The colour of the true outline.
const TRUE: Rgb = [0, 200, 83];
/// The colour of the predicted outline.
const PREDICTED: Rgb = [255, 109, 0];

type Rgb = [u8; 3];

/// A picture: its rows, from above.
struct Picture {
    width: usize,
    pixels: Vec<Rgb>,
}

impl Picture {
    fn height(&self) -> usize {
        self.pixels.len() / self.width
    }

    fn at(&self, x: usize, y: usize) -> Rgb {
        self.pixels[y * self.width + x]
    }

    /// The strip in a PNG; `None` if it is none.
    fn read(png: &[u8]) -> Option<Self> {
        let mut decoder = Decoder::new(Cursor::new(png));
        decoder.set_transformations(Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().ok()?;
        let (width, height) = (reader.info().width as usize, reader.info().height as usize);
        if height == 0 || height > MAX_SIDE || width != GIVEN * height {
            return None;
        }
        let mut bytes = vec![0; reader.output_buffer_size()?];
        let frame = reader.next_frame(&mut bytes).ok()?;
        let bytes = &bytes[..frame.buffer_size()];
        let pixels = match frame.color_type {
            ColorType::Rgb => bytes.chunks_exact(3).map(|rgb| [rgb[0], rgb[1], rgb[2]]).collect(),
            ColorType::Grayscale => bytes.iter().map(|grey| [*grey; 3]).collect(),
            _ => return None,
        };
        Some(Self { width, pixels })
    }

    fn written(&self) -> Option<Vec<u8>> {
        let mut png = Vec::new();
        let mut encoder = Encoder::new(&mut png, u32::try_from(self.width).ok()?, u32::try_from(self.height()).ok()?);
        encoder.set_color(ColorType::Rgb);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_compression(Compression::Balanced);
        let mut writer = encoder.write_header().ok()?;
        writer.write_image_data(self.pixels.as_flattened()).ok()?;
        writer.finish().ok()?;
        Some(png)
    }
}

/// A square of a strip that is white where a mask is, enlarged by a whole factor.
struct Mask<'a> {
    strip: &'a Picture,
    square: usize,
    factor: usize,
}

impl Mask<'_> {
    fn has(&self, x: usize, y: usize) -> bool {
        let side = self.strip.height();
        self.strip.at(self.square * side + x / self.factor, y / self.factor)[0] >= 128
    }

    /// Whether a pixel is of the mask and a neighbour is not; the edge of the image is no outline.
    fn is_outline(&self, x: usize, y: usize) -> bool {
        let last = self.strip.height() * self.factor - 1;
        let around =
            [(x.saturating_sub(1), y), ((x + 1).min(last), y), (x, y.saturating_sub(1)), (x, (y + 1).min(last))];
        self.has(x, y) && around.into_iter().any(|(x, y)| !self.has(x, y))
    }
}

/// The strip with the outlines beside the image: five squares. `None` if it is not a strip of four squares, as of a worker of another
/// version.
#[must_use]
pub(super) fn with_outlines(png: &[u8]) -> Option<Vec<u8>> {
    let strip = Picture::read(png)?;
    let side = strip.height();
    let factor = LEAST_SIDE.div_ceil(side);
    let [predicted, truth] = [2, 3].map(|square| Mask { strip: &strip, square, factor });
    let outlined = |x: usize, y: usize| match (truth.is_outline(x, y), predicted.is_outline(x, y)) {
        (true, true) if ((x + y) / 3).is_multiple_of(2) => TRUE,
        (_, true) => PREDICTED,
        (true, false) => TRUE,
        (false, false) => strip.at(x / factor, y / factor),
    };
    let size = side * factor;
    let mut pixels = Vec::with_capacity(size * size * (GIVEN + 1));
    for y in 0..size {
        pixels.extend((0..size).map(|x| strip.at(x / factor, y / factor)));
        pixels.extend((0..size).map(|x| outlined(x, y)));
        pixels.extend((size..GIVEN * size).map(|x| strip.at(x / factor, y / factor)));
    }
    Picture { width: size * (GIVEN + 1), pixels }.written()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;

    /// Four squares of 8 pixels: a grey image, grey probabilities, and two masks, each a square of white.
    fn strip(predicted: std::ops::Range<usize>, truth: std::ops::Range<usize>) -> Vec<u8> {
        let pixel = |x: usize, y: usize| {
            let mask = match x / 8 {
                2 => &predicted,
                3 => &truth,
                _ => return [90; 3],
            };
            [if mask.contains(&(x % 8)) && mask.contains(&y) { 255 } else { 0 }; 3]
        };
        let pixels = (0..8).flat_map(|y| (0..32).map(move |x| (x, y))).map(|(x, y)| pixel(x, y)).collect();
        Picture { width: 32, pixels }.written().unwrap()
    }

    /// The five squares, read back.
    fn read(png: &[u8]) -> (usize, Vec<Rgb>) {
        let mut reader = Decoder::new(Cursor::new(png)).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut bytes).unwrap();
        (reader.info().width as usize, bytes.chunks_exact(3).map(|rgb| [rgb[0], rgb[1], rgb[2]]).collect())
    }

    #[test]
    fn each_mask_has_its_outline_on_the_image() {
        let (width, pixels) = read(&with_outlines(&strip(1..4, 2..7)).unwrap());
        let factor = LEAST_SIDE / 8;
        assert_eq!((width, pixels.len()), (5 * LEAST_SIDE, 5 * LEAST_SIDE * LEAST_SIDE));
        let at = |square: usize, x: usize, y: usize| pixels[y * width + square * LEAST_SIDE + x];
        assert_eq!((at(0, 0, 0), at(1, 0, 0), at(2, 0, 0)), ([90; 3], [90; 3], [90; 3]));
        assert_eq!(at(1, factor, factor), PREDICTED);
        assert_eq!(at(1, 7 * factor - 1, 7 * factor - 1), TRUE);
        assert_eq!(at(1, factor + 3, factor + 3), [90; 3], "inside of an outline is the image");
        assert_eq!(
            (at(3, 2 * factor, 2 * factor), at(4, factor, factor)),
            ([255; 3], [0; 3]),
            "the masks stay as they were"
        );
        let count = |colour: Rgb| pixels.iter().filter(|pixel| **pixel == colour).count();
        let around = |side: usize| 4 * (side * factor - 1);
        assert_eq!(count(PREDICTED) + count(TRUE), around(3) + around(5) - 2, "they cross at two pixels");
    }

    #[test]
    fn outlines_that_coincide_show_both_colours_and_the_edge_is_none() {
        let (_, pixels) = read(&with_outlines(&strip(2..5, 2..5)).unwrap());
        let count = |colour: Rgb| pixels.iter().filter(|pixel| **pixel == colour).count();
        assert!(count(TRUE) > 50 && count(PREDICTED) > 50);
        let (_, pixels) = read(&with_outlines(&strip(0..8, 0..8)).unwrap());
        assert!(!pixels.contains(&TRUE) && !pixels.contains(&PREDICTED), "a mask that fills the image");
    }

    #[test]
    fn what_is_no_strip_is_left_as_it_is() {
        assert_eq!(with_outlines(b"\x89PNG"), None);
        let square = Picture { width: 8, pixels: vec![[0; 3]; 64] }.written().unwrap();
        assert_eq!(with_outlines(&square), None);
    }
}
