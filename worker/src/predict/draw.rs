//! A prediction, drawn as large as the image.

use super::{Margins, mask, mean};
use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::F32;
use fast_image_resize::{FilterType, ResizeAlg, ResizeError, ResizeOptions, Resizer};
use image::{GrayImage, Rgb, RgbImage};
use proto::spec::Postprocess;

/// The colour of the outline.
const OUTLINE: Rgb<u8> = Rgb([0, 255, 0]);
/// The widest outline is this share of the image's shorter side.
const OUTLINE_SHARE: u32 = 200;

/// The pictures of a prediction.
#[derive(Debug)]
pub struct Pictures {
    /// 255 where lesion is predicted, else 0.
    pub mask: GrayImage,
    /// The mean probability of lesion, 0 to 255.
    pub probabilities: GrayImage,
    /// The image with the outline of the mask.
    pub overlay: RgbImage,
    /// The standard deviation of the members' probabilities, 0 to 255 for 0 to one half, which is the largest that there is; only of
    /// several members.
    pub disagreement: Option<GrayImage>,
}

/// Draws what the members of an ensemble made of an image, whose pixels they saw as `[side, side]`.
///
/// # Errors
/// If the image has no pixels.
pub fn draw(image: &RgbImage, margins: &Margins, side: u32, postprocess: Postprocess) -> Result<Pictures, ResizeError> {
    let (width, height) = image.dimensions();
    let enlarged: Margins =
        margins.iter().map(|member| enlarge(member, side, width, height)).collect::<Result<_, _>>()?;
    let middle = mean(&enlarged);
    let grey = |value: f32| (255.0 * value.clamp(0.0, 1.0)).round() as u8;
    let picture = |value: &dyn Fn(usize) -> u8| {
        GrayImage::from_fn(width, height, |x, y| [value(y as usize * width as usize + x as usize)].into())
    };
    let predicted = mask(&middle, postprocess, width);
    let mask = picture(&|pixel| 255 * predicted[pixel]);
    let deviation = |pixel: usize| {
        let squares: f32 = enlarged.iter().map(|member| (member[pixel] - middle[pixel]).powi(2)).sum();
        (squares / enlarged.len() as f32).sqrt()
    };
    Ok(Pictures {
        probabilities: picture(&|pixel| grey(middle[pixel] + 0.5)),
        overlay: outlined(image, &mask),
        disagreement: (margins.len() > 1).then(|| picture(&|pixel| grey(2.0 * deviation(pixel)))),
        mask,
    })
}

/// Bilinear interpolation.
fn enlarge(margins: &[f32], side: u32, width: u32, height: u32) -> Result<Vec<f32>, ResizeError> {
    let pixels: Vec<F32> = margins.iter().map(|margin| F32::new(*margin)).collect();
    let view = TypedImageRef::new(side, side, &pixels).map_err(|_| ResizeError::PixelTypesAreDifferent)?;
    let mut enlarged = TypedImage::<F32>::new(width, height);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize_typed(&view, &mut enlarged, &options)?;
    Ok(enlarged.pixels().iter().map(|pixel| pixel.0).collect())
}

/// The image with the outline of the mask: its pixels that have background near.
fn outlined(image: &RgbImage, mask: &GrayImage) -> RgbImage {
    let (width, height) = image.dimensions();
    let reach = (width.min(height) / OUTLINE_SHARE).max(1) as i64;
    let is_background = |x: i64, y: i64| {
        let inside = (0..i64::from(width)).contains(&x) && (0..i64::from(height)).contains(&y);
        inside && mask.get_pixel(x as u32, y as u32).0[0] == 0
    };
    let is_edge = |x: u32, y: u32| {
        let (x, y) = (i64::from(x), i64::from(y));
        (1..=reach)
            .any(|far| [(far, 0), (-far, 0), (0, far), (0, -far)].iter().any(|(dx, dy)| is_background(x + dx, y + dy)))
    };
    RgbImage::from_fn(width, height, |x, y| {
        if mask.get_pixel(x, y).0[0] > 0 && is_edge(x, y) { OUTLINE } else { *image.get_pixel(x, y) }
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

    use super::*;

    #[test]
    fn pictures_are_as_large_as_the_image() {
        let image = RgbImage::from_pixel(8, 4, Rgb([1, 2, 3]));
        // the left half is lesion for one member, all of it for the other
        let one = vec![0.5, -0.5, 0.5, -0.5];
        let drawn = draw(&image, &vec![one.clone(), vec![0.5; 4]], 2, Postprocess::None).unwrap();
        let corner = |picture: &GrayImage, x: u32| picture.get_pixel(x, 0).0[0];
        assert_eq!((drawn.mask.dimensions(), drawn.overlay.dimensions()), ((8, 4), (8, 4)));
        assert_eq!((corner(&drawn.probabilities, 0), corner(&drawn.probabilities, 7)), (255, 128));
        let disagreement = drawn.disagreement.unwrap();
        assert_eq!((corner(&disagreement, 0), corner(&disagreement, 7)), (0, 255));
        let alone = draw(&image, &vec![one], 2, Postprocess::None).unwrap();
        assert!(alone.disagreement.is_none());
        assert_eq!((corner(&alone.mask, 0), corner(&alone.mask, 7)), (255, 0));
        let outline: Vec<u32> = (0..8).filter(|x| *alone.overlay.get_pixel(*x, 2) == OUTLINE).collect();
        assert_eq!(outline, [3], "the last column of the mask");
    }
}
