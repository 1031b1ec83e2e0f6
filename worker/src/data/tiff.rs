//! TIFF files of the kinds that the crate `image` refuses: palettes, grey values of two or four bits, and numbers: whole ones of more than 16
//! bits, with a sign, or in floating point.
//!
//! The crate `tiff` refuses palettes too. But it reads their indices from a copy of the file that calls them grey values.

use super::numbers::Numbers;
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use std::borrow::Cow;
use std::io::{BufRead, Cursor, Seek};
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::{SampleFormat, Tag};
use tiff::{ColorType, TiffError, TiffFormatError, TiffResult};

/// Photometric interpretations.
const BLACK_IS_ZERO: u16 = 1;
const PALETTE: u16 = 3;

/// A picture of a kind that is read here, before it is decoded.
pub(super) struct Tiff<'a> {
    decoder: Decoder<Cursor<Cow<'a, [u8]>>>,
    kind: Kind,
    /// Width and height, pixels.
    pub(super) dimensions: (u32, u32),
    orientation: Orientation,
}

/// What a sample is.
enum Kind {
    /// An index of so many bits.
    Index {
        bits: u8,
        colors: Vec<[u8; 3]>,
    },
    /// A grey value of so many bits, less than eight.
    Gray {
        bits: u8,
    },
    Number,
}

/// What was read.
pub(super) enum Content {
    Picture(DynamicImage),
    Numbers(Numbers),
}

impl<'a> Tiff<'a> {
    /// Opens a file; `None` if it is not of these kinds.
    ///
    /// # Errors
    /// If it is damaged.
    pub(super) fn open(bytes: &'a [u8]) -> TiffResult<Option<Self>> {
        let mut decoder = Decoder::new(Cursor::new(Cow::Borrowed(bytes)))?;
        let is_palette = decoder.find_tag_unsigned(Tag::PhotometricInterpretation)? == Some(PALETTE);
        if is_palette {
            let directory = decoder.ifd_pointer().and_then(|pointer| usize::try_from(pointer.0).ok());
            let Some(copy) = directory.and_then(|directory| as_gray(bytes, directory)) else { return Ok(None) };
            decoder = Decoder::new(Cursor::new(Cow::Owned(copy)))?;
        }
        let ColorType::Gray(bits) = decoder.colortype()? else { return Ok(None) };
        let formats = decoder.find_tag_unsigned_vec::<u16>(Tag::SampleFormat)?.unwrap_or_default();
        let is_unsigned = formats.iter().all(|format| *format == SampleFormat::Uint.to_u16());
        let kind = match bits {
            1 | 2 | 4 | 8 | 16 if is_palette => Kind::Index { bits, colors: colors(&mut decoder, bits)? },
            2 | 4 if is_unsigned => Kind::Gray { bits },
            32 | 64 => Kind::Number,
            8 | 16 if !is_unsigned => Kind::Number,
            _ => return Ok(None),
        };
        let (dimensions, orientation) = (decoder.dimensions()?, orientation_of(&mut decoder));
        Ok(Some(Self { decoder, kind, dimensions, orientation }))
    }

    /// Decodes the picture, of at most so many bytes, and turns it upright.
    ///
    /// # Errors
    /// If it is damaged or larger.
    pub(super) fn decode(self, most: usize) -> TiffResult<Content> {
        let mut limits = Limits::default();
        limits.decoding_buffer_size = most;
        // a whole picture may be one strip
        limits.intermediate_buffer_size = most;
        let Self { decoder, kind, dimensions: (width, height), orientation } = self;
        let samples = decoder.with_limits(limits).read_image()?;
        let picture = match kind {
            Kind::Number => {
                let values = numbers(samples);
                return Ok(Content::Numbers(Numbers { width, height, channels: 1, values, orientation }));
            }
            Kind::Gray { bits } => {
                let scale = u8::MAX / ((1 << bits) - 1);
                let values = whole(samples, bits, width).map(|value| scale * value as u8).collect();
                GrayImage::from_raw(width, height, values).map(DynamicImage::from)
            }
            Kind::Index { bits, colors } => {
                let pixels = whole(samples, bits, width).flat_map(|index| colors[usize::from(index)]).collect();
                RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
            }
        };
        let mut picture = picture.ok_or(TiffError::IntSizeError)?;
        picture.apply_orientation(orientation);
        Ok(Content::Picture(picture))
    }
}

/// What turns the picture of a file upright.
pub(super) fn orientation(file: impl BufRead + Seek) -> Orientation {
    Decoder::new(file).map_or(Orientation::NoTransforms, |mut decoder| orientation_of(&mut decoder))
}

fn orientation_of(decoder: &mut Decoder<impl BufRead + Seek>) -> Orientation {
    let tag = decoder.find_tag_unsigned(Tag::Orientation).ok().flatten();
    tag.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms)
}

