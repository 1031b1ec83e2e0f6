//! What masks say is lesion: read as it is meant, or refused with what was found. Never something else in silence.

use super::{HEIGHT, WIDTH, dataset, lesions, painted, summed_up, write_masks};
use image::{DynamicImage, GrayAlphaImage, GrayImage, ImageBuffer, Luma, RgbImage, RgbaImage, imageops};
use proto::data::{Dataset, Format, MaskRule};
use std::path::Path;
use tempfile::tempdir;
use worker::data::{inventory, load};

/// The cases of each set.
const CASES: u32 = 6;

fn by(rule: &str) -> Dataset {
    Dataset { mask: rule.parse().unwrap(), ..dataset(Format::Folder) }
}

/// The resized masks of a set, or why it is refused, with `ROOT` for its folder.
fn masks(dataset: &Dataset, root: &Path) -> Result<Vec<u8>, String> {
    let set = load(dataset, Some(root), 32, None).map(|set| set.masks.to_vec());
    set.map_err(|error| error.to_string().replace(&root.display().to_string(), "ROOT"))
}

/// The resized masks of a set whose masks `paint` makes.
fn read<P: Into<DynamicImage>>(
    dataset: &Dataset,
    extension: &str,
    paint: impl Fn(usize, &[u8]) -> P,
) -> Result<Vec<u8>, String> {
    let root = tempdir().unwrap();
    write_masks(root.path(), extension, &lesions(CASES), paint);
    masks(dataset, root.path())
}

/// The masks as they should be.
fn right() -> Vec<u8> {
    read(&dataset(Format::Folder), "png", |_, lesion| painted(lesion, |lesion| 255 * lesion)).unwrap()
}

#[track_caller]
fn assert_read<P: Into<DynamicImage>>(extension: &str, paint: impl Fn(usize, &[u8]) -> P) {
    assert_eq!(read(&dataset(Format::Folder), extension, paint), Ok(right()));
}

/// Checks that masks are refused with all these words.
#[track_caller]
fn assert_refused<P: Into<DynamicImage>>(words: &[&str], paint: impl Fn(usize, &[u8]) -> P) {
    let refused = read(&dataset(Format::Folder), "png", paint).unwrap_err();
    for word in words {
        assert!(refused.contains(word), "`{word}` is not in: {refused}");
    }
}

fn deep(lesion: &[u8], [low, high]: [u16; 2]) -> ImageBuffer<Luma<u16>, Vec<u16>> {
    let values = lesion.iter().map(|lesion| if *lesion == 1 { high } else { low }).collect();
    ImageBuffer::from_raw(WIDTH, HEIGHT, values).unwrap()
}

fn colored(lesion: &[u8], [low, high]: [[u8; 3]; 2]) -> RgbImage {
    let values = lesion.iter().flat_map(|lesion| if *lesion == 1 { high } else { low }).collect();
    RgbImage::from_raw(WIDTH, HEIGHT, values).unwrap()
}

/// Grey 0, `inner` or `outer`: the lesion, and in it a smaller one.
fn nested(lesion: &[u8], [outer, inner]: [u8; 2]) -> GrayImage {
    let width = WIDTH as usize;
    let around = |at: usize| [at - 3, at + 3, at - 3 * width, at + 3 * width];
    let is_inner = |at: usize| lesion[at] == 1 && around(at).iter().all(|at| lesion[*at] == 1);
    let value = |at: usize| match lesion[at] {
        0 => 0,
        _ if is_inner(at) => inner,
        _ => outer,
    };
    GrayImage::from_raw(WIDTH, HEIGHT, (0..lesion.len()).map(value).collect()).unwrap()
}

#[test]
fn two_levels_of_any_depth_are_read() {
    assert_read("png", |_, lesion| painted(lesion, |lesion| lesion));
    assert_read("png", |_, lesion| painted(lesion, |lesion| 100 * lesion));
    assert_read("bmp", |_, lesion| painted(lesion, |lesion| 60 + 150 * lesion));
    for levels in [[0, 1], [0, 255], [0, 65535], [9000, 60000]] {
        assert_read("png", |_, lesion| deep(lesion, levels));
        assert_read("tif", |_, lesion| deep(lesion, levels));
    }
}

#[test]
fn black_and_one_colour_are_two_levels() {
    assert_read("png", |_, lesion| colored(lesion, [[0; 3], [255; 3]]));
    assert_read("png", |_, lesion| colored(lesion, [[0; 3], [128, 0, 0]]));
    assert_read("gif", |_, lesion| DynamicImage::from(colored(lesion, [[0; 3], [255; 3]])).into_rgba8());
}

