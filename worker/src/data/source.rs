//! A data set that was found and hashed, but not decoded yet.
//!
//! The content hash covers the number of cases and, for every case in the order of the ids, its id and the BLAKE3 hashes of its
//! image's and its mask's bytes. Where the data set's description changes how masks are read, or a picture is turned upright, that
//! is in it too. Paths are not in it: the same cases hash the same everywhere.

use super::files::{CaseFiles, Identity};
use super::mask::{self, Levels};
use super::resize::resize;
use super::{Case, CaseSet, DataError, MAX_IMAGE_SIZE, folder, ph2, synthetic};
use proto::data::{Dataset, Format, Inventory, MaskRule, Names, Synthetic};
use proto::ids::ContentHash;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// A data set that was found and hashed.
#[derive(Debug, Clone)]
pub struct Source {
    /// What it holds.
    pub inventory: Inventory,
    origin: Origin,
    mask: MaskRule,
    invert: bool,
    /// Of the image and the mask of every case.
    identities: Vec<[Identity; 2]>,
    /// What all names of files have beside the case's, if nobody had said so.
    pub(super) names: Option<Names>,
    /// Number of files that are no part of a case, by kind.
    pub(super) passed_over: BTreeMap<String, u32>,
}

#[derive(Debug, Clone)]
enum Origin {
    Files(Vec<CaseFiles>),
    Synthetic(Synthetic),
}

impl Source {
    /// Finds a data set in `root`, else in the data set's own folder, and hashes it.
    ///
    /// # Errors
    /// If no folder is known, it cannot be read, or images or masks are missing.
    pub fn open(dataset: &Dataset, root: Option<&Path>) -> Result<Self, DataError> {
        let (mut names, mut passed_over) = (None, BTreeMap::new());
        let origin = match dataset.format {
            Format::Ph2 => Origin::Files(ph2::find(folder_of(dataset, root)?)?),
            Format::Folder => {
                let found = folder::find(folder_of(dataset, root)?, dataset)?;
                (names, passed_over) = (found.names, found.passed_over);
                Origin::Files(found.cases)
            }
            Format::Synthetic => match dataset.synthetic {
                Some(parameters) if (1..=Synthetic::MAX_CASES).contains(&parameters.cases) => {
                    Origin::Synthetic(parameters)
                }
                _ => return Err(DataError::NoSynthetic { name: dataset.name.clone(), most: Synthetic::MAX_CASES }),
            },
        };
        let cases = match &origin {
            Origin::Files(files) => files.iter().map(|files| files.id.clone()).collect(),
            Origin::Synthetic(parameters) => parameters.ids(),
        };
        let identities = match &origin {
            Origin::Files(files) => all(files.par_iter().map(CaseFiles::identify).collect())?,
            Origin::Synthetic(parameters) => (0..parameters.cases)
                .into_par_iter()
                .map(|index| identities(&synthetic::case(parameters.seed, index)))
                .collect(),
        };
        let content = content(&cases, &identities, dataset);
        let (mask, invert) = (dataset.mask.clone(), dataset.invert);
        Ok(Self { inventory: Inventory::new(content, cases), origin, mask, invert, identities, names, passed_over })
    }

    /// Where the images and masks lie; nowhere if they are made.
    pub(super) fn files(&self) -> &[CaseFiles] {
        match &self.origin {
            Origin::Files(files) => files,
            Origin::Synthetic(_) => &[],
        }
    }

    /// Number of pictures that decoding turns upright.
    pub(super) fn turned(&self) -> u32 {
        self.identities.iter().flatten().filter(|identity| identity.is_turned).count() as u32
    }

