//! Images without masks, which are to be segmented. They are decoded and resized as those of cases are.

use super::files::entries;
use super::folder::READ;
use super::{DataError, Source, decode, resize};
use image::RgbImage;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The images in a folder, by their names without extensions.
///
/// # Errors
/// If the folder cannot be read, two files have one name, or there is no image.
pub fn images(folder: &Path) -> Result<BTreeMap<String, PathBuf>, DataError> {
    if !folder.is_dir() {
        return Err(DataError::NoFolder { path: folder.to_owned() });
    }
    let mut images = BTreeMap::new();
    for (name, path) in entries(folder)? {
        let Some((stem, extension)) = name.rsplit_once('.') else { continue };
        if !READ.contains(&extension.to_ascii_lowercase().as_str()) || path.is_dir() {
            continue;
        }
        if let Some(first) = images.insert(stem.to_owned(), path.clone()) {
            return Err(DataError::Twice { case: stem.to_owned(), first, second: path });
        }
    }
    if images.is_empty() {
        return Err(DataError::NoImages { path: folder.to_owned() });
    }
    Ok(images)
}

/// Decodes an image.
///
/// # Errors
/// If it cannot be read or decoded, or is too large.
pub fn picture(path: &Path) -> Result<RgbImage, DataError> {
    let bytes = fs::read(path).map_err(|source| DataError::Read { path: path.to_owned(), source })?;
    decode::image(path, &bytes)
}

/// Red, green and blue of an image at the size that a network takes: `[3, size, size]`.
///
/// # Errors
/// If it cannot be resized.
pub fn shrunk(path: &Path, image: &RgbImage, size: u32) -> Result<Vec<u8>, DataError> {
    let mut resized = vec![0; 3 * size as usize * size as usize];
    let (width, height) = image.dimensions();
    let failed = |source| DataError::Resize { case: path.display().to_string(), source };
    resize::image(width, height, image.as_raw(), size, &mut resized).map_err(failed)?;
    Ok(resized)
}

impl Source {
    /// The file of each case's image, by the case's id; none of cases that are made.
    #[must_use]
    pub fn images(&self) -> BTreeMap<String, PathBuf> {
        self.files().iter().map(|files| (files.id.clone(), files.image.clone())).collect()
    }
}