#[test]
fn edges_may_be_soft() {
    for blur in [0.5, 1.0] {
        let soft = |lesion: &[u8]| imageops::blur(&painted(lesion, |lesion| 255 * lesion), blur);
        let expected = |lesion: &[u8]| {
            let mut mask = soft(lesion);
            mask.iter_mut().for_each(|pixel| *pixel = if *pixel >= 128 { 255 } else { 0 });
            mask
        };
        let expected = read(&dataset(Format::Folder), "png", |_, lesion| expected(lesion));
        assert_eq!(read(&dataset(Format::Folder), "png", |_, lesion| soft(lesion)), expected, "blur {blur}");
    }
    // halved, with values 0, 64, 128, 191 and 255
    let halved = |lesion: &[u8]| imageops::thumbnail(&painted(lesion, |lesion| 255 * lesion), WIDTH / 2, HEIGHT / 2);
    let root = tempdir().unwrap();
    write_masks(root.path(), "png", &lesions(CASES), |_, lesion| halved(lesion));
    for index in 0..CASES {
        let path = root.path().join(format!("images/c{index}.png"));
        imageops::thumbnail(&image::open(&path).unwrap(), WIDTH / 2, HEIGHT / 2).save(path).unwrap();
    }
    assert!(masks(&dataset(Format::Folder), root.path()).is_ok());
}

#[test]
fn what_jpeg_makes_of_two_levels_is_read() {
    for quality in [30, 50, 75, 95] {
        let root = tempdir().unwrap();
        write_masks(root.path(), "png", &lesions(CASES), |_, lesion| painted(lesion, |lesion| 255 * lesion));
        for (index, lesion) in lesions(CASES).iter().enumerate() {
            let mask = DynamicImage::from(painted(lesion, |lesion| 255 * lesion)).into_rgb8();
            let file = std::fs::File::create(root.path().join(format!("masks/c{index}.jpg"))).unwrap();
            image::codecs::jpeg::JpegEncoder::new_with_quality(file, quality).encode_image(&mask).unwrap();
            std::fs::remove_file(root.path().join(format!("masks/c{index}.png"))).unwrap();
        }
        let found =
            masks(&dataset(Format::Folder), root.path()).unwrap_or_else(|refused| panic!("{quality}: {refused}"));
        let different = found.iter().zip(right()).filter(|(found, right)| *found != right).count();
        assert!(100 * different < found.len(), "quality {quality}: {different} of {} pixels", found.len());
    }
}

#[test]
fn several_classes_are_refused_with_their_shares() {
    let help = "`mask: {lesion: [";
    assert_refused(
        &["6 mistakes", "mask `ROOT/masks/c0.png`", "3 values: 0 (8", "100 (", "200 (", " %)", help],
        |_, lesion| nested(lesion, [100, 200]),
    );
    assert_refused(&["3 values: 0 (", "1 (", "2 (", help], |_, lesion| nested(lesion, [1, 2]));
    // a label of its own for what does not count
    assert_refused(&["3 values: 0 (", "1 (", "255 (", help], |_, lesion| nested(lesion, [255, 1]));
    assert_refused(&["2 values: 1 (", "2 (", help], |_, lesion| painted(lesion, |lesion| 1 + lesion));
    assert_refused(&["2 values: 127 (", "128 (", "`mask: {threshold: 128}`"], |_, lesion| {
        painted(lesion, |lesion| 127 + lesion)
    });
    assert_refused(&["2 values: #ff0000 (", "#ffffff (", "'#ff0000'"], |_, lesion| {
        colored(lesion, [[255; 3], [255, 0, 0]])
    });
    let slope = |_: usize, _: &[u8]| GrayImage::from_fn(WIDTH, HEIGHT, |x, y| Luma([(5 * x + y) as u8]));
    assert_refused(&["values: ", "and others"], slope);
}

