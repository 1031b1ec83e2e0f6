//! Data sets, from folders to subsets: what is read, what is refused and why, what is kept.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cache;
mod errors;
mod formats;
mod split;
mod synthetic;

use image::{GrayImage, RgbImage};
use proto::cases::CaseLists;
use proto::data::{Dataset, Format, Synthetic};
use std::fs;
use std::path::Path;
use worker::data::Case;

/// A data set of that format, without a folder of its own.
fn dataset(format: Format) -> Dataset {
    Dataset { name: "moles".to_owned(), format, root: None, synthetic: None, lists: CaseLists::default() }
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
    for (folder, picture) in [("images", rgb(case).into()), ("masks", image::DynamicImage::from(gray(case)))] {
        fs::create_dir_all(root.join(folder)).unwrap();
        picture.save(root.join(folder).join(format!("{id}.png"))).unwrap();
    }
}
