//! Bytes of an image file -> pixels. The header is judged before anything is allocated for the pixels.

use super::DataError;
use image::error::{DecodingError, ImageFormatHint};
use image::{DynamicImage, GrayImage, ImageError, ImageFormat, ImageReader, ImageResult, Limits, RgbImage};
use std::io::Cursor;
use std::path::Path;

/// The largest side of an image, and the largest size to resize to, pixels.
pub const MAX_SIDE: u32 = 4096;

/// The least grey level that is lesion: above half of white.
const LESION: u8 = 128;

/// Decodes an image: `[height, width, 3]`, 0 to 255.
pub(super) fn image(path: &Path, bytes: &[u8]) -> Result<RgbImage, DataError> {
    Ok(decode(path, bytes)?.into_rgb8())
}

/// Decodes a mask: `[height, width]`, 1 where it is bright, else 0.
pub(super) fn mask(path: &Path, bytes: &[u8]) -> Result<GrayImage, DataError> {
    let mut mask = decode(path, bytes)?.into_luma8();
    let brightest = mask.iter().copied().max().unwrap_or(0);
    if (1..LESION).contains(&brightest) {
        return Err(DataError::FaintMask { path: path.to_owned(), brightest });
    }
    mask.iter_mut().for_each(|pixel| *pixel = u8::from(*pixel >= LESION));
    Ok(mask)
}

fn decode(path: &Path, bytes: &[u8]) -> Result<DynamicImage, DataError> {
    let refused = |source| DataError::Decode { path: path.to_owned(), source };
    let (width, height) = reader(bytes).and_then(ImageReader::into_dimensions).map_err(refused)?;
    let sides = 1..=MAX_SIDE;
    if !sides.contains(&width) || !sides.contains(&height) {
        return Err(DataError::Extent { path: path.to_owned(), width, height, most: MAX_SIDE });
    }
    complete(bytes).and_then(|()| reader(bytes)?.decode()).map_err(refused)
}

/// A reader that allows four bytes a pixel of the largest image.
fn reader(bytes: &[u8]) -> ImageResult<ImageReader<Cursor<&[u8]>>> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(4 * u64::from(MAX_SIDE) * u64::from(MAX_SIDE));
    reader.limits(limits);
    Ok(reader)
}

/// Refuses a JPEG file without its end: the decoder would fill up with grey what is missing.
fn complete(bytes: &[u8]) -> ImageResult<()> {
    const START: &[u8] = &[0xff, 0xd8];
    const END: [u8; 2] = [0xff, 0xd9];
    if !bytes.starts_with(START) || bytes.windows(2).rev().any(|pair| pair == END) {
        return Ok(());
    }
    let format = ImageFormatHint::Exact(ImageFormat::Jpeg);
    Err(ImageError::Decoding(DecodingError::new(format, "the file ends before the end of the image")))
}