#[test]
fn masks_that_differ_in_their_levels_are_refused() {
    let classes = |index: usize, lesion: &[u8]| painted(lesion, |lesion| lesion * if index < 4 { 100 } else { 200 });
    let words = ["0 and 100 in 4 of them, such as that of `c0`", "0 and 200 in 2", "`mask: {lesion: [100, 200]}`"];
    assert_refused(&words, classes);
    let ones = |_: usize, _: &[u8]| GrayImage::from_pixel(WIDTH, HEIGHT, Luma([1]));
    assert_refused(&["only 1 in 6 of them"], ones);
    let colors = [[128, 0, 0], [0, 128, 0]];
    assert_refused(&["#800000 in 3", "#008000 in 3"], |index, lesion| colored(lesion, [[0; 3], colors[index % 2]]));
}

#[test]
fn a_mask_of_one_value_means_what_the_others_say() {
    let root = tempdir().unwrap();
    let paint = |index: usize, lesion: &[u8]| {
        painted(lesion, |lesion| if index == 0 { 1 } else { lesion * u8::from(index > 1) })
    };
    write_masks(root.path(), "png", &lesions(CASES), paint);
    let summary = summed_up(&dataset(Format::Folder), root.path()).unwrap();
    assert_eq!((summary.full, summary.empty, summary.lesion.largest, summary.lesion.smallest), (1, 1, 1.0, 0.0));
    // not black, and yet the background
    let paint = |index: usize, lesion: &[u8]| painted(lesion, |lesion| 40 + 200 * lesion * u8::from(index > 0));
    write_masks(root.path(), "png", &lesions(CASES), paint);
    let summary = summed_up(&dataset(Format::Folder), root.path()).unwrap();
    assert_eq!((summary.full, summary.empty), (0, 1));
}

#[test]
fn a_mask_in_the_alpha_channel_is_refused_or_read_as_told() {
    let rgba = |color: u8| {
        move |_: usize, lesion: &[u8]| {
            let values = lesion.iter().flat_map(|lesion| [color, color, color, 255 * lesion]).collect();
            RgbaImage::from_raw(WIDTH, HEIGHT, values).unwrap()
        }
    };
    let gray = |_: usize, lesion: &[u8]| {
        GrayAlphaImage::from_raw(WIDTH, HEIGHT, lesion.iter().flat_map(|lesion| [90, 255 * lesion]).collect()).unwrap()
    };
    for (color, word) in [(0, "is 0 everywhere"), (255, "is 255 everywhere")] {
        assert_refused(&[word, "its alpha channel has 2 values: 0 (", "`mask: {channel: alpha}`"], rgba(color));
        assert_eq!(read(&by("channel=alpha"), "png", rgba(color)), Ok(right()));
    }
    assert_refused(&["is 90 everywhere", "`mask: {channel: alpha}`"], gray);
    assert_eq!(read(&by("channel=alpha"), "png", gray), Ok(right()));
    let refused = read(&by("channel=alpha"), "png", |_, lesion| painted(lesion, |lesion| 255 * lesion)).unwrap_err();
    assert!(refused.contains("has no alpha channel"), "{refused}");
}

#[test]
fn colour_and_alpha_have_to_say_the_same() {
    let both = |alpha: fn(u8, usize) -> u8| {
        move |_: usize, lesion: &[u8]| {
            let values = lesion.iter().enumerate();
            let values = values.flat_map(|(at, lesion)| [255 * lesion, 255 * lesion, 255 * lesion, alpha(*lesion, at)]);
            RgbaImage::from_raw(WIDTH, HEIGHT, values.collect()).unwrap()
        }
    };
    assert_read("png", both(|_, _| 255));
    assert_read("png", both(|lesion, _| 255 * lesion));
    assert_refused(
        &["which says something else", "{channel: alpha}", "{lesion: [255]}"],
        both(|_, at| if at % 2 == 0 { 0 } else { 255 }),
    );
}

#[test]
fn the_owner_says_what_is_lesion() {
    let classes = |_: usize, lesion: &[u8]| nested(lesion, [100, 200]);
    let right = right();
    assert_eq!(read(&by("lesion=100,200"), "png", classes), Ok(right.clone()));
    assert_eq!(read(&by("threshold=100"), "png", classes), Ok(right.clone()));
    let inner = read(&by("lesion=200"), "png", classes).unwrap();
    assert_eq!(read(&by("threshold=101"), "png", classes), Ok(inner.clone()));
    let outer = read(&by("lesion=100"), "png", classes).unwrap();
    let ones = |mask: &[u8]| mask.iter().map(|pixel| u32::from(*pixel)).sum::<u32>();
    assert!(0 < ones(&inner) && 0 < ones(&outer) && ones(&inner) + ones(&outer) <= ones(&right) + 32 * CASES);
    let red = |_: usize, lesion: &[u8]| colored(lesion, [[255; 3], [255, 0, 0]]);
    assert_eq!(read(&by("lesion=#ff0000"), "png", red), Ok(right.clone()));
    assert_eq!(read(&by("lesion=7,65535"), "png", |_, lesion| deep(lesion, [3, 65535])), Ok(right.clone()));
    assert_eq!(read(&by("threshold=128"), "png", |_, lesion| painted(lesion, |lesion| 127 + lesion)), Ok(right));
    let refused = read(&by("lesion=77"), "png", classes).unwrap_err();
    assert!(refused.starts_with("no lesion in any of 6 masks") && refused.ends_with("read by lesion=77"), "{refused}");
}

