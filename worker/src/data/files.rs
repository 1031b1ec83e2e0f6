//! A case as two files: found, hashed, decoded. Knows no folder layout.

use super::decode;
use super::mask::Levels;
use super::{Case, DataError};
use proto::data::MaskRule;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufReader, Seek};
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

/// What is known of a picture's file before it is decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    /// Of all bytes.
    pub(super) hash: blake3::Hash,
    /// Whether decoding turns the picture.
    pub(super) is_turned: bool,
}

impl CaseFiles {
    /// What is known of the image and of the mask.
    pub(super) fn identify(&self) -> Result<[Identity; 2], DataError> {
        Ok([identify(&self.image)?, identify(&self.mask)?])
    }

    /// Decodes the case, if its files still have the hashes that were taken; and the mask's levels, if they say what is lesion.
    pub(super) fn decode(
        &self,
        identities: &[Identity; 2],
        rule: &MaskRule,
    ) -> Result<(Case, Option<Levels>), DataError> {
        let [of_image, of_mask] = identities;
        let image = decode::image(&self.image, &read(&self.image, of_image.hash)?)?;
        let mask = decode::mask(&self.mask, &read(&self.mask, of_mask.hash)?, rule)?;
        let (width, height) = image.dimensions();
        if (width, height) != (mask.width, mask.height) {
            let is_turned = of_image.is_turned != of_mask.is_turned && (height, width) == (mask.width, mask.height);
            let (image, mask) = ((width, height), (mask.width, mask.height));
            return Err(DataError::Sizes { case: self.id.clone(), image, mask, is_turned });
        }
        Ok((Case { width, height, image: image.into_raw(), mask: mask.pixels }, mask.levels))
    }
}

/// What lies in a folder, with its name, sorted by name. What systems and programs leave there by themselves is left out.
pub(super) fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let unreadable = |source| DataError::Read { path: folder.to_owned(), source };
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        match entry.file_name().into_string() {
            Ok(name) if is_litter(&name) => {}
            Ok(name) => entries.push((name, entry.path())),
            Err(name) if is_hidden(&name) => {}
            Err(_) => return Err(DataError::Name { path: entry.path() }),
        }
    }
    entries.sort();
    Ok(entries)
}

/// Whether the system or a program made it: hidden files (`._*` and `.DS_Store` among them), and what is named here.
fn is_litter(name: &str) -> bool {
    const LITTER: [&str; 5] = ["@eadir", "__macosx", "thumbs.db", "desktop.ini", "lost+found"];
    is_hidden(OsStr::new(name)) || LITTER.contains(&name.to_ascii_lowercase().as_str())
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn identify(path: &Path) -> Result<Identity, DataError> {
    let unreadable = |source| DataError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    let hash = blake3::Hasher::new().update_reader(&file).map_err(unreadable)?.finalize();
    file.rewind().map_err(unreadable)?;
    Ok(Identity { hash, is_turned: decode::is_turned(BufReader::new(file)) })
}

fn read(path: &Path, expected: blake3::Hash) -> Result<Vec<u8>, DataError> {
    let bytes = fs::read(path).map_err(|source| DataError::Read { path: path.to_owned(), source })?;
    if blake3::hash(&bytes) == expected { Ok(bytes) } else { Err(DataError::Changed { path: path.to_owned() }) }
}