    /// Decodes and resizes every case. `tick` is called after each, from many threads.
    ///
    /// # Errors
    /// If the size is out of range; everything that is wrong with the pictures: one cannot be decoded, does not fit its mask or has
    /// changed since it was hashed, or a mask does not say what is lesion; or if no mask has a lesion, or none a background.
    pub fn decode(&self, image_size: u32, tick: &(dyn Fn() + Sync)) -> Result<CaseSet, DataError> {
        if !(1..=MAX_IMAGE_SIZE).contains(&image_size) {
            return Err(DataError::ImageSize { size: image_size, most: MAX_IMAGE_SIZE });
        }
        let pixels = image_size as usize * image_size as usize;
        let mut images = vec![0; self.identities.len() * 3 * pixels];
        let mut masks = vec![0; self.identities.len() * pixels];
        let levels = (images.par_chunks_exact_mut(3 * pixels), masks.par_chunks_exact_mut(pixels))
            .into_par_iter()
            .enumerate()
            .map(|(index, (image, mask))| {
                let (case, levels) = self.case(index)?;
                resize(&case, image_size, image, mask)
                    .map_err(|source| DataError::Resize { case: self.inventory.cases[index].clone(), source })?;
                tick();
                Ok(levels)
            })
            .collect();
        for background in self.background(&all(levels)?)? {
            masks[background * pixels..][..pixels].fill(self.invert.into());
        }
        let (cases, size, rule) = (self.identities.len(), image_size, || self.mask.clone());
        match masks.iter().copied().min().zip(masks.iter().copied().max()) {
            Some((_, 0)) => Err(DataError::NoLesion { cases, size, rule: rule() }),
            Some((1, _)) => Err(DataError::NoBackground { cases, size, rule: rule() }),
            _ => Ok(CaseSet::new(self.inventory.clone(), image_size, images, masks)),
        }
    }

    /// A case as large as it is, and what its mask's levels are, if they say what is lesion.
    fn case(&self, index: usize) -> Result<(Case, Option<Levels>), DataError> {
        match &self.origin {
            Origin::Files(files) => {
                let (mut case, levels) = files[index].decode(&self.identities[index], &self.mask)?;
                if self.invert {
                    case.mask.iter_mut().for_each(|pixel| *pixel ^= 1);
                }
                Ok((case, levels))
            }
            Origin::Synthetic(parameters) => Ok((synthetic::case(parameters.seed, index as u32), None)),
        }
    }

    /// The masks that are background everywhere though they are not black.
    fn background(&self, levels: &[Option<Levels>]) -> Result<Vec<usize>, DataError> {
        let levels = levels.iter().enumerate().filter_map(|(index, levels)| Some((index, (*levels)?)));
        mask::agree(levels).map_err(|groups| DataError::Levels {
            found: mask::describe(&groups, &self.inventory.cases),
            values: mask::bright_values(&groups),
        })
    }
}

/// All values, or all errors.
fn all<T>(results: Vec<Result<T, DataError>>) -> Result<Vec<T>, DataError> {
    let (mut values, mut errors) = (Vec::with_capacity(results.len()), Vec::new());
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(DataError::of(errors)) }
}

fn folder_of<'a>(dataset: &'a Dataset, root: Option<&'a Path>) -> Result<&'a Path, DataError> {
    let folder = root
        .or(dataset.root.as_deref().map(Path::new))
        .ok_or_else(|| DataError::NoRoot { name: dataset.name.clone() })?;
    if folder.is_dir() { Ok(folder) } else { Err(DataError::NoFolder { path: folder.to_owned() }) }
}

fn identities(case: &Case) -> [Identity; 2] {
    let sized = |pixels: &[u8]| {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&case.width.to_le_bytes()).update(&case.height.to_le_bytes()).update(pixels).finalize()
    };
    [sized(&case.image), sized(&case.mask)].map(|hash| Identity { hash, is_turned: false })
}

fn content(cases: &[String], identities: &[[Identity; 2]], dataset: &Dataset) -> ContentHash {
    let mut bytes = b"splitsweep data set 1\n".to_vec();
    bytes.extend((cases.len() as u64).to_le_bytes());
    for (id, [image, mask]) in cases.iter().zip(identities) {
        bytes.extend((id.len() as u64).to_le_bytes());
        bytes.extend(id.as_bytes());
        bytes.extend(image.hash.as_bytes());
        bytes.extend(mask.hash.as_bytes());
    }
    // what is usual adds nothing, so that older results stay valid
    let mut add = |text: String| {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    };
    if !dataset.mask.is_default() {
        add(format!("mask {}", dataset.mask));
    }
    if dataset.invert {
        add("invert".to_owned());
    }
    // once they were read unturned
    for (index, _) in identities.iter().flatten().enumerate().filter(|(_, identity)| identity.is_turned) {
        add(format!("turned {index}"));
    }
    ContentHash::of(&bytes)
}
