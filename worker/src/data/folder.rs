//! The plain layout: `images/` and `masks/` with equal stems, PNG, JPEG or BMP. Knows no pixels.

use super::DataError;
use super::files::{CaseFiles, entries};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const LAYOUT: &str = "`images/NAME.png` and `masks/NAME.png` (also .jpg, .jpeg and .bmp)";
const EXTENSIONS: [&str; 4] = ["png", "jpg", "jpeg", "bmp"];

/// The cases below `root`, by id: the file's name without its extension.
pub(super) fn find(root: &Path) -> Result<Vec<CaseFiles>, DataError> {
    let images = pictures(&root.join("images"))?;
    let mut masks = pictures(&root.join("masks"))?;
    if images.is_empty() && masks.is_empty() {
        return Err(DataError::NoCases { path: root.to_owned(), layout: LAYOUT });
    }
    let mut cases = Vec::with_capacity(images.len());
    for (id, image) in images {
        match masks.remove(&id) {
            Some(mask) => cases.push(CaseFiles { id, image, mask }),
            None => return Err(DataError::NoMask { expected: root.join("masks").join(format!("{id}.png")), case: id }),
        }
    }
    match masks.into_keys().next() {
        Some(id) => Err(DataError::NoImage { expected: root.join("images").join(format!("{id}.png")), case: id }),
        None => Ok(cases),
    }
}

/// The image files of a folder by their stems; other files are passed over.
fn pictures(folder: &Path) -> Result<BTreeMap<String, PathBuf>, DataError> {
    if !folder.is_dir() {
        return Err(DataError::NoFolder { path: folder.to_owned() });
    }
    let mut pictures = BTreeMap::new();
    for (name, path) in entries(folder)? {
        let Some((stem, extension)) = name.rsplit_once('.') else { continue };
        if !EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()) || !path.is_file() {
            continue;
        }
        if let Some(first) = pictures.insert(stem.to_owned(), path.clone()) {
            return Err(DataError::Twice { case: stem.to_owned(), first, second: path });
        }
    }
    Ok(pictures)
}
