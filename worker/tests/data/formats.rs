//! Files -> pixels: formats, variants, layouts, resizing, the content hash.

use super::{dataset, gray, rgb, some_case, write_case};
use proto::data::{Format, Inventory};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::tempdir;
use worker::data::{Case, CaseSet, bmp, inventory, load, ph2};

fn read(format: Format, root: &Path, size: u32) -> CaseSet {
    load(&dataset(format), Some(root), size, None).unwrap()
}

fn content(root: &Path) -> Inventory {
    inventory(&dataset(Format::Folder), Some(root)).unwrap()
}

/// Writes a case in PH2's layout below `images`.
fn write_ph2(images: &Path, id: &str, image: Vec<u8>, mask: Vec<u8>) {
    for (path, bytes) in [(ph2::image_path(images, id), image), (ph2::mask_path(images, id), mask)] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// The image `[3, h, w]` of a square case.
fn planes(case: &Case) -> Vec<u8> {
    (0..3).flat_map(|channel| case.image.iter().skip(channel).step_by(3).copied()).collect()
}

#[test]
fn every_bmp_variant_is_read_as_it_was_written() {
    // every padding of a row, of 24 bits and of 1 bit a pixel; a mask of one pixel has no background
    for size in 2..=33 {
        let root = tempdir().unwrap();
        let case = some_case(size, size);
        let masks = [bmp::mask(size, size, &case.mask), bmp::mask_top_down(size, size, &case.mask)];
        for (id, mask) in ["IMD002", "IMD003"].into_iter().zip(masks) {
            write_ph2(root.path(), id, bmp::image(size, size, &case.image), mask);
        }
        let set = read(Format::Ph2, root.path(), size);
        assert_eq!(set.images, planes(&case).repeat(2), "size {size}");
        assert_eq!(set.masks, case.mask.repeat(2), "size {size}");
    }
}

#[test]
fn every_layer_of_the_ph2_folder_may_be_named() {
    let root = tempdir().unwrap();
    let case = some_case(12, 12);
    let images = root.path().join("PH2Dataset").join(ph2::IMAGES);
    for id in ["IMD010", "IMD002"] {
        write_ph2(&images, id, bmp::image(12, 12, &case.image), bmp::mask(12, 12, &case.mask));
    }
    fs::write(images.join(".DS_Store"), "").unwrap();
    let sets = [root.path(), &root.path().join("PH2Dataset"), &images].map(|root| read(Format::Ph2, root, 12));
    assert_eq!(sets[0].inventory.cases, ["IMD002", "IMD010"]);
    assert_eq!(sets[0], sets[1]);
    assert_eq!(sets[0], sets[2]);
}

#[test]
fn plain_folders_hold_png_bmp_and_jpeg() {
    let root = tempdir().unwrap();
    let case = some_case(16, 16);
    write_case(root.path(), "a", &case);
    let smooth = image::imageops::blur(&rgb(&case), 2.0);
    for (id, extension) in [("b", "BMP"), ("c", "jpg")] {
        smooth.save(root.path().join("images").join(format!("{id}.{extension}"))).unwrap();
        gray(&case).save(root.path().join("masks").join(format!("{id}.png"))).unwrap();
    }
    fs::write(root.path().join("images/notes.txt"), "not a picture").unwrap();
    let set = read(Format::Folder, root.path(), 16);
    assert_eq!(set.inventory.cases, ["a", "b", "c"]);
    assert_eq!(set.masks, case.mask.repeat(3));
    let (lossless, jpeg) = (&set.images[768..1536], &set.images[1536..]);
    assert_eq!(set.images[..768], planes(&case));
    let distance: u32 = lossless.iter().zip(jpeg).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    assert!(distance < 768 * 12, "{distance}");
}

/// Pictures that Pillow resized, by `tests/reference/resize.py`.
#[derive(Deserialize)]
struct Reference {
    width: u32,
    height: u32,
    image: Vec<u8>,
    mask: Vec<u8>,
    resized: BTreeMap<u32, Resized>,
}

#[derive(Deserialize)]
struct Resized {
    image: Vec<u8>,
    mask: Vec<u8>,
}

#[test]
fn resizing_agrees_with_pillow() {
    let reference: Reference = serde_json::from_str(include_str!("../../../tests/reference/resize.json")).unwrap();
    let Reference { width, height, image, mask, resized } = reference;
    let root = tempdir().unwrap();
    write_case(root.path(), "a", &Case { width, height, image, mask });
    assert_eq!(resized.len(), 3);
    for (size, expected) in resized {
        let set = read(Format::Folder, root.path(), size);
        assert_eq!(set.images.len(), expected.image.len());
        let furthest = set.images.iter().zip(&expected.image).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(furthest <= Some(1), "size {size}: {furthest:?} grey levels apart");
        assert_eq!(set.masks, expected.mask, "size {size}");
    }
}

#[test]
fn the_content_hash_does_not_depend_on_the_place() {
    let (here, there) = (tempdir().unwrap(), tempdir().unwrap());
    for id in ["a", "b"] {
        write_case(here.path(), id, &some_case(9, 7));
    }
    for id in ["b", "a"] {
        write_case(&there.path().join("deeper"), id, &some_case(9, 7));
    }
    assert_eq!(content(here.path()), content(&there.path().join("deeper")));
}

#[test]
fn the_content_hash_depends_on_every_pixel_and_on_the_ids() {
    let folder = tempdir().unwrap();
    let hash = |name: &str, id: &str, change: fn(&mut Case)| {
        let mut case = some_case(9, 7);
        change(&mut case);
        let root = folder.path().join(name);
        write_case(&root, "a", &some_case(9, 7));
        write_case(&root, id, &case);
        content(&root).content
    };
    let hashes = [
        hash("original", "b", |_| ()),
        hash("image", "b", |case| case.image[50] ^= 1),
        hash("mask", "b", |case| case.mask[50] ^= 1),
        hash("renamed", "c", |_| ()),
    ];
    for (i, one) in hashes.iter().enumerate() {
        assert!(hashes[..i].iter().all(|other| other != one), "hash {i} is an earlier one");
    }
}
