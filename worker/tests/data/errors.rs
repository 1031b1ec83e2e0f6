//! Every way in which a data set is refused says what and where, and how to mend it.

use super::{dataset, gray, rgb, some_case, write_case};
use proto::data::{Dataset, Format};
use std::error::Error;
use std::fs;
use std::path::Path;
use tempfile::{TempDir, tempdir};
use worker::data::{DataError, Source, bmp, load, ph2};

/// A folder with the whole cases `a` and `b` in the plain layout.
fn two_cases() -> TempDir {
    let root = tempdir().unwrap();
    write_case(root.path(), "a", &some_case(9, 7));
    write_case(root.path(), "b", &some_case(5, 8));
    root
}

/// The error and its reasons, with `ROOT` for the folder.
fn message(error: DataError, root: &Path) -> String {
    let mut lines = vec![error.to_string()];
    let mut source = error.source();
    while let Some(reason) = source {
        lines.push(reason.to_string());
        source = reason.source();
    }
    lines.join(": ").replace(&root.display().to_string(), "ROOT")
}

/// How the data set in `root` is refused.
fn refusal(format: Format, root: &Path) -> String {
    message(load(&dataset(format), Some(root), 8, None).unwrap_err(), root)
}

/// How a data set is refused whose case `a` has that image file.
fn refusal_of_image(bytes: &[u8]) -> String {
    let root = two_cases();
    fs::write(root.path().join("images/a.png"), bytes).unwrap();
    refusal(Format::Folder, root.path())
}

#[test]
fn without_a_folder() {
    let error = load(&dataset(Format::Ph2), None, 8, None).unwrap_err().to_string();
    assert!(error.contains("`moles`") && error.contains("--data moles=PATH"), "{error}");
}

#[test]
fn without_parameters_of_a_synthetic_data_set() {
    let error = load(&dataset(Format::Synthetic), None, 8, None).unwrap_err().to_string();
    assert!(error.contains("`moles`") && error.contains("cases: 1 to 100000"), "{error}");
}

#[test]
fn a_folder_that_is_not_there() {
    let root = tempdir().unwrap();
    let missing = Dataset { root: Some(root.path().join("no").display().to_string()), ..dataset(Format::Ph2) };
    let error = load(&missing, None, 8, None).unwrap_err();
    assert!(message(error, root.path()).starts_with("`ROOT/no` is not a folder"));
    assert!(refusal(Format::Folder, root.path()).starts_with("`ROOT/images` is not a folder"));
}

#[test]
fn a_folder_without_cases() {
    let root = tempdir().unwrap();
    assert!(refusal(Format::Ph2, root.path()).starts_with("`ROOT` holds no cases; expected `PH2 Dataset images/"));
    fs::create_dir(root.path().join("images")).unwrap();
    fs::create_dir(root.path().join("masks")).unwrap();
    assert!(refusal(Format::Folder, root.path()).starts_with("`ROOT` holds no cases; expected `images/NAME.png`"));
}

#[test]
fn an_image_without_its_mask() {
    let root = two_cases();
    fs::remove_file(root.path().join("masks/b.png")).unwrap();
    assert_eq!(refusal(Format::Folder, root.path()), "case `b` has no mask; expected `ROOT/masks/b.png`");
}

#[test]
fn a_mask_without_its_image() {
    let root = two_cases();
    fs::remove_file(root.path().join("images/b.png")).unwrap();
    assert_eq!(refusal(Format::Folder, root.path()), "case `b` has no image; expected `ROOT/images/b.png`");
}

#[test]
fn an_incomplete_case_of_ph2() {
    let root = tempdir().unwrap();
    let (case, images) = (some_case(9, 7), root.path().join(ph2::IMAGES));
    let (image, mask) = (ph2::image_path(&images, "IMD002"), ph2::mask_path(&images, "IMD002"));
    fs::create_dir_all(image.parent().unwrap()).unwrap();
    fs::create_dir_all(mask.parent().unwrap()).unwrap();

    fs::write(&image, bmp::image(9, 7, &case.image)).unwrap();
    let refused = refusal(Format::Ph2, root.path());
    assert!(refused.starts_with("case `IMD002` has no mask") && refused.contains("IMD002_lesion.bmp"), "{refused}");

    fs::write(&mask, bmp::mask(9, 7, &case.mask)).unwrap();
    fs::remove_file(&image).unwrap();
    let refused = refusal(Format::Ph2, root.path());
    assert!(refused.starts_with("case `IMD002` has no image") && refused.contains("IMD002.bmp"), "{refused}");

    fs::write(&image, bmp::image(9, 7, &case.image)).unwrap();
    fs::create_dir(images.join("IMD003")).unwrap();
    assert!(refusal(Format::Ph2, root.path()).starts_with("case `IMD003` has no image"));
}

#[test]
fn a_case_that_is_there_twice() {
    let root = two_cases();
    fs::copy(root.path().join("images/a.png"), root.path().join("images/a.BMP")).unwrap();
    let expected = "case `a` is there twice; remove `ROOT/images/a.BMP` or `ROOT/images/a.png`";
    assert_eq!(refusal(Format::Folder, root.path()), expected);
}

