//! The plain layout: a folder of images and a folder of masks with corresponding names. Knows no pixels.
//!
//! Names are compared in Unicode's composed form (NFC), because some systems write `ä` as one character and others as two.

use super::DataError;
use super::files::{CaseFiles, entries};
use super::naming;
use proto::data::{Affix, Dataset, Names};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use unicode_normalization::UnicodeNormalization;

const LAYOUT: &str = "`images/NAME.png` and `masks/NAME.png` (also .jpg, .jpeg, .bmp, .tif, .tiff and .gif)";
/// Extensions of the pictures that are read.
pub(super) const READ: [&str; 7] = ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "gif"];
/// Pictures that are not read. A file with another extension is a picture only if it has the name of one.
const NOT_READ: [&str; 20] = [
    "webp", "jp2", "j2k", "jpx", "heic", "heif", "avif", "dcm", "nii", "nii.gz", "mha", "nrrd", "npy", "mat", "psd",
    "tga", "pgm", "ppm", "pbm", "svg",
];
/// What ISIC puts beside its images: for each a picture that is neither image nor mask.
const SUPERPIXELS: &str = "_superpixels";

/// What a folder holds.
#[derive(Debug)]
pub(super) struct Found {
    /// The cases, by id: the name of the image's file without its extension.
    pub(super) cases: Vec<CaseFiles>,
    /// What all names of files have beside the case's, if nobody had said so.
    pub(super) names: Option<Names>,
    /// Number of files that are no part of a case, by kind.
    pub(super) passed_over: BTreeMap<String, u32>,
}

/// The cases below `root`.
///
/// # Errors
/// Everything that is wrong with the folders.
pub(super) fn find(root: &Path, dataset: &Dataset) -> Result<Found, DataError> {
    let folder = |name: &Option<String>, default| root.join(name.as_deref().unwrap_or(default));
    let (of_images, of_masks) = (folder(&dataset.images, "images"), folder(&dataset.masks, "masks"));
    let given = given_names(dataset);
    let (images, masks) = if of_images.components().eq(of_masks.components()) {
        let Some(names) = given.as_ref().filter(|names| **names != Names::default()) else {
            return Err(DataError::OneFolder { path: of_images });
        };
        Listing::read(root, "images", &of_images)?.divide(names)
    } else {
        (Listing::read(root, "images", &of_images)?, Listing::read(root, "masks", &of_masks)?)
    };
    if images.pictures.is_empty() && masks.pictures.is_empty() && images.others.is_empty() {
        return Err(DataError::NoCases { path: root.to_owned(), layout: LAYOUT });
    }
    let found = given.is_none().then(|| naming::names(&images.stems(), &masks.stems())).flatten();
    let names = given.or_else(|| found.clone()).unwrap_or_default();
    let mut pairing = Pairing { names, of_images, of_masks, ..Pairing::default() };
    pairing.pair(images, masks);
    let Pairing { cases, passed_over, mistakes, .. } = pairing;
    if mistakes.is_empty() { Ok(Found { cases, names: found, passed_over }) } else { Err(DataError::of(mistakes)) }
}

fn given_names(dataset: &Dataset) -> Option<Names> {
    let Dataset { image_prefix, image_suffix, mask_prefix, mask_suffix, .. } = dataset;
    let is_given = [image_prefix, image_suffix, mask_prefix, mask_suffix].into_iter().any(Option::is_some);
    let text = |text: &Option<String>| text.as_deref().map(composed).unwrap_or_default();
    let affix = |prefix, suffix| Affix { prefix: text(prefix), suffix: text(suffix) };
    is_given.then(|| Names { images: affix(image_prefix, image_suffix), masks: affix(mask_prefix, mask_suffix) })
}

/// A name in the form in which names are compared.
fn composed(name: &str) -> String {
    name.nfc().collect()
}

