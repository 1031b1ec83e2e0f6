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

/// Resizes a case into `image` `[3, size, size]` and `mask` `[size, size]`, where more than half of a pixel must be lesion.
pub(super) fn resize(case: &Case, size: u32, image: &mut [u8], mask: &mut [u8]) -> Result<(), ResizeError> {
    let view = TypedImageRef::<U8x3>::from_buffer(case.width, case.height, &case.image);
    let view = view.map_err(|_| ResizeError::PixelTypesAreDifferent)?;
    let side = size as usize;
    let (red, rest) = image.split_at_mut(side * side);
    let (green, blue) = rest.split_at_mut(side * side);
    for (index, pixel) in square(&view, size)?.pixels().iter().enumerate() {
        [red[index], green[index], blue[index]] = pixel.0;
    }
    let pixels: Vec<_> = case.mask.iter().map(|lesion| U16::new(u16::from(*lesion) * LESION)).collect();
    let view = TypedImageRef::new(case.width, case.height, &pixels);
    let view = view.map_err(|_| ResizeError::PixelTypesAreDifferent)?;
    for (resized, pixel) in mask.iter_mut().zip(square(&view, size)?.pixels()) {
        *resized = u8::from(pixel.0 > LESION / 2);
    }
    Ok(())
}

fn square<P: PixelTrait>(source: &TypedImageRef<'_, P>, size: u32) -> Result<TypedImage<'static, P>, ResizeError> {
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    let mut square = TypedImage::new(size, size);
    Resizer::new().resize_typed(source, &mut square, &options)?;
    Ok(square)
}