#[test]
fn truncated_images_of_every_format() {
    let (case, folder) = (some_case(64, 48), tempdir().unwrap());
    for extension in ["png", "jpg", "bmp"] {
        let path = folder.path().join(format!("whole.{extension}"));
        rgb(&case).save(&path).unwrap();
        let whole = fs::read(path).unwrap();
        for kept in [whole.len() / 2, whole.len() * 9 / 10] {
            let refused = refusal_of_image(&whole[..kept]);
            assert!(refused.starts_with("cannot decode `ROOT/images/a.png`"), "{extension} {kept}: {refused}");
            assert!(refused.matches(": ").count() > 0, "no reason: {refused}");
        }
    }
}

#[test]
fn files_that_are_no_images() {
    for bytes in [&b""[..], b"BM", b"not an image at all"] {
        assert!(refusal_of_image(bytes).starts_with("cannot decode `ROOT/images/a.png`"));
    }
}

#[test]
fn images_that_are_too_large_are_known_by_their_header() {
    let mut header = bmp::image(1, 1, &[0; 3]);
    header[18..22].copy_from_slice(&60_000u32.to_le_bytes());
    header[22..26].copy_from_slice(&1067u32.to_le_bytes());
    let expected = "`ROOT/images/a.png` has 60000 x 1067 pixels; allowed are 1 to 64 million pixels in all";
    assert_eq!(refusal_of_image(&header), expected);
}

#[test]
fn an_image_and_a_mask_of_different_sizes() {
    let root = two_cases();
    gray(&some_case(7, 9)).save(root.path().join("masks/a.png")).unwrap();
    let expected = "case `a`: the image has 9 x 7 pixels, its mask 7 x 9; they must be equal";
    assert_eq!(refusal(Format::Folder, root.path()), expected);
}

#[test]
fn all_mistakes_are_said_at_once() {
    let root = tempdir().unwrap();
    for index in 0..12 {
        write_case(root.path(), &format!("c{index:02}"), &some_case(9, 7));
        fs::remove_file(root.path().join(format!("masks/c{index:02}.png"))).unwrap();
    }
    write_case(root.path(), "whole", &some_case(9, 7));
    let refused = refusal(Format::Folder, root.path());
    let lines: Vec<_> = refused.lines().map(str::trim).collect();
    assert_eq!(lines[..2], ["12 mistakes", "case `c00` has no mask; expected `ROOT/masks/c00.png`"], "{refused}");
    assert_eq!(lines[10..], ["case `c09` has no mask; expected `ROOT/masks/c09.png`", "and 2 more"], "{refused}");

    for (id, mask) in [("d", some_case(7, 9)), ("e", some_case(9, 7))] {
        write_case(root.path(), id, &some_case(9, 7));
        gray(&mask).save(root.path().join(format!("masks/{id}.png"))).unwrap();
    }
    (0..12).for_each(|index| fs::remove_file(root.path().join(format!("images/c{index:02}.png"))).unwrap());
    fs::write(root.path().join("images/e.png"), "no image").unwrap();
    let refused = refusal(Format::Folder, root.path());
    assert!(refused.starts_with("2 mistakes\n  case `d`: the image has 9 x 7 pixels"), "{refused}");
    assert!(refused.contains("\n  cannot decode `ROOT/images/e.png`"), "{refused}");
}

#[test]
fn sizes_out_of_range() {
    let root = two_cases();
    for size in [0, 4097] {
        let error = load(&dataset(Format::Folder), Some(root.path()), size, None).unwrap_err();
        assert_eq!(error.to_string(), format!("image size {size}: allowed are 1 to 4096"));
    }
}

#[test]
fn a_file_that_changes_while_it_is_read() {
    let root = two_cases();
    let source = Source::open(&dataset(Format::Folder), Some(root.path())).unwrap();
    rgb(&some_case(9, 8)).save(root.path().join("images/a.png")).unwrap();
    let error = source.decode(8, &|| ()).unwrap_err();
    assert_eq!(message(error, root.path()), "`ROOT/images/a.png` changed while the data set was read; try again");
}

#[cfg(target_os = "linux")]
#[test]
fn what_the_system_will_not_read() {
    use std::os::unix::{ffi::OsStrExt, fs::symlink};
    let root = two_cases();
    // Reading a process's memory from its start fails for everybody.
    symlink("/proc/self/mem", root.path().join("images/c.png")).unwrap();
    rgb(&some_case(1, 1)).save(root.path().join("masks/c.png")).unwrap();
    let refused = refusal(Format::Folder, root.path());
    assert!(refused.starts_with("cannot read `ROOT/images/c.png`: Input/output error"), "{refused}");

    let name = std::ffi::OsStr::from_bytes(b"d\xff.png");
    fs::write(root.path().join("images").join(name), "").unwrap();
    let refused = refusal(Format::Folder, root.path());
    assert!(refused.contains("is not UTF-8; rename it"), "{refused}");
}
