//! Folders as people have them -> cases: names, what is passed over, what is a mistake.

use super::{dataset, lesions, painted, picture, some_case, summed_up, write_masks};
use proto::data::{Affix, Dataset, Format, Names, Summary};
use std::fs;
use std::path::Path;
use tempfile::{TempDir, tempdir};
use worker::data::{bmp, inventory, ph2};

fn folder() -> Dataset {
    dataset(Format::Folder)
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Images `images/ID.png` and masks `masks/PREFIX ID SUFFIX .png`.
fn named(ids: &[&str], [images, masks]: [&str; 2], [prefix, suffix]: [&str; 2]) -> TempDir {
    let root = tempdir().unwrap();
    [images, masks].into_iter().for_each(|folder| fs::create_dir_all(root.path().join(folder)).unwrap());
    for (id, lesion) in ids.iter().zip(lesions(ids.len() as u32)) {
        picture(&lesion).save(root.path().join(images).join(format!("{id}.png"))).unwrap();
        let mask = painted(&lesion, |lesion| 255 * lesion);
        mask.save(root.path().join(masks).join(format!("{prefix}{id}{suffix}.png"))).unwrap();
    }
    root
}

/// Names of masks that are those of the images, between a prefix and a suffix.
fn names(prefix: &str, suffix: &str) -> Option<Names> {
    Some(Names { masks: affix(prefix, suffix), ..Names::default() })
}

fn affix(prefix: &str, suffix: &str) -> Affix {
    Affix { prefix: prefix.to_owned(), suffix: suffix.to_owned() }
}

#[track_caller]
fn held(dataset: &Dataset, root: &Path) -> Summary {
    summed_up(dataset, root).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(dataset: &Dataset, root: &Path) -> String {
    inventory(dataset, Some(root)).unwrap_err().to_string().replace(&root.display().to_string(), "ROOT")
}

fn passed_over(summary: &Summary) -> Vec<(&str, u32)> {
    summary.passed_over.iter().map(|(kind, number)| (kind.as_str(), *number)).collect()
}

#[test]
fn what_all_masks_have_beside_the_name_is_found() {
    const IDS: [&str; 3] = ["ISIC_0000000", "ISIC_0000001", "ISIC_0000010"];
    for (prefix, suffix) in [("", "_segmentation"), ("", "_Segmentation"), ("mask_", ""), ("", "-m")] {
        let root = named(&IDS, ["images", "masks"], [prefix, suffix]);
        let summary = held(&folder(), root.path());
        assert_eq!((summary.cases, summary.names), (3, names(prefix, suffix)));
        let told = Dataset { mask_prefix: some(prefix), mask_suffix: some(suffix), ..folder() };
        let summary = held(&told, root.path());
        assert_eq!((summary.cases, summary.names), (3, None), "nothing had to be found");
        assert_eq!(inventory(&told, Some(root.path())).unwrap(), inventory(&folder(), Some(root.path())).unwrap());
    }
    let root = named(&IDS, ["images", "masks"], ["", ""]);
    assert_eq!(held(&folder(), root.path()).names, None);
}

#[test]
fn images_and_masks_may_lie_in_folders_of_any_name() {
    let names = ["ISIC-2017_Training_Data", "truth/Part1_GroundTruth"];
    let root = named(&["a", "b"], names, ["", "_segmentation"]);
    let told = Dataset { images: some(names[0]), masks: some(names[1]), ..folder() };
    assert_eq!(held(&told, root.path()).cases, 2);
    let refused = refused(&folder(), root.path());
    assert!(
        refused.starts_with("`ROOT/images` is not a folder; name the folder of images with `images: NAME`"),
        "{refused}"
    );
    assert!(refused.ends_with("there are `ISIC-2017_Training_Data`, `truth`"), "{refused}");
}

#[test]
fn images_and_masks_may_lie_in_one_folder() {
    let root = named(&["benign (1)", "benign (2)"], ["all", "all"], ["", "_mask"]);
    let told = Dataset { images: some("all"), masks: some("all"), mask_suffix: some("_mask"), ..folder() };
    let summary = held(&told, root.path());
    assert_eq!((summary.cases, passed_over(&summary)), (2, vec![]));
    let here = Dataset { images: some("."), masks: some("."), ..told.clone() };
    assert_eq!(held(&here, &root.path().join("all")).cases, 2);
    let untold = Dataset { mask_suffix: None, ..told };
    assert!(
        refused(&untold, root.path()).starts_with("`ROOT/all` holds images and masks; say how the masks are named")
    );
}

#[test]
fn images_and_masks_that_both_have_more_than_the_name_are_paired_by_it() {
    // as DRIVE is distributed
    let root = named(&["21", "22", "30"], ["images", "1st_manual"], ["", "_manual1"]);
    for id in ["21", "22", "30"] {
        let image = root.path().join("images").join(id);
        fs::rename(image.with_extension("png"), image.with_file_name(format!("{id}_training.png"))).unwrap();
    }
    let drive = Dataset { masks: some("1st_manual"), ..folder() };
    let summary = held(&drive, root.path());
    let both = Names { images: affix("", "_training"), masks: affix("", "_manual1") };
    assert_eq!((summary.cases, summary.names), (3, Some(both)));
    let found = inventory(&drive, Some(root.path())).unwrap();
    assert_eq!(found.cases, ["21_training", "22_training", "30_training"]);

    let told = Dataset { image_suffix: some("_training"), mask_suffix: some("_manual1"), ..drive };
    assert_eq!((held(&told, root.path()).names, inventory(&told, Some(root.path())).unwrap()), (None, found));
    fs::write(root.path().join("images/view.png"), "").unwrap();
    assert_eq!(passed_over(&held(&told, root.path())), [(".png without `NAME_training`", 1)]);
    fs::remove_file(root.path().join("1st_manual/22_manual1.png")).unwrap();
    fs::remove_file(root.path().join("images/30_training.png")).unwrap();
    let expected = [
        "case `22_training` has no mask; expected `ROOT/1st_manual/22_manual1.png`",
        "case `30` has no image; expected `ROOT/images/30_training.png`",
    ];
    assert_eq!(refused(&told, root.path()), format!("2 mistakes\n  {}", expected.join("\n  ")));
}

#[test]
fn in_one_folder_what_images_have_tells_them_from_masks() {
    let root = named(&["a", "b"], ["all", "all"], ["", ""]);
    for id in ["a", "b"] {
        let (mask, image) = (root.path().join(format!("all/{id}.png")), root.path().join(format!("all/x_{id}.png")));
        fs::copy(mask, image).unwrap();
    }
    let told = Dataset { images: some("all"), masks: some("all"), image_prefix: some("x_"), ..folder() };
    assert_eq!(inventory(&told, Some(root.path())).unwrap().cases, ["x_a", "x_b"]);
}

#[test]
fn what_is_passed_over_is_counted_and_named() {
    let root = named(&["ISIC_1", "ISIC_2"], ["images", "masks"], ["", "_segmentation"]);
    for name in
        ["ISIC_1_superpixels.png", "ISIC_2_superpixels.png", "ATTRIBUTION.txt", "LICENSE", "a.TXT", "ISIC_1.json"]
    {
        fs::write(root.path().join("images").join(name), "").unwrap();
    }
    fs::write(root.path().join("masks/ISIC_1_globules.png"), "").unwrap();
    fs::create_dir(root.path().join("images/more")).unwrap();
    let summary = held(&folder(), root.path());
    let expected = [
        ("*_superpixels.png", 2),
        (".json", 1),
        (".png without `NAME_segmentation`", 1),
        (".txt", 2),
        ("LICENSE", 1),
        ("more/", 1),
    ];
    assert_eq!((summary.cases, passed_over(&summary)), (2, expected.to_vec()));
}

#[test]
fn a_picture_that_is_not_read_is_a_mistake() {
    let root = named(&["a", "b", "c"], ["images", "masks"], ["", ""]);
    let rename = |from: &str, to: &str| fs::rename(root.path().join(from), root.path().join(to)).unwrap();
    rename("images/b.png", "images/b.webp");
    assert_eq!(
        refused(&folder(), root.path()),
        "case `b`: `ROOT/images/b.webp` is in a format that is not read; save it as PNG or TIFF"
    );
    // on both sides, and of a kind that is not known
    rename("images/b.webp", "images/b.raw");
    rename("masks/b.png", "masks/b.seg");
    assert!(refused(&folder(), root.path()).starts_with("case `b`: `ROOT/images/b.raw` is in a format"));
    fs::remove_file(root.path().join("masks/b.seg")).unwrap();
    assert_eq!(passed_over(&held(&folder(), root.path())), [(".raw", 1)]);
    rename("masks/c.png", "masks/c.nii.gz");
    let refused = refused(&folder(), root.path());
    assert!(refused.starts_with("case `c`: `ROOT/masks/c.nii.gz` is in a format that is not read"), "{refused}");
}

#[test]
fn tiff_and_gif_are_read_beside_png() {
    let root = tempdir().unwrap();
    let lesions = lesions(9);
    write_masks(root.path(), "png", &lesions, |_, lesion| painted(lesion, |lesion| 255 * lesion));
    for index in 6..9 {
        let (image, mask) = (root.path().join(format!("images/c{index}")), root.path().join(format!("masks/c{index}")));
        for (path, extension) in [(image, "tif"), (mask, if index == 8 { "tiff" } else { "gif" })] {
            let picture = image::open(path.with_extension("png")).unwrap();
            let picture = if extension == "gif" { picture.into_rgba8().into() } else { picture };
            picture.save(path.with_extension(extension)).unwrap();
            fs::remove_file(path.with_extension("png")).unwrap();
        }
    }
    let summary = held(&folder(), root.path());
    assert_eq!((summary.cases, passed_over(&summary), summary.empty), (9, vec![], 0));
}

#[test]
fn names_are_compared_in_composed_form() {
    for (image, mask) in [("l\u{e4}sion", "la\u{308}sion"), ("la\u{308}sion", "l\u{e4}sion")] {
        let root = named(&["a", image], ["images", "masks"], ["", "_s\u{e9}g"]);
        fs::rename(
            root.path().join(format!("masks/{image}_s\u{e9}g.png")),
            root.path().join(format!("masks/{mask}_se\u{301}g.png")),
        )
        .unwrap();
        let summary = held(&folder(), root.path());
        assert_eq!((summary.cases, summary.names), (2, names("", "_s\u{e9}g")));
        let inventory = inventory(&folder(), Some(root.path())).unwrap();
        assert_eq!(inventory.cases, ["a", image], "an id is the name as it is on disk");
    }
    let root = named(&["l\u{e4}", "la\u{308}"], ["images", "masks"], ["", ""]);
    let refused = refused(&folder(), root.path());
    assert!(refused.starts_with("2 mistakes\n  case `l\u{e4}` is there twice"), "{refused}");
}

#[test]
fn what_systems_leave_behind_is_passed_over_in_every_format() {
    const LITTER: [&str; 6] = ["@eaDir", "__MACOSX", "lost+found", "._a.png", ".DS_Store", "Thumbs.db"];
    let litter = |folder: &Path| {
        for name in LITTER {
            if name.contains('.') {
                fs::write(folder.join(name), "").unwrap();
            } else {
                fs::create_dir_all(folder.join(name).join("inner")).unwrap();
            }
        }
        fs::write(folder.join("desktop.ini"), "").unwrap();
    };
    let root = named(&["a", "b"], ["images", "masks"], ["", ""]);
    ["", "images", "masks"].into_iter().for_each(|folder| litter(&root.path().join(folder)));
    let summary = held(&folder(), root.path());
    assert_eq!((summary.cases, passed_over(&summary)), (2, vec![]));

    let root = tempdir().unwrap();
    let (images, case) = (root.path().join("PH2Dataset").join(ph2::IMAGES), some_case(12, 12));
    for id in ["IMD002", "IMD003"] {
        let files = [
            (ph2::image_path(&images, id), bmp::image(12, 12, &case.image)),
            (ph2::mask_path(&images, id), bmp::mask(12, 12, &case.mask)),
        ];
        for (path, bytes) in files {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    [root.path(), &root.path().join("PH2Dataset"), &images].into_iter().for_each(litter);
    assert_eq!(held(&dataset(Format::Ph2), root.path()).cases, 2);
}

#[test]
fn equal_images_under_several_names_are_found() {
    let root = named(&["a", "b", "c"], ["images", "masks"], ["", ""]);
    assert!(held(&folder(), root.path()).duplicates.is_empty());
    for (from, to) in [("a", "x"), ("a", "y"), ("b", "z")] {
        // the same pixels in another format
        image::open(root.path().join(format!("images/{from}.png")))
            .unwrap()
            .save(root.path().join(format!("images/{to}.bmp")))
            .unwrap();
        fs::copy(root.path().join(format!("masks/{from}.png")), root.path().join(format!("masks/{to}.png"))).unwrap();
    }
    let summary = held(&folder(), root.path());
    assert_eq!(summary.duplicates, [vec!["a", "x", "y"], vec!["b", "z"]]);
    assert!(summary.warnings()[0].contains("`a` = `x` = `y`, `b` = `z`"));
}

#[test]
fn every_incomplete_case_of_ph2_is_named() {
    let root = tempdir().unwrap();
    let images = root.path().join(ph2::IMAGES);
    for id in ["IMD002", "IMD003", "IMD004"] {
        let path = if id == "IMD003" { ph2::mask_path(&images, id) } else { ph2::image_path(&images, id) };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bmp::image(4, 4, &some_case(4, 4).image)).unwrap();
    }
    let refused = refused(&dataset(Format::Ph2), root.path());
    assert!(refused.starts_with("3 mistakes\n  case `IMD002` has no mask"), "{refused}");
    assert!(
        refused.contains("\n  case `IMD003` has no image") && refused.contains("\n  case `IMD004` has no mask"),
        "{refused}"
    );
}
