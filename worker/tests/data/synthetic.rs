//! Synthetic cases: the same everywhere, like lesions, and the same on disk as in memory.

use super::{dataset, synthetic};
use clap::Parser;
use proto::data::{Format, Synthetic};
use proto::extras::Baseline;
use std::fs;
use tempfile::tempdir;
use worker::cli::{prepare, synthesize};
use worker::data::synthetic::case;
use worker::data::{Case, inventory, load};
use worker::train::baselines::Baselines;

#[derive(Parser)]
enum Cli {
    Prepare(Box<prepare::Args>),
    Synthesize(synthesize::Args),
}

fn run(arguments: &[&str]) -> Result<(), String> {
    match Cli::try_parse_from([&["worker"], arguments].concat()).map_err(|error| error.to_string())? {
        Cli::Prepare(args) => prepare::run(*args).map_err(|error| error.to_string()),
        Cli::Synthesize(args) => synthesize::run(args).map_err(|error| error.to_string()),
    }
}

/// Workers on different machines must find the same content.
#[test]
fn the_cases_of_a_seed_never_change() {
    assert_eq!(inventory(&synthetic(3), None).unwrap().content.to_string(), "1346511e11681294d740d20f3c7ef29e");
}

#[test]
fn cases_differ_by_index_and_by_seed() {
    assert_eq!(case(1, 0), case(1, 0));
    assert_ne!(case(1, 0), case(1, 1));
    assert_ne!(case(1, 0), case(2, 0));
}

#[test]
fn ids_are_sorted() {
    let ids = |cases| Synthetic { cases, seed: 0 }.ids();
    assert_eq!(ids(2), ["SYN000", "SYN001"]);
    for cases in [1000, 1001] {
        assert!(ids(cases).is_sorted());
    }
}

#[test]
fn every_lesion_is_one_piece_and_darker_than_the_skin_around_it() {
    let mut cut = 0;
    for index in 0..60 {
        let case = case(0, index);
        let (width, lesion) = (case.width as usize, case.mask.iter().filter(|pixel| **pixel == 1).count());
        let share = lesion as f64 / case.mask.len() as f64;
        assert!((0.01..0.99).contains(&share), "case {index}: {share}");
        let [inside, outside] = beside_the_border(&case);
        assert!(inside < outside, "case {index}: {inside} inside, {outside} outside");
        assert_eq!(reached(&case.mask, width), lesion, "case {index} has several pieces");
        cut += usize::from(case.mask[..width].contains(&1) || case.mask[case.mask.len() - width..].contains(&1));
    }
    assert!((5..40).contains(&cut), "{cut} of 60 are cut by the border");
}

/// The medians of green on both sides of a lesion's border, 15 pixels to the left and right of where a row crosses it.
fn beside_the_border(case: &Case) -> [u8; 2] {
    let width = case.width as usize;
    let mut sides = [Vec::new(), Vec::new()];
    for at in 15..case.mask.len() - 15 {
        let column = at % width;
        if (15..width - 15).contains(&column) && case.mask[at - 1] != case.mask[at] {
            for beside in [at - 15, at + 14] {
                sides[usize::from(case.mask[beside] == 0)].push(case.image[3 * beside + 1]);
            }
        }
    }
    sides.map(|mut side| {
        side.sort_unstable();
        side[side.len() / 2]
    })
}

#[test]
fn no_threshold_finds_the_lesions() {
    let set = load(&synthetic(100), None, 64, None).unwrap();
    let cases: Vec<u32> = (0..100).collect();
    let iou = |baseline| {
        let counts = Baselines::new(&set, &cases).counts(baseline, &cases);
        counts.iter().map(|case| case.counts.iou()).sum::<f64>() / 100.0
    };
    let [otsu, mean_mask] = [Baseline::Otsu, Baseline::MeanMask].map(iou);
    assert!(otsu < 0.45 && mean_mask < 0.5, "IoU {otsu} by Otsu's threshold, {mean_mask} by the mean mask");
}

