//! Files of every kind -> the pixels that other programs show.

use super::{HEIGHT, WIDTH, dataset, lesions, painted, picture, summed_up, write_masks};
use image::{DynamicImage, GrayImage, ImageBuffer, Luma, RgbImage};
use proto::data::Format;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use tempfile::tempdir;
use worker::data::load;

/// Pictures by Pillow, from `tests/reference/pictures.py`.
#[derive(Deserialize)]
struct Reference {
    width: u32,
    height: u32,
    images: BTreeMap<String, Vec<u8>>,
    masks: Vec<String>,
    lesion: Vec<u8>,
}

impl Reference {
    fn new() -> Self {
        serde_json::from_str(include_str!("../../../tests/reference/pictures.json")).unwrap()
    }

    fn file(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/pictures").join(name)
    }

    /// A mask for the images, or an image for the masks.
    fn write_other(&self, root: &Path, folder: &str) {
        ["images", "masks"].into_iter().for_each(|folder| fs::create_dir_all(root.join(folder)).unwrap());
        let values = self.lesion.iter().map(|lesion| 255 * lesion).collect();
        GrayImage::from_raw(self.width, self.height, values).unwrap().save(root.join(folder).join("a.png")).unwrap();
    }
}

/// The name with which a file is case `a`.
fn as_case_a(name: &str) -> String {
    format!("a.{}", name.rsplit('.').next().unwrap())
}

#[test]
fn masks_of_every_kind_are_read_as_pillow_reads_them() {
    let reference = Reference::new();
    assert_eq!(reference.masks.len(), 24);
    for name in &reference.masks {
        let root = tempdir().unwrap();
        reference.write_other(root.path(), "images");
        fs::copy(Reference::file(name), root.path().join("masks").join(as_case_a(name))).unwrap();
        let found = load(&dataset(Format::Folder), Some(root.path()), 16, None)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let plain = tempdir().unwrap();
        reference.write_other(plain.path(), "images");
        reference.write_other(plain.path(), "masks");
        let expected = load(&dataset(Format::Folder), Some(plain.path()), 16, None).unwrap();
        let different = found.masks.iter().zip(&*expected.masks).filter(|(found, expected)| found != expected).count();
        let most = if name.ends_with(".jpg") { 4 } else { 0 };
        assert!(different <= most, "{name}: {different} pixels differ");
    }
}

#[test]
fn images_of_every_kind_are_read_as_pillow_reads_them() {
    let reference = Reference::new();
    assert_eq!(reference.images.len(), 11);
    for (name, pixels) in &reference.images {
        let root = tempdir().unwrap();
        reference.write_other(root.path(), "masks");
        fs::copy(Reference::file(name), root.path().join("images").join(as_case_a(name))).unwrap();
        let found = load(&dataset(Format::Folder), Some(root.path()), 16, None)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let plain = tempdir().unwrap();
        reference.write_other(plain.path(), "masks");
        let image = RgbImage::from_raw(reference.width, reference.height, pixels.clone()).unwrap();
        image.save(plain.path().join("images/a.png")).unwrap();
        let expected = load(&dataset(Format::Folder), Some(plain.path()), 16, None).unwrap();
        let furthest = found.images.iter().zip(&*expected.images).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        // two decoders of JPEG differ by a little
        let most = if name.ends_with(".jpg") { 4 } else { 0 };
        assert!(furthest <= most, "{name}: {furthest} levels apart");
    }
}

#[test]
fn deep_and_grey_images_become_red_green_and_blue() {
    let root = tempdir().unwrap();
    let gray: Vec<u8> = (0..16 * 16).map(|pixel| (pixel * 7 % 256) as u8).collect();
    let mask: Vec<u8> = (0..16 * 16).map(|pixel| if pixel % 16 < 6 { 255 } else { 0 }).collect();
    ["images", "masks"].into_iter().for_each(|folder| fs::create_dir_all(root.path().join(folder)).unwrap());
    let deep = gray.iter().map(|value| 257 * u16::from(*value)).collect();
    let deep: ImageBuffer<Luma<u16>, Vec<u16>> = ImageBuffer::from_raw(16, 16, deep).unwrap();
    deep.save(root.path().join("images/a.png")).unwrap();
    DynamicImage::from(deep).into_rgb16().save(root.path().join("images/b.tif")).unwrap();
    let gray = GrayImage::from_raw(16, 16, gray).unwrap();
    gray.save(root.path().join("images/c.bmp")).unwrap();
    DynamicImage::from(gray.clone()).into_luma_alpha8().save(root.path().join("images/d.png")).unwrap();
    for id in ["a", "b", "c", "d"] {
        GrayImage::from_raw(16, 16, mask.clone()).unwrap().save(root.path().join(format!("masks/{id}.png"))).unwrap();
    }
    let set = load(&dataset(Format::Folder), Some(root.path()), 16, None).unwrap();
    assert_eq!(set.images, gray.as_raw().repeat(12));
}