/// A file by its name.
#[derive(Debug)]
struct Entry {
    /// The name without its extension, as it is on disk.
    stem: String,
    /// What it is counted as when it is passed over: its extension, or its name.
    kind: String,
    path: PathBuf,
    /// Whether it is a picture by its extension.
    is_picture: bool,
}

impl Entry {
    fn new(name: &str, path: PathBuf) -> Self {
        let bare = name.strip_suffix(".gz").unwrap_or(name);
        let (stem, extension) = bare.rsplit_once('.').unwrap_or((name, ""));
        let extension = name.get(stem.len() + 1..).unwrap_or(extension).to_ascii_lowercase();
        let kind = if extension.is_empty() { name.to_owned() } else { format!(".{extension}") };
        let is_picture = READ.contains(&extension.as_str()) || NOT_READ.contains(&extension.as_str());
        Self { stem: stem.to_owned(), kind, path, is_picture }
    }

    fn is_read(&self) -> bool {
        READ.iter().any(|extension| self.kind.strip_prefix('.') == Some(extension))
    }
}

/// The files of a folder, by their stems in composed form.
#[derive(Debug, Default)]
struct Listing {
    /// Those that are read.
    pictures: BTreeMap<String, Entry>,
    /// The first other file of that stem.
    others: BTreeMap<String, Entry>,
    passed_over: BTreeMap<String, u32>,
    mistakes: Vec<DataError>,
}

impl Listing {
    /// Lists a folder, which `key` of the data set names.
    fn read(root: &Path, key: &'static str, folder: &Path) -> Result<Self, DataError> {
        if !folder.is_dir() {
            let folders = entries(root)?.into_iter().filter(|(_, path)| path.is_dir()).map(|(name, _)| name);
            return Err(DataError::NoInnerFolder { path: folder.to_owned(), key, folders: folders.collect() });
        }
        let mut listing = Self::default();
        for (name, path) in entries(folder)? {
            match path.is_dir() {
                true => listing.pass_over(format!("{name}/")),
                false => listing.add(Entry::new(&name, path)),
            }
        }
        Ok(listing)
    }

    fn add(&mut self, entry: Entry) {
        let stem = composed(&entry.stem);
        if stem.ends_with(SUPERPIXELS) {
            self.pass_over(format!("*{SUPERPIXELS}{}", entry.kind));
        } else if !entry.is_read() {
            if let Some(entry) = self.others.insert(stem, entry) {
                self.pass_over(entry.kind);
            }
        } else if let Some(first) = self.pictures.get(&stem) {
            let (case, first) = (entry.stem, first.path.clone());
            self.mistakes.push(DataError::Twice { case, first, second: entry.path });
        } else {
            self.pictures.insert(stem, entry);
        }
    }

    fn pass_over(&mut self, kind: String) {
        *self.passed_over.entry(kind).or_default() += 1;
    }

    fn stems(&self) -> BTreeSet<&str> {
        self.pictures.keys().chain(self.others.keys()).map(String::as_str).collect()
    }

    /// The images and the masks of a folder that holds both.
    fn divide(self, names: &Names) -> (Self, Self) {
        let is_image = |stem: &str| names.images != Affix::default() && naming::case_of(stem, &names.images).is_some();
        let is_mask = |stem: &String| !is_image(stem) && naming::case_of(stem, &names.masks).is_some();
        let divide = |files: BTreeMap<String, Entry>| files.into_iter().partition(|(stem, _)| !is_mask(stem));
        let (pictures, masks) = divide(self.pictures);
        let (others, other_masks) = divide(self.others);
        let masks = Self { pictures: masks, others: other_masks, ..Self::default() };
        (Self { pictures, others, ..self }, masks)
    }
}

/// Images and masks are put together.
#[derive(Debug, Default)]
struct Pairing {
    names: Names,
    of_images: PathBuf,
    of_masks: PathBuf,
    cases: Vec<CaseFiles>,
    passed_over: BTreeMap<String, u32>,
    mistakes: Vec<DataError>,
}