/// A copy of a file with a palette that calls the indices grey values; `None` if its directory, which begins there, is damaged.
fn as_gray(bytes: &[u8], directory: usize) -> Option<Vec<u8>> {
    let is_little = bytes.starts_with(b"II");
    let number = |at: usize, length: usize| {
        let bytes = bytes.get(at..at.checked_add(length)?)?;
        let append = |number: usize, byte: &u8| number << 8 | usize::from(*byte);
        Some(if is_little { bytes.iter().rev().fold(0, append) } else { bytes.iter().fold(0, append) })
    };
    const SHORT: usize = 3;
    // the number of entries has two bytes, an entry twelve: its tag, its type, the number of its values, and from its ninth byte the value
    let (of_count, of_entry, value) = (2usize, 12usize, 8usize);
    let mut entries = (0..number(directory, of_count)?)
        .map_while(|index| directory.checked_add(of_count)?.checked_add(of_entry.checked_mul(index)?))
        .map_while(|at| Some((at, number(at, 2)?, number(at + 2, 2)?)));
    let is_interpretation =
        |(_, tag, kind): &(_, _, _)| *tag == usize::from(Tag::PhotometricInterpretation.to_u16()) && *kind == SHORT;
    let (at, ..) = entries.find(is_interpretation)?;
    let mut copy = bytes.to_vec();
    let gray = if is_little { BLACK_IS_ZERO.to_le_bytes() } else { BLACK_IS_ZERO.to_be_bytes() };
    copy.get_mut(at + value..at + value + gray.len())?.copy_from_slice(&gray);
    Some(copy)
}

/// The palette of indices of so many bits. In some files it has 8 instead of 16 bits.
fn colors(decoder: &mut Decoder<impl BufRead + Seek>, bits: u8) -> TiffResult<Vec<[u8; 3]>> {
    let map = decoder.get_tag_u16_vec(Tag::ColorMap)?;
    let length = 1 << bits;
    if map.len() != 3 * length {
        return Err(TiffFormatError::InvalidTagValueType(Tag::ColorMap).into());
    }
    let shift = if map.iter().any(|sample| *sample > u16::from(u8::MAX)) { 8 } else { 0 };
    Ok((0..length).map(|index| [0, 1, 2].map(|channel| (map[channel * length + index] >> shift) as u8)).collect())
}

/// Whole samples of `bits` bits each, of which rows begin with a byte.
fn whole(samples: DecodingResult, bits: u8, width: u32) -> impl Iterator<Item = u16> {
    let (bits, width) = (usize::from(bits), width as usize);
    let (bytes, words) = match samples {
        DecodingResult::U8(bytes) => (bytes, Vec::new()),
        DecodingResult::U16(words) => (Vec::new(), words),
        _ => Default::default(),
    };
    let row = (width * bits).div_ceil(8).max(1);
    let narrow = (0..bytes.len() / row * width).map(move |pixel| {
        let (byte, bit) = (row * (pixel / width) + pixel % width * bits / 8, pixel % width * bits % 8);
        u16::from(bytes[byte] >> (8usize.saturating_sub(bits + bit))) & ((1 << bits.min(8)) - 1)
    });
    narrow.chain(words)
}

fn numbers(samples: DecodingResult) -> Vec<f64> {
    fn all<T>(samples: Vec<T>, number: fn(T) -> f64) -> Vec<f64> {
        samples.into_iter().map(number).collect()
    }
    match samples {
        DecodingResult::U8(samples) => all(samples, f64::from),
        DecodingResult::U16(samples) => all(samples, f64::from),
        DecodingResult::U32(samples) => all(samples, f64::from),
        DecodingResult::U64(samples) => all(samples, |sample| sample as f64),
        DecodingResult::I8(samples) => all(samples, f64::from),
        DecodingResult::I16(samples) => all(samples, f64::from),
        DecodingResult::I32(samples) => all(samples, f64::from),
        DecodingResult::I64(samples) => all(samples, |sample| sample as f64),
        DecodingResult::F16(samples) => all(samples, f64::from),
        DecodingResult::F32(samples) => all(samples, f64::from),
        DecodingResult::F64(samples) => samples,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;

    /// A file of numbers of 64 bits in one strip without compression, all 0.
    fn one_strip(width: u32, height: u32) -> Vec<u8> {
        const SHORT: u16 = 3;
        const LONG: u16 = 4;
        const FLOATING: u32 = 3;
        let entries = |offset: u32| {
            [
                (Tag::ImageWidth, LONG, width),
                (Tag::ImageLength, LONG, height),
                (Tag::BitsPerSample, SHORT, 64),
                (Tag::Compression, SHORT, 1),
                (Tag::PhotometricInterpretation, SHORT, BLACK_IS_ZERO.into()),
                (Tag::StripOffsets, LONG, offset),
                (Tag::SamplesPerPixel, SHORT, 1),
                (Tag::RowsPerStrip, LONG, height),
                (Tag::StripByteCounts, LONG, 8 * width * height),
                (Tag::SampleFormat, SHORT, FLOATING),
            ]
        };
        let (count, header) = (entries(0).len() as u32, b"II*\0\x08\0\0\0");
        let offset = header.len() as u32 + 2 + 12 * count + 4;
        let mut file = header.to_vec();
        file.extend((count as u16).to_le_bytes());
        for (tag, kind, value) in entries(offset) {
            file.extend([tag.to_u16(), kind].map(u16::to_le_bytes).concat());
            file.extend([1, value].map(u32::to_le_bytes).concat());
        }
        file.resize((offset + 4 + 8 * width * height) as usize, 0);
        file
    }

    #[test]
    fn a_strip_may_be_as_large_as_the_picture() {
        // 129 MiB
        let file = one_strip(4100, 4100);
        let decoded = Tiff::open(&file).unwrap().unwrap().decode(8 * 64_000_000).unwrap();
        let Content::Numbers(numbers) = decoded else { panic!("they are numbers") };
        assert_eq!(numbers.values.len(), 4100 * 4100);
    }
}
