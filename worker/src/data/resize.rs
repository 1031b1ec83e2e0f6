//! Case of any size -> square of one size.
//!
//! Images and masks go through the same triangle filter, which is widened when it shrinks (anti-aliasing) and is plain bilinear
//! interpolation when it enlarges: Pillow's `BILINEAR`. Everything is computed in integers, so every machine gets the same bytes.

use super::Case;
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8x3, U16};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeError, ResizeOptions, Resizer};

/// A mask's lesion while it is resized. Even, so that half of it is a number and `> half` is exact.
const LESION: u16 = u16::MAX - 1;

/// Rows of a mask that are narrowed at a time: so few that they stay in the processor's cache.
const STRIPE: usize = 128;

/// Resizes a case into `image` `[3, size, size]` and `mask` `[size, size]`, where more than half of a pixel must be lesion.
pub(super) fn resize(case: &Case, size: u32, image: &mut [u8], mask: &mut [u8]) -> Result<(), ResizeError> {
    self::image(case.width, case.height, &case.image, size, image)?;
    let narrow = narrow(case, size)?;
    let view = view_of(&narrow, size, case.height)?;
    for (resized, pixel) in mask.iter_mut().zip(resized(&view, size, size)?.pixels()) {
        *resized = u8::from(pixel.0 > LESION / 2);
    }
    Ok(())
}

/// Resizes an image `[height, width, 3]` into `[3, size, size]`.
pub(super) fn image(width: u32, height: u32, image: &[u8], size: u32, into: &mut [u8]) -> Result<(), ResizeError> {
    let view = TypedImageRef::<U8x3>::from_buffer(width, height, image);
    let view = view.map_err(|_| ResizeError::PixelTypesAreDifferent)?;
    let side = size as usize;
    let (red, rest) = into.split_at_mut(side * side);
    let (green, blue) = rest.split_at_mut(side * side);
    for (index, pixel) in resized(&view, size, size)?.pixels().iter().enumerate() {
        [red[index], green[index], blue[index]] = pixel.0;
    }
    Ok(())
}

/// The mask, narrowed: `[height, size]`. The filter takes rows by themselves, and columns only then.
fn narrow(case: &Case, size: u32) -> Result<Vec<U16>, ResizeError> {
    let width = case.width as usize;
    let mut narrow = Vec::with_capacity(size as usize * case.height as usize);
    let mut stripe = Vec::with_capacity(STRIPE * width);
    for rows in case.mask.chunks(STRIPE * width) {
        let height = rows.len() / width;
        if rows.iter().fold(0, |any, pixel| any | pixel) == 0 {
            narrow.resize(narrow.len() + height * size as usize, U16::new(0));
            continue;
        }
        stripe.clear();
        stripe.extend(rows.iter().map(|lesion| U16::new(u16::from(*lesion) * LESION)));
        let view = view_of(&stripe, case.width, height as u32)?;
        narrow.extend_from_slice(resized(&view, size, height as u32)?.pixels());
    }
    Ok(narrow)
}

fn view_of<P: PixelTrait>(pixels: &[P], width: u32, height: u32) -> Result<TypedImageRef<'_, P>, ResizeError> {
    TypedImageRef::new(width, height, pixels).map_err(|_| ResizeError::PixelTypesAreDifferent)
}

fn resized<P: PixelTrait>(
    source: &TypedImageRef<'_, P>,
    width: u32,
    height: u32,
) -> Result<TypedImage<'static, P>, ResizeError> {
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    let mut resized = TypedImage::new(width, height);
    Resizer::new().resize_typed(source, &mut resized, &options)?;
    Ok(resized)
}