#[test]
fn an_image_of_numbers_is_refused_with_what_they_are() {
    let refused = |name: &str| {
        let (root, reference) = (tempdir().unwrap(), Reference::new());
        reference.write_other(root.path(), "masks");
        fs::copy(Reference::file(name), root.path().join("images/a.tif")).unwrap();
        let error = load(&dataset(Format::Folder), Some(root.path()), 16, None).unwrap_err();
        error.to_string().split_once("images/a.tif` ").unwrap().1.to_owned()
    };
    let unit = "has the numbers 0, 1 for samples; if 1 is white, save 255 times its samples with 8 bits";
    assert_eq!([refused("float.tif"), refused("float-rgb.tif"), refused("half.tif")], [unit; 3]);
    assert_eq!(
        refused("double.tif"),
        "has the numbers 0, 255 for samples; if 255 is white, save its samples with 8 bits"
    );
    let deep = "has the numbers 0, 65535 for samples; if 65535 is white, save its samples with 16 bits";
    assert_eq!(refused("unsigned-32.tif"), deep);
}

#[test]
fn a_mask_of_numbers_that_are_not_whole_is_refused_with_what_they_are() {
    let refused = |value: fn(usize) -> f32| {
        let root = tempdir().unwrap();
        write_masks(root.path(), "png", &lesions(1), |_, lesion| painted(lesion, |lesion| 255 * lesion));
        let values: Vec<_> = (0..(WIDTH * HEIGHT) as usize).map(value).collect();
        let mut file = fs::File::create(root.path().join("masks/c0.tif")).unwrap();
        let mut encoder = tiff::encoder::TiffEncoder::new(&mut file).unwrap();
        encoder.write_image::<tiff::encoder::colortype::Gray32Float>(WIDTH, HEIGHT, &values).unwrap();
        fs::remove_file(root.path().join("masks/c0.png")).unwrap();
        let error = load(&dataset(Format::Folder), Some(root.path()), 16, None).unwrap_err();
        error.to_string().split_once("masks/c0.tif` ").unwrap().1.to_owned()
    };
    let help = "for samples; save the mask with 8 or 16 bits, in whole numbers";
    assert_eq!(refused(|pixel| (pixel % 3) as f32 / 2.0), format!("has the numbers 0, 0.5, 1 {help}"));
    assert_eq!(refused(|pixel| -(pixel as f32)), format!("has numbers from -1199 to 0 {help}"));
    assert_eq!(refused(|_| f32::NAN), format!("has the numbers NaN {help}"));
    let classes = refused(|pixel| (pixel % 3) as f32);
    assert!(classes.starts_with("does not have two levels that stand apart, but 3 values: 0 (33.3 %), 1"), "{classes}");
}

#[test]
fn a_damaged_palette_is_refused() {
    let refused = |change: fn(&mut Vec<u8>)| {
        let (root, reference) = (tempdir().unwrap(), Reference::new());
        reference.write_other(root.path(), "images");
        let mut bytes = fs::read(Reference::file("palette-mask-1.tif")).unwrap();
        change(&mut bytes);
        fs::write(root.path().join("masks/a.tif"), bytes).unwrap();
        load(&dataset(Format::Folder), Some(root.path()), 16, None).unwrap_err().to_string()
    };
    let cut = refused(|bytes| bytes.truncate(100));
    assert!(cut.starts_with("cannot decode"), "{cut}");
    // the directory says that the palette has nine entries
    let long = refused(|bytes| {
        let tag = bytes.windows(2).position(|tag| tag == [0x40, 1]).unwrap();
        bytes[tag + 4] = 9;
    });
    assert!(long.contains("is of a kind that is not read"), "{long}");
}

/// A JPEG file that says by EXIF how it is to be turned.
fn jpeg(picture: &DynamicImage, orientation: u8) -> Vec<u8> {
    let mut file = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(Cursor::new(&mut file), 95).encode_image(picture).unwrap();
    // one entry, 0x0112, in a TIFF header of its own
    let exif =
        [b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".as_slice(), &[orientation, 0, 0, 0, 0, 0, 0]]
            .concat();
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&file[..2], &[0xff, 0xe1], &length, &exif, &file[2..]].concat()
}

