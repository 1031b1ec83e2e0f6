//! A data set that was found and hashed, but not decoded yet.
//!
//! The content hash covers the number of cases and, for every case in the order of the ids, its id and the BLAKE3 hashes of its
//! image's and its mask's bytes. Paths are not in it: the same cases hash the same everywhere.

use super::files::CaseFiles;
use super::resize::resize;
use super::{Case, CaseSet, DataError, MAX_SIDE, folder, ph2, synthetic};
use proto::data::{Dataset, Format, Inventory, Synthetic};
use proto::ids::ContentHash;
use rayon::prelude::*;
use std::path::Path;

/// A data set that was found and hashed.
#[derive(Debug, Clone)]
pub struct Source {
    /// What it holds.
    pub inventory: Inventory,
    origin: Origin,
    /// Of the image and the mask of every case.
    hashes: Vec<[blake3::Hash; 2]>,
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
    /// If no folder is known, it cannot be read, or an image or a mask is missing.
    pub fn open(dataset: &Dataset, root: Option<&Path>) -> Result<Self, DataError> {
        let origin = match dataset.format {
            Format::Ph2 => Origin::Files(ph2::find(folder_of(dataset, root)?)?),
            Format::Folder => Origin::Files(folder::find(folder_of(dataset, root)?)?),
            Format::Synthetic => match dataset.synthetic {
                Some(parameters) if (1..=Synthetic::MAX_CASES).contains(&parameters.cases) => {
                    Origin::Synthetic(parameters)
                }
                _ => return Err(DataError::NoSynthetic { name: dataset.name.clone(), most: Synthetic::MAX_CASES }),
            },
        };
        let cases = match &origin {
            Origin::Files(files) => files.iter().map(|files| files.id.clone()).collect(),
            Origin::Synthetic(parameters) => synthetic::ids(parameters.cases),
        };
        let hashes = match &origin {
            Origin::Files(files) => files.par_iter().map(CaseFiles::hashes).collect::<Result<Vec<_>, _>>()?,
            Origin::Synthetic(parameters) => (0..parameters.cases)
                .into_par_iter()
                .map(|index| hashes(&synthetic::case(parameters.seed, index)))
                .collect(),
        };
        Ok(Self { inventory: Inventory::new(content(&cases, &hashes), cases), origin, hashes })
    }

    /// Decodes and resizes every case. `tick` is called after each, from many threads.
    ///
    /// # Errors
    /// If the size is out of range, an image cannot be decoded or does not fit its mask, or a file changed since it was hashed.
    pub fn decode(&self, image_size: u32, tick: &(dyn Fn() + Sync)) -> Result<CaseSet, DataError> {
        if !(1..=MAX_SIDE).contains(&image_size) {
            return Err(DataError::ImageSize { size: image_size, most: MAX_SIDE });
        }
        let pixels = image_size as usize * image_size as usize;
        let mut images = vec![0; self.hashes.len() * 3 * pixels];
        let mut masks = vec![0; self.hashes.len() * pixels];
        (images.par_chunks_exact_mut(3 * pixels), masks.par_chunks_exact_mut(pixels))
            .into_par_iter()
            .enumerate()
            .try_for_each(|(index, (image, mask))| {
                let case = self.case(index)?;
                resize(&case, image_size, image, mask)
                    .map_err(|source| DataError::Resize { case: self.inventory.cases[index].clone(), source })?;
                tick();
                Ok(())
            })?;
        Ok(CaseSet::new(self.inventory.clone(), image_size, images, masks))
    }

    fn case(&self, index: usize) -> Result<Case, DataError> {
        match &self.origin {
            Origin::Files(files) => files[index].decode(&self.hashes[index]),
            Origin::Synthetic(parameters) => Ok(synthetic::case(parameters.seed, index as u32)),
        }
    }
}

fn folder_of<'a>(dataset: &'a Dataset, root: Option<&'a Path>) -> Result<&'a Path, DataError> {
    let folder = root
        .or(dataset.root.as_deref().map(Path::new))
        .ok_or_else(|| DataError::NoRoot { name: dataset.name.clone() })?;
    if folder.is_dir() { Ok(folder) } else { Err(DataError::NoFolder { path: folder.to_owned() }) }
}

fn hashes(case: &Case) -> [blake3::Hash; 2] {
    let sized = |pixels: &[u8]| {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&case.width.to_le_bytes()).update(&case.height.to_le_bytes()).update(pixels).finalize()
    };
    [sized(&case.image), sized(&case.mask)]
}

fn content(cases: &[String], hashes: &[[blake3::Hash; 2]]) -> ContentHash {
    let mut bytes = b"splitsweep data set 1\n".to_vec();
    bytes.extend((cases.len() as u64).to_le_bytes());
    for (id, [image, mask]) in cases.iter().zip(hashes) {
        bytes.extend((id.len() as u64).to_le_bytes());
        bytes.extend(id.as_bytes());
        bytes.extend(image.as_bytes());
        bytes.extend(mask.as_bytes());
    }
    ContentHash::of(&bytes)
}
