//! A case as two files: found, hashed, decoded. Knows no folder layout.

use super::{Case, DataError, decode};
use std::fs::{self, DirEntry, File};
use std::path::{Path, PathBuf};

/// Where the image and the mask of a case lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CaseFiles {
    /// The case's id.
    pub(super) id: String,
    /// Its image.
    pub(super) image: PathBuf,
    /// Its mask.
    pub(super) mask: PathBuf,
}

impl CaseFiles {
    /// The hashes of the image's and the mask's bytes.
    pub(super) fn hashes(&self) -> Result<[blake3::Hash; 2], DataError> {
        Ok([hash(&self.image)?, hash(&self.mask)?])
    }

    /// Decodes the case, if its files still have the hashes that were taken.
    pub(super) fn decode(&self, hashes: &[blake3::Hash; 2]) -> Result<Case, DataError> {
        let image = decode::image(&self.image, &read(&self.image, hashes[0])?)?;
        let mask = decode::mask(&self.mask, &read(&self.mask, hashes[1])?)?;
        if image.dimensions() != mask.dimensions() {
            let (image, mask) = (image.dimensions(), mask.dimensions());
            return Err(DataError::Sizes { case: self.id.clone(), image, mask });
        }
        let (width, height) = image.dimensions();
        Ok(Case { width, height, image: image.into_raw(), mask: mask.into_raw() })
    }
}

/// What lies in a folder, hidden entries left out, with its name.
pub(super) fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let unreadable = |source| DataError::Read { path: folder.to_owned(), source };
    let named = |entry: DirEntry| match entry.file_name().into_string() {
        Ok(name) => Ok((name, entry.path())),
        Err(_) => Err(DataError::Name { path: entry.path() }),
    };
    let mut entries = fs::read_dir(folder)
        .map_err(unreadable)?
        .map(|entry| named(entry.map_err(unreadable)?))
        .collect::<Result<Vec<_>, _>>()?;
    entries.retain(|(name, _)| !name.starts_with('.'));
    entries.sort();
    Ok(entries)
}

fn hash(path: &Path) -> Result<blake3::Hash, DataError> {
    let mut hasher = blake3::Hasher::new();
    File::open(path)
        .and_then(|file| hasher.update_reader(file).map(|hasher| hasher.finalize()))
        .map_err(|source| DataError::Read { path: path.to_owned(), source })
}

fn read(path: &Path, expected: blake3::Hash) -> Result<Vec<u8>, DataError> {
    let bytes = fs::read(path).map_err(|source| DataError::Read { path: path.to_owned(), source })?;
    if blake3::hash(&bytes) == expected { Ok(bytes) } else { Err(DataError::Changed { path: path.to_owned() }) }
}