/// The number of lesion pixels reached from the first one over edges.
fn reached(mask: &[u8], width: usize) -> usize {
    let mut left = mask.to_vec();
    let mut next: Vec<_> = mask.iter().position(|pixel| *pixel == 1).into_iter().collect();
    let mut count = 0;
    while let Some(at) = next.pop() {
        if std::mem::take(&mut left[at]) == 0 {
            continue;
        }
        count += 1;
        next.extend((at % width > 0).then(|| at - 1));
        next.extend((at % width + 1 < width).then_some(at + 1));
        next.extend(at.checked_sub(width));
        next.extend(Some(at + width).filter(|below| *below < mask.len()));
    }
    count
}

#[test]
fn written_cases_are_read_as_they_were_made() {
    let folder = tempdir().unwrap();
    let root = folder.path().join("made");
    run(&["synthesize", "--out", root.to_str().unwrap(), "--cases", "9", "--seed", "1"]).unwrap();
    let (disk, memory) =
        (load(&dataset(Format::Ph2), Some(&root), 64, None).unwrap(), load(&synthetic(9), None, 64, None).unwrap());
    assert_eq!(disk.inventory.cases, memory.inventory.cases);
    assert!(disk.images == memory.images && disk.masks == memory.masks);
    // bits a pixel and height in the masks' headers
    let masks = disk.inventory.cases.iter().map(|id| {
        let bytes = fs::read(worker::data::ph2::mask_path(&root.join(worker::data::ph2::IMAGES), id)).unwrap();
        (bytes[28], i32::from_le_bytes(bytes[22..26].try_into().unwrap()) < 0)
    });
    let expected = (0..9).map(|index| if index % 8 == 0 { (24, true) } else { (1, false) });
    assert!(masks.eq(expected));
}

#[test]
fn a_folder_that_holds_something_is_left_alone() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("mine"), "precious").unwrap();
    let error = run(&["synthesize", "--out", folder.path().to_str().unwrap(), "--cases", "2"]).unwrap_err();
    assert!(error.contains("is not an empty folder"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let file = folder.path().join("mine");
    assert!(run(&["synthesize", "--out", file.to_str().unwrap(), "--cases", "2"]).is_err());
    assert_eq!(fs::read_to_string(file).unwrap(), "precious");
}

#[test]
fn an_empty_folder_is_filled() {
    let folder = tempdir().unwrap();
    run(&["synthesize", "--out", folder.path().to_str().unwrap(), "--cases", "2"]).unwrap();
    assert_eq!(inventory(&dataset(Format::Ph2), Some(folder.path())).unwrap().cases, ["SYN000", "SYN001"]);
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("missing/made");
    let error = run(&["synthesize", "--out", out.to_str().unwrap(), "--cases", "2"]).unwrap_err();
    assert!(error.contains("missing/made") && error.contains("check that the folder it lies in exists"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_prepare_writes_is_what_load_returns() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("new/prepared.safetensors");
    let arguments = ["prepare", "--format", "synthetic", "--cases", "4", "--seed", "1", "--image-size", "32", "--out"];
    run(&[&arguments[..], &[file.to_str().unwrap()]].concat()).unwrap();
    let set = load(&synthetic(4), None, 32, None).unwrap();
    let bytes = fs::read(file).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("images").unwrap().shape(), [4, 3, 32, 32]);
    assert_eq!(tensors.tensor("masks").unwrap().shape(), [4, 32, 32]);
    assert_eq!(set.images, tensors.tensor("images").unwrap().data());
    assert_eq!(set.masks, tensors.tensor("masks").unwrap().data());
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().as_ref().unwrap();
    assert_eq!(metadata["cases"], r#"["SYN000","SYN001","SYN002","SYN003"]"#);
    assert_eq!(metadata["content"], set.inventory.content.to_string());
    assert_eq!(metadata["image_size"], "32");
}

#[test]
fn prepare_asks_for_what_a_format_needs() {
    for (arguments, expected) in [
        (&["--format", "ph2"][..], "--data <PATH>"),
        (&["--format", "synthetic"], "--cases <N>"),
        (&["--format", "tiff", "--data", "x"], "[possible values: ph2, folder, synthetic]"),
        (&["--format", "ph2", "--data", "/nowhere/at/all"], "`/nowhere/at/all` is not a folder"),
    ] {
        let error = run(&[&["prepare"], arguments].concat()).unwrap_err();
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
}