#[test]
fn masks_without_any_lesion_or_any_background_are_refused() {
    for (value, words) in [(0, "no lesion in any of 6 masks"), (255, "all of 6 masks are lesion everywhere")] {
        assert_refused(&[words], |_, _| GrayImage::from_pixel(WIDTH, HEIGHT, Luma([value])));
        assert_refused(&[words], |_, _| RgbImage::from_pixel(WIDTH, HEIGHT, image::Rgb([value; 3])));
        let deep = |_: usize, lesion: &[u8]| deep(lesion, [257 * u16::from(value); 2]);
        assert_refused(&[words], deep);
    }
    // a lesion of one pixel is lost at this size
    let dot = |_: usize, _: &[u8]| GrayImage::from_fn(WIDTH, HEIGHT, |x, y| Luma([if x + y == 0 { 255 } else { 0 }]));
    let root = tempdir().unwrap();
    write_masks(root.path(), "png", &lesions(1), dot);
    let refused = load(&dataset(Format::Folder), Some(root.path()), 4, None).unwrap_err().to_string();
    assert_eq!(refused, "no lesion in any of 1 masks, at 4 x 4 pixels");
}

#[test]
fn inverted_masks_are_asked_about_and_inverted_when_told() {
    let root = tempdir().unwrap();
    let inverted = |_: usize, lesion: &[u8]| painted(lesion, |lesion| 255 * (1 - lesion));
    write_masks(root.path(), "png", &lesions(CASES), inverted);
    assert!(summed_up(&dataset(Format::Folder), root.path()).unwrap().seems_inverted);
    let told = Dataset { invert: true, ..dataset(Format::Folder) };
    assert!(!summed_up(&told, root.path()).unwrap().seems_inverted);
    let (found, right) = (masks(&told, root.path()).unwrap(), right());
    let different = found.iter().zip(&right).filter(|(found, right)| found != right).count();
    assert!(different <= 12, "{different} pixels of a resized edge may lie exactly between");
    // a large lesion is not an inverted mask, nor is a mask whose border is free
    let large = |_: usize, _: &[u8]| GrayImage::from_fn(WIDTH, HEIGHT, |x, _| Luma([if x > 9 { 255 } else { 0 }]));
    write_masks(root.path(), "png", &lesions(CASES), large);
    assert!(!summed_up(&dataset(Format::Folder), root.path()).unwrap().seems_inverted);
    let framed = |_: usize, _: &[u8]| {
        GrayImage::from_fn(WIDTH, HEIGHT, |x, y| {
            Luma([if (2..WIDTH - 2).contains(&x) && (2..HEIGHT - 2).contains(&y) { 255 } else { 0 }])
        })
    };
    write_masks(root.path(), "png", &lesions(CASES), framed);
    assert!(!summed_up(&dataset(Format::Folder), root.path()).unwrap().seems_inverted);
}

#[test]
fn what_changes_the_pixels_changes_the_content() {
    let root = tempdir().unwrap();
    write_masks(root.path(), "png", &lesions(CASES), |_, lesion| painted(lesion, |lesion| 255 * lesion));
    let content = |dataset: Dataset| inventory(&dataset, Some(root.path())).unwrap().content;
    let usual = content(dataset(Format::Folder));
    let others = [
        content(by("lesion=255")),
        content(by("threshold=128")),
        content(by("channel=alpha")),
        content(Dataset { invert: true, ..dataset(Format::Folder) }),
    ];
    for (index, other) in others.iter().enumerate() {
        assert!(*other != usual && !others[..index].contains(other), "{index}");
    }
    let named = Dataset { images: Some("images".to_owned()), mask: MaskRule::default(), ..dataset(Format::Folder) };
    assert_eq!(content(named), usual);
}
