//! Resized cases are kept, reused, and never believed when they are wrong.

use super::{dataset, some_case, synthetic, write_case};
use proto::data::Format;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use tempfile::tempdir;
use worker::data::{CaseSet, DataError, load};

const SIZE: u32 = 24;

fn cached(dir: &Path) -> CaseSet {
    load(&synthetic(3), None, SIZE, Some(dir)).unwrap()
}

/// The one file of prepared images, beside its lock.
fn file(dir: &Path) -> PathBuf {
    let files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    files.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "safetensors")).unwrap()
}

/// Writes a prepared file like `set`'s, with `pixels` in the place of its images and masks, and with the right checksum.
fn forge(path: &Path, set: &CaseSet, [images, masks]: [&[u8]; 2]) {
    let bytes = fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let mut metadata = header.metadata().clone().unwrap();
    let checksum = blake3::Hasher::new().update(images).update(masks).finalize();
    metadata.insert("checksum".to_owned(), checksum.to_string());
    let (cases, size) = (set.inventory.cases.len(), set.image_size as usize);
    let tensors = [
        ("images", TensorView::new(Dtype::U8, vec![cases, 3, size, size], images).unwrap()),
        ("masks", TensorView::new(Dtype::U8, vec![cases, size, size], masks).unwrap()),
    ];
    fs::write(path, safetensors::serialize(tensors, Some(metadata)).unwrap()).unwrap();
}

#[test]
fn prepared_images_are_reused() {
    let dir = tempdir().unwrap();
    let mut set = cached(dir.path());
    assert_eq!(set, load(&synthetic(3), None, SIZE, None).unwrap());
    // What comes back shows where it came from.
    let mut images = set.images.to_vec();
    images[7] ^= 1;
    set.images = images.into();
    forge(&file(dir.path()), &set, [&set.images, &set.masks]);
    assert_eq!(cached(dir.path()), set);
}

#[test]
fn each_size_and_content_has_its_own_file() {
    let dir = tempdir().unwrap();
    cached(dir.path());
    assert_eq!(load(&synthetic(3), None, 16, Some(dir.path())).unwrap().image_size, 16);
    assert_eq!(load(&synthetic(2), None, SIZE, Some(dir.path())).unwrap().inventory.cases.len(), 2);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 6);
}

#[test]
fn wrong_files_are_made_anew() {
    let dir = tempdir().unwrap();
    let set = cached(dir.path());
    let path = file(dir.path());
    let good = fs::read(&path).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let other = |cases, size| {
        let dir = tempdir().unwrap();
        load(&synthetic(cases), None, size, Some(dir.path())).unwrap();
        fs::read(file(dir.path())).unwrap()
    };
    let wrong = [
        ("empty", Vec::new()),
        ("text", b"not safetensors at all".to_vec()),
        ("endless header", vec![0xff; 64]),
        ("cut header", good[..40].to_vec()),
        ("cut pixels", good[..good.len() - 1].to_vec()),
        ("more pixels", [&good[..], &[0]].concat()),
        ("header bit", flipped(12)),
        ("image bit", flipped(good.len() - set.masks.len() - 9)),
        ("mask bit", flipped(good.len() - 9)),
        ("other size", other(3, 16)),
        ("other cases", other(2, SIZE)),
    ];
    for (what, bytes) in wrong {
        fs::write(&path, bytes).unwrap();
        assert_eq!(cached(dir.path()), set, "{what}");
        assert!(fs::read(&path).is_ok_and(|bytes| bytes.len() == good.len()), "{what} was not replaced");
    }
}

#[test]
fn masks_of_other_values_are_made_anew() {
    let dir = tempdir().unwrap();
    let set = cached(dir.path());
    let mut masks = set.masks.to_vec();
    masks[5] = 2;
    forge(&file(dir.path()), &set, [&*set.images, &masks]);
    assert_eq!(cached(dir.path()), set);
}

#[test]
fn many_may_prepare_at_once() {
    let dir = tempdir().unwrap();
    let start = Barrier::new(4);
    let load = || {
        start.wait();
        cached(dir.path())
    };
    let sets = std::thread::scope(|scope| [(); 4].map(|()| scope.spawn(load)).map(|thread| thread.join().unwrap()));
    assert!(sets.iter().all(|set| *set == sets[0]));
    file(dir.path());
}

#[test]
fn a_cache_that_cannot_be_written_is_no_error() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("a file");
    fs::write(&file, "").unwrap();
    assert_eq!(load(&synthetic(3), None, SIZE, Some(&file)).unwrap(), load(&synthetic(3), None, SIZE, None).unwrap());
}

#[test]
fn a_damaged_data_set_leaves_no_file() {
    let (root, dir) = (tempdir().unwrap(), tempdir().unwrap());
    write_case(root.path(), "a", &some_case(9, 7));
    fs::write(root.path().join("images/a.png"), "no image").unwrap();
    let refused = load(&dataset(Format::Folder), Some(root.path()), SIZE, Some(dir.path()));
    assert!(matches!(refused, Err(DataError::Decode { .. })));
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name.to_string_lossy().ends_with(".lock")), "{left:?}");
}
