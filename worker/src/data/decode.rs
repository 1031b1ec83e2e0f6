//! Bytes of an image file -> pixels, upright. The header is judged before anything is allocated for the pixels.

use super::DataError;
use super::mask::{self, Mask, MaskProblem};
use super::numbers::Numbers;
use super::tiff::{self, Content, Tiff};
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
        Content::Picture(picture) => Ok(picture.into_rgb8()),
        // which of them is white is not known: some write 0 to 1, others 0 to 255
        Content::Numbers(numbers) => {
            let (found, remedy) = (numbers.found(), numbers.remedy());
            Err(DataError::Numbers { path: path.to_owned(), found, remedy })
        }
    }
}

/// Decodes a mask by that rule.
///
/// # Errors
/// If it cannot be decoded, is too large, or does not say what is lesion.
pub(super) fn mask(path: &Path, bytes: &[u8], rule: &MaskRule) -> Result<Mask, DataError> {
    let picture = match decode(path, bytes)? {
        Content::Picture(picture) => Ok(picture),
        Content::Numbers(numbers) => numbers.picture().ok_or_else(|| MaskProblem::Numbers(numbers.found())),
    };
    picture.and_then(|picture| mask::read(picture, rule)).map_err(|problem| {
        let (found, remedy) = (problem.to_string(), problem.remedy());
        DataError::Mask { path: path.to_owned(), found, remedy }
    })
}

/// Whether the picture has to be turned or mirrored to be upright. A file that cannot be decoded has not.
pub(super) fn is_turned(file: impl BufRead + Seek) -> bool {
    let Ok(reader) = ImageReader::new(file).with_guessed_format() else { return false };
    match reader.format() {
        Some(ImageFormat::Tiff) => tiff::orientation(reader.into_inner()) != Orientation::NoTransforms,
        Some(ImageFormat::Jpeg | ImageFormat::Png) => {
            reader.into_decoder().is_ok_and(|mut decoder| orientation(&mut decoder) != Orientation::NoTransforms)
        }
        _ => false,
    }
}

fn decode(path: &Path, bytes: &[u8]) -> Result<Content, DataError> {
    let refused = |source| match source {
        ImageError::Unsupported(_) if is_known(bytes) => DataError::Unsupported { path: path.to_owned(), source },
        _ => DataError::Decode { path: path.to_owned(), source },
    };
    // what is wrong with a file that cannot be opened, the crate `image` says
    let tiff = if is_tiff(bytes) { Tiff::open(bytes).ok().flatten() } else { None };
    let (width, height) = match &tiff {
        Some(tiff) => tiff.dimensions,
        None => reader(bytes).and_then(ImageReader::into_dimensions).map_err(refused)?,
    };
    if !(1..=MAX_PIXELS).contains(&(u64::from(width) * u64::from(height))) {
        return Err(DataError::Extent { path: path.to_owned(), width, height, most: MAX_PIXELS });
    }
    match tiff {
        Some(tiff) => decode_tiff(tiff).map_err(refused),
        None => complete(bytes).and_then(|()| upright(reader(bytes)?)).map(content).map_err(refused),
    }
}

/// Samples in floating point are numbers.
fn content(picture: DynamicImage) -> Content {
    let (width, height) = (picture.width(), picture.height());
    match picture {
        DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_) => {
            let values = picture.into_rgb32f().into_raw().into_iter().map(f64::from).collect();
            Content::Numbers(Numbers { width, height, channels: 3, values, orientation: Orientation::NoTransforms })
        }
        picture => Content::Picture(picture),
    }
}

fn decode_tiff(tiff: Tiff<'_>) -> ImageResult<Content> {
    let format = ImageFormatHint::Exact(ImageFormat::Tiff);
    let most = (MAX_DEPTH * MAX_PIXELS) as usize;
    tiff.decode(most).map_err(|error| ImageError::Decoding(DecodingError::new(format, error)))
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

fn is_tiff(bytes: &[u8]) -> bool {
    reader(bytes).is_ok_and(|reader| reader.format() == Some(ImageFormat::Tiff))
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
