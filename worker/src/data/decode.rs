//! Bytes of an image file -> pixels, upright. The header is judged before anything is allocated for the pixels.

use super::DataError;
use super::mask::{self, Mask};
use image::error::{DecodingError, ImageFormatHint};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, ImageResult, Limits, RgbImage};
use proto::data::MaskRule;
use std::io::{BufRead, Cursor, Seek};
use std::path::Path;

/// Maximum number of pixels of an image.
pub const MAX_PIXELS: u64 = 64_000_000;

/// Bytes per pixel of the deepest picture that is decoded: four channels of 16 bits.
const MAX_DEPTH: u64 = 8;

/// Decodes an image: `[height, width, 3]`, 0 to 255.
///
/// # Errors
/// If it cannot be decoded, or is too large.
pub(super) fn image(path: &Path, bytes: &[u8]) -> Result<RgbImage, DataError> {
    match decode(path, bytes)? {
        // their range is not known: some write 0 to 1, others 0 to 255
        DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_) => Err(DataError::Float { path: path.to_owned() }),
        picture => Ok(picture.into_rgb8()),
    }
}

/// Decodes a mask by that rule.
///
/// # Errors
/// If it cannot be decoded, is too large, or does not say what is lesion.
pub(super) fn mask(path: &Path, bytes: &[u8], rule: &MaskRule) -> Result<Mask, DataError> {
    mask::read(decode(path, bytes)?, rule).map_err(|problem| {
        let (found, remedy) = (problem.to_string(), problem.remedy());
        DataError::Mask { path: path.to_owned(), found, remedy }
    })
}

/// Whether the picture has to be turned or mirrored to be upright. A file that cannot be decoded has not.
pub(super) fn is_turned(file: impl BufRead + Seek) -> bool {
    let Ok(reader) = ImageReader::new(file).with_guessed_format() else { return false };
    let may_be_turned = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Tiff];
    reader.format().is_some_and(|format| may_be_turned.contains(&format))
        && reader.into_decoder().is_ok_and(|mut decoder| orientation(&mut decoder) != Orientation::NoTransforms)
}

fn decode(path: &Path, bytes: &[u8]) -> Result<DynamicImage, DataError> {
    let refused = |source| match source {
        ImageError::Unsupported(_) if is_known(bytes) => DataError::Unsupported { path: path.to_owned(), source },
        _ => DataError::Decode { path: path.to_owned(), source },
    };
    let (width, height) = reader(bytes).and_then(ImageReader::into_dimensions).map_err(refused)?;
    if !(1..=MAX_PIXELS).contains(&(u64::from(width) * u64::from(height))) {
        return Err(DataError::Extent { path: path.to_owned(), width, height, most: MAX_PIXELS });
    }
    complete(bytes).and_then(|()| upright(reader(bytes)?)).map_err(refused)
}

/// Decodes a picture and turns it as its file says.
fn upright(reader: ImageReader<Cursor<&[u8]>>) -> ImageResult<DynamicImage> {
    let mut decoder = reader.into_decoder()?;
    let orientation = orientation(&mut decoder);
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// What turns the picture upright; nothing, if the file's words on it cannot be read.
fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}

/// A reader that allows what the largest image needs.
fn reader(bytes: &[u8]) -> ImageResult<ImageReader<Cursor<&[u8]>>> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DEPTH * MAX_PIXELS);
    reader.limits(limits);
    Ok(reader)
}

/// Whether the file is of a format that is read.
fn is_known(bytes: &[u8]) -> bool {
    reader(bytes).is_ok_and(|reader| reader.format().is_some_and(|format| format.reading_enabled()))
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