impl Pairing {
    fn pair(&mut self, images: Listing, masks: Listing) {
        for listing in [&images, &masks] {
            for (kind, number) in &listing.passed_over {
                *self.passed_over.entry(kind.clone()).or_default() += number;
            }
        }
        let Names { images: of_images, masks: of_masks } = self.names.clone();
        let mut read_images = self.by_case(images.pictures, &of_images, true);
        let mut other_images = self.by_case(images.others, &of_images, false);
        self.mistakes.extend(images.mistakes);
        let mut read_masks = self.by_case(masks.pictures, &of_masks, true);
        let mut other_masks = self.by_case(masks.others, &of_masks, false);
        self.mistakes.extend(masks.mistakes);
        let all = [&read_images, &other_images, &read_masks, &other_masks];
        let names: BTreeSet<String> = all.into_iter().flat_map(BTreeMap::keys).cloned().collect();
        for name in names {
            let image = [read_images.remove(&name), other_images.remove(&name)];
            let mask = [read_masks.remove(&name), other_masks.remove(&name)];
            self.put_together(&name, image, mask);
        }
        // in the order of the names as they are on disk, as ever
        self.cases.sort_by(|one, other| one.id.cmp(&other.id));
    }

    /// Files by the names of their cases. One that is not named like the others of its folder is passed over.
    fn by_case(&mut self, files: BTreeMap<String, Entry>, affix: &Affix, is_read: bool) -> BTreeMap<String, Entry> {
        let mut by_case = BTreeMap::new();
        for (stem, entry) in files {
            match naming::case_of(&stem, affix) {
                Some(name) => drop(by_case.insert(name.to_owned(), entry)),
                None if is_read => self.pass_over(format!("{} without `{}`", entry.kind, affix.pattern())),
                None => self.pass_over(entry.kind),
            }
        }
        by_case
    }

    fn pass_over(&mut self, kind: String) {
        *self.passed_over.entry(kind).or_default() += 1;
    }

    /// Makes a case of the files that belong to one name: of each the one that is read, and another.
    fn put_together(&mut self, name: &str, image: [Option<Entry>; 2], mask: [Option<Entry>; 2]) {
        let [image, other_image] = image;
        let [mask, other_mask] = mask;
        match (image, mask) {
            (Some(image), Some(mask)) => {
                self.cases.push(CaseFiles { id: image.stem, image: image.path, mask: mask.path });
                [other_image, other_mask].into_iter().flatten().for_each(|other| self.pass_over(other.kind));
            }
            (Some(image), None) => {
                // as it is on disk
                let own = naming::case_of(&image.stem, &self.names.images).unwrap_or(name);
                let expected = self.of_masks.join(file_name(own, &self.names.masks));
                let missing = DataError::NoMask { case: image.stem, expected };
                self.mistakes.push(other_mask.map_or(missing, |other| unread(name, other)));
                other_image.into_iter().for_each(|other| self.pass_over(other.kind));
            }
            (None, Some(_)) => {
                let expected = self.of_images.join(file_name(name, &self.names.images));
                let missing = DataError::NoImage { case: name.to_owned(), expected };
                self.mistakes.push(other_image.map_or(missing, |other| unread(name, other)));
                other_mask.into_iter().for_each(|other| self.pass_over(other.kind));
            }
            (None, None) => {
                let is_pair = other_image.is_some() && other_mask.is_some();
                for (index, other) in [other_image, other_mask].into_iter().flatten().enumerate() {
                    match other.is_picture || is_pair {
                        true if index == 0 => self.mistakes.push(unread(name, other)),
                        true => {}
                        false => self.pass_over(other.kind),
                    }
                }
            }
        }
    }
}

/// The name of a file that is missing.
fn file_name(case: &str, Affix { prefix, suffix }: &Affix) -> String {
    format!("{prefix}{case}{suffix}.png")
}

fn unread(case: &str, other: Entry) -> DataError {
    DataError::Unread { case: case.to_owned(), path: other.path }
}