/// The picture as a camera stores it that was held so that EXIF says `orientation`.
fn stored(upright: &DynamicImage, orientation: u8) -> DynamicImage {
    match orientation {
        2 => upright.fliph(),
        3 => upright.rotate180(),
        4 => upright.flipv(),
        5 => upright.rotate90().fliph(),
        6 => upright.rotate270(),
        7 => upright.rotate270().fliph(),
        8 => upright.rotate90(),
        _ => upright.clone(),
    }
}

/// Dark pixels of the resized images, beside the masks.
fn overlap(root: &Path) -> f64 {
    let set = load(&dataset(Format::Folder), Some(root), 32, None).unwrap();
    let red = set.images.chunks_exact(3 * 32 * 32).flat_map(|image| &image[..32 * 32]);
    let (mut both, mut either) = (0, 0);
    for (red, lesion) in red.zip(&*set.masks) {
        let is_dark = *red < 140;
        both += u32::from(is_dark && *lesion == 1);
        either += u32::from(is_dark || *lesion == 1);
    }
    f64::from(both) / f64::from(either)
}

#[test]
fn pictures_are_turned_as_their_exif_orientation_says() {
    let lesions = lesions(3);
    for orientation in 1..=8 {
        let root = tempdir().unwrap();
        write_masks(root.path(), "png", &lesions, |_, lesion| painted(lesion, |lesion| 255 * lesion));
        for (index, lesion) in lesions.iter().enumerate() {
            fs::remove_file(root.path().join(format!("images/c{index}.png"))).unwrap();
            let picture = stored(&picture(lesion).into(), orientation);
            fs::write(root.path().join(format!("images/c{index}.jpg")), jpeg(&picture, orientation)).unwrap();
        }
        let overlap = overlap(root.path());
        assert!(overlap > 0.97, "orientation {orientation}: {overlap}");
        let summary = summed_up(&dataset(Format::Folder), root.path()).unwrap();
        assert_eq!(summary.turned, if orientation == 1 { 0 } else { 3 });
    }
}

#[test]
fn masks_are_turned_too() {
    let root = tempdir().unwrap();
    let lesions = lesions(3);
    write_masks(root.path(), "png", &lesions, |_, lesion| painted(lesion, |lesion| 255 * lesion));
    for (index, lesion) in lesions.iter().enumerate() {
        fs::remove_file(root.path().join(format!("masks/c{index}.png"))).unwrap();
        let mask = stored(&painted(lesion, |lesion| 255 * lesion).into(), 6);
        fs::write(root.path().join(format!("masks/c{index}.jpeg")), jpeg(&mask, 6)).unwrap();
    }
    assert!(overlap(root.path()) > 0.95);
}

#[test]
fn a_mask_of_a_picture_before_it_was_turned_is_refused() {
    let root = tempdir().unwrap();
    let lesions = lesions(1);
    let mask = |lesion: &[u8]| stored(&painted(lesion, |lesion| 255 * lesion).into(), 8);
    write_masks(root.path(), "png", &lesions, |_, lesion| mask(lesion));
    fs::remove_file(root.path().join("images/c0.png")).unwrap();
    let image = stored(&picture(&lesions[0]).into(), 8);
    fs::write(root.path().join("images/c0.jpg"), jpeg(&image, 8)).unwrap();
    let refused = load(&dataset(Format::Folder), Some(root.path()), 16, None).unwrap_err().to_string();
    assert!(refused.starts_with("case `c0`: the image has 40 x 30 pixels, its mask 30 x 40"), "{refused}");
    assert!(refused.ends_with("(one of them is turned by its EXIF orientation: save both upright)"), "{refused}");
}

#[test]
fn the_area_is_limited_and_not_a_side() {
    let root = tempdir().unwrap();
    let (width, height) = (6748, 4499);
    write_masks(root.path(), "png", &lesions(1), |_, lesion| painted(lesion, |lesion| 255 * lesion));
    let is_lesion = |x: u32, y: u32| x.abs_diff(3000) < 1500 && y.abs_diff(2000) < 900;
    let mask = GrayImage::from_fn(width, height, |x, y| Luma([if is_lesion(x, y) { 255 } else { 0 }]));
    mask.save(root.path().join("masks/large.png")).unwrap();
    let image = GrayImage::from_fn(width, height, |x, y| Luma([if is_lesion(x, y) { 60 } else { 190 }]));
    image.save(root.path().join("images/large.png")).unwrap();
    assert!(overlap(root.path()) > 0.97);
}
