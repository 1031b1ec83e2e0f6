//! Data sets, from folders to subsets: what is read, what is refused and why, what is kept.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cache;
mod errors;
mod folders;
mod formats;
mod masks;
mod pictures;
mod split;
mod synthetic;

use image::{DynamicImage, GrayImage, RgbImage};
use proto::data::{Dataset, Format, Summary, Synthetic};
use std::fs;
use std::path::Path;
use worker::data::{Case, DataError, Source, summary};

/// A data set of that format, without a folder of its own.
fn dataset(format: Format) -> Dataset {
    Dataset::new("moles", format)
}

/// A synthetic data set with seed 1.
fn synthetic(cases: u32) -> Dataset {
    Dataset { synthetic: Some(Synthetic { cases, seed: 1 }), ..dataset(Format::Synthetic) }
}

/// Some case of that size.
fn some_case(width: u32, height: u32) -> Case {
    let image = (0..3 * width * height).map(|i| (i * 37 % 251) as u8).collect();
    let mask = (0..width * height).map(|i| u8::from(i % 5 < 2)).collect();
    Case { width, height, image, mask }
}

fn rgb(case: &Case) -> RgbImage {
    RgbImage::from_raw(case.width, case.height, case.image.clone()).unwrap()
}

/// The mask in black and white.
fn gray(case: &Case) -> GrayImage {
    GrayImage::from_raw(case.width, case.height, case.mask.iter().map(|pixel| pixel * 255).collect()).unwrap()
}

/// Writes a case in the plain layout, as PNG files.
fn write_case(root: &Path, id: &str, case: &Case) {
    for (folder, picture) in [("images", rgb(case).into()), ("masks", DynamicImage::from(gray(case)))] {
        fs::create_dir_all(root.join(folder)).unwrap();
        picture.save(root.join(folder).join(format!("{id}.png"))).unwrap();
    }
}

/// Width and height of [`lesions`].
const WIDTH: u32 = 40;
const HEIGHT: u32 = 30;

/// Masks of 0 and 1 with an ellipse each, `[HEIGHT, WIDTH]`.
fn lesions(count: u32) -> Vec<Vec<u8>> {
    let is_lesion = |index: u32, pixel: u32| {
        let (x, y) = (f64::from(pixel % WIDTH) - 16.0 - f64::from(index), f64::from(pixel / WIDTH) - 14.0);
        x * x / 81.0 + y * y / 49.0 < 1.0
    };
    (0..count).map(|index| (0..WIDTH * HEIGHT).map(|pixel| is_lesion(index, pixel).into()).collect()).collect()
}

/// A picture of a lesion, dark on light skin.
fn picture(lesion: &[u8]) -> RgbImage {
    let color = |(lesion, i): (&u8, u8)| if *lesion == 1 { [70, 40, 30 + i % 7] } else { [210, 170, 150 - i % 5] };
    let colors: Vec<u8> = lesion.iter().zip((0..35).cycle()).flat_map(color).collect();
    RgbImage::from_raw(WIDTH, HEIGHT, colors).unwrap()
}

/// Makes a picture of `WIDTH` and `HEIGHT` of what a mask's pixels become.
fn painted(lesion: &[u8], value: impl Fn(u8) -> u8) -> GrayImage {
    GrayImage::from_raw(WIDTH, HEIGHT, lesion.iter().map(|lesion| value(*lesion)).collect()).unwrap()
}

/// Writes the pictures of lesions, and masks that `mask` makes of the case's number and lesion.
fn write_masks<P: Into<DynamicImage>>(
    root: &Path,
    extension: &str,
    lesions: &[Vec<u8>],
    mask: impl Fn(usize, &[u8]) -> P,
) {
    for folder in ["images", "masks"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for (index, lesion) in lesions.iter().enumerate() {
        picture(lesion).save(root.join(format!("images/c{index}.png"))).unwrap();
        mask(index, lesion).into().save(root.join(format!("masks/c{index}.{extension}"))).unwrap();
    }
}

/// What the data set in a folder holds.
fn summed_up(dataset: &Dataset, root: &Path) -> Result<Summary, DataError> {
    let source = Source::open(dataset, Some(root))?;
    let set = source.decode(32, &|| ())?;
    Ok(summary(&source, &set))
}
